import Table from 'cli-table3';
import type { Outcome } from './outcome.ts';

/** Things that are wrong in one way, shown of each check. */
const SHOWN = 5;

/** The outcome for people. */
export function tables(outcome: Outcome): string {
  const { ok, checks, seed, minutes, transport } = outcome;
  const broken = checks.filter(({ wrong }) => wrong.length > 0);
  const last = ok
    ? `Nothing was lost, doubled or out of order (seed ${seed}, ${minutes} minutes, ${transport}).`
    : `${broken.length} promises were not kept (seed ${seed}, ${minutes} minutes, ${transport}).`;
  return [
    counted(outcome),
    outcome.troubles ? troubled(outcome.troubles) : killed(outcome),
    promises(outcome),
    ...broken.map(explained),
    last,
  ].join('\n\n');
}

function counted({ traffic, answers, settled_seconds }: Outcome): string {
  const table = new Table({ head: ['traffic', ''], style });
  for (const [what, count] of Object.entries(traffic)) table.push([what, number(count)]);
  table.push([
    'calls by answer',
    Object.entries(answers)
      .map(([how, count]) => `${how}: ${number(count)}`)
      .join('  '),
  ]);
  table.push(['at rest after', `${settled_seconds} s`]);
  return table.toString();
}

function killed({ parts }: Outcome): string {
  const table = new Table({
    head: ['process', 'killed', 'frozen', 'starts in vain', 'ended by itself'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style,
  });
  for (const { name, kills, freezes, failed_starts, ended_by_itself } of parts)
    table.push([name, kills, freezes, failed_starts, ended_by_itself.length]);
  return table.toString();
}

function troubled(troubles: NonNullable<Outcome['troubles']>): string {
  const table = new Table({
    head: ['trouble', 'lasted', 'a webhook came after', 'ready after'],
    colAligns: ['left', 'right', 'right', 'right'],
    style,
  });
  const seconds = (n: number | null) => (n === null ? 'over 60 s' : `${n.toFixed(1)} s`);
  for (const { trouble, seconds: lasted, webhook_after, ready_after } of troubles)
    table.push([trouble, seconds(lasted), seconds(webhook_after), seconds(ready_after)]);
  return table.toString();
}

export function promises({ checks }: Pick<Outcome, 'checks'>): string {
  const table = new Table({
    head: ['promise', 'looked at', 'wrong'],
    colAligns: ['left', 'right', 'right'],
    style,
  });
  for (const { promise, examined, wrong } of checks)
    table.push([promise, number(examined), wrong.length === 0 ? 'none' : number(wrong.length)]);
  return table.toString();
}

export function explained({ promise, wrong }: Outcome['checks'][number]): string {
  const more = wrong.length > SHOWN ? [`  and ${wrong.length - SHOWN} more`] : [];
  return [
    `Not kept: ${promise}`,
    ...wrong.slice(0, SHOWN).map((what) => `  ${what}`),
    ...more,
  ].join('\n');
}

export const style = { head: [], border: [], compact: true };

export const number = (n: number) => n.toLocaleString('en-US');
