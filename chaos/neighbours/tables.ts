import Table from 'cli-table3';
import { explained, number, promises, style } from '../report/tables.ts';
import type { Bar } from './bars.ts';
import type { NeighboursOutcome } from './outcome.ts';

/** The outcome for people. */
export function neighboursTables(outcome: NeighboursOutcome): string {
  const { ok, bars, checks, seed, minutes, transport, slack } = outcome;
  const [low, broken] = [
    bars.filter(({ kept }) => !kept),
    checks.filter(({ wrong }) => wrong.length > 0),
  ];
  const run = `(seed ${seed}, ${minutes} minutes, ${transport}${slack === 1 ? '' : `, ${slack} times as long allowed`})`;
  const last = ok
    ? `Nobody waited for somebody else, and nothing was lost ${run}.`
    : `${low.length} bars and ${broken.length} promises were not kept ${run}.`;
  const reasons = [
    ...low.filter(({ such_as }) => such_as.length > 0).map(suchAs),
    ...broken.map(explained),
  ];
  return [
    neighbours(outcome),
    work(outcome),
    promises(outcome),
    measured(bars),
    ...reasons,
    last,
  ].join('\n\n');
}

function neighbours({ bad }: NeighboursOutcome): string {
  const table = new Table({
    head: ['neighbour', 'does', 'times', 'left out', 'answered', 'slowest', 'late'],
    colAligns: ['left', 'left', 'right', 'right', 'left', 'right', 'right'],
    style,
  });
  for (const { name, does, acts, left_out, answers, slowest_seconds, late } of bad) {
    const statuses = Object.entries(answers).map(([how, count]) => `${how}: ${number(count)}`);
    table.push([
      name,
      does,
      number(acts),
      number(left_out),
      statuses.join('  '),
      `${slowest_seconds} s`,
      number(late),
    ]);
  }
  return table.toString();
}

function work({ good }: NeighboursOutcome): string {
  const table = new Table({
    head: ['the good one', '', 'count', 'p50 ms', 'p99 ms', 'slowest ms'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style,
  });
  for (const [phase, times] of Object.entries(good))
    for (const [what, { count, p50, p99, max }] of Object.entries(times))
      table.push([what, phase, number(count), time(p50), time(p99), time(max)]);
  return table.toString();
}

function measured(bars: Bar[]): string {
  const table = new Table({
    head: ['bar', 'alone', 'beside', 'allowed', ''],
    colAligns: ['left', 'right', 'right', 'right', 'left'],
    style,
  });
  for (const { bar, alone, beside, most, kept } of bars)
    table.push([bar, time(alone), time(beside), number(most), kept ? 'kept' : 'NOT KEPT']);
  return table.toString();
}

const suchAs = ({ bar, such_as }: Bar) =>
  [`Not kept: ${bar}`, ...such_as.map((what) => `  ${what}`)].join('\n');

const time = (ms: number | null) =>
  ms === null || !Number.isFinite(ms) ? 'never' : number(Math.round(ms));
