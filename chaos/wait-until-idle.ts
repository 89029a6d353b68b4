import { setTimeout as wait } from 'node:timers/promises';
import type { Sql } from 'postgres';

/**
 * Longest that everything may take to come to rest, and longest without anything happening. In ms.
 */
const LONGEST = 15 * 60_000;
const STILL = 5 * 60_000;

/** Least between two looks, in ms. One that takes long takes a tenth of the time at most. */
const LOOK = 1500;

export interface IdleResult {
  /** How long it took, in ms. */
  ms: number;
  /** What was still open at the end, by who has it to do: empty, unless time ran out. */
  open: Record<string, number>;
}

type Open = Record<string, number>;

interface Settling {
  /** What is still to come, by who has it to do (default: everything). */
  look?: (pg: Sql) => Promise<Open>;
  /** Longest that is waited, in ms (default 15 min). */
  longestMs?: number;
}

/** Waits until every event is dispatched and every effect has happened or was given up. */
export async function waitUntilIdle(
  pg: Sql,
  tell: (line: string) => void,
  { look = whatIsOpen, longestMs = LONGEST }: Settling = {},
): Promise<IdleResult> {
  const began = Date.now();
  let [changed, before] = [began, ''];
  for (let looks = 0; ; looks += 1) {
    const asked = Date.now();
    const open = await look(pg);
    const took = Date.now() - asked;
    const now = JSON.stringify(open);
    if (now !== before) [changed, before] = [Date.now(), now];
    const isOver = Date.now() - began > longestMs || Date.now() - changed > STILL;
    if (now === '{}' || isOver) return { ms: Date.now() - began, open };
    if (looks % 4 === 0) tell(`still to come: ${inWords(open)}`);
    await wait(Math.max(LOOK, 9 * took));
  }
}

/** From events and receipts themselves: what the ledger says is looked at afterwards. */
async function whatIsOpen(pg: Sql): Promise<Open> {
  const rows = await pg<{ name: string; count: number }[]>`
    select 'dispatch' as name, count(*)::int from knockon.outbox where dispatch_id is null
    union all
    select s.name, count(*)::int from knockon.events e join knockon.subscribers s on s.event_types && knockon.wanted_as(e.type)
    where not exists (select from knockon.receipts r where r.event_id = e.id and r.subscriber = s.name)
      and not exists (select from knockon.dead_letters d where d.event_id = e.id and d.subscriber = s.name)
    group by s.name order by name`;
  return openWork(rows);
}

/** Those of which there is something still to come. */
export const openWork = (rows: { name: string; count: number }[]): Open =>
  Object.fromEntries(rows.filter(({ count }) => count > 0).map(({ name, count }) => [name, count]));

export const inWords = (open: Record<string, number>) =>
  Object.entries(open)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
