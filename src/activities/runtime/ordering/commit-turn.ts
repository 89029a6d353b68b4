import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../../db/client.ts';
import type { OpenOutcome } from '../../../transport/dispatch.ts';
import { FencedOffError } from '../locks/lock.ts';
import type { Entry } from './read-log.ts';

/** The event at which a sequence stands still. */
export interface BlockingEvent {
  id: string;
  type: string;
  seq: number | null;
  /** For people: what is the matter with it. */
  why: string;
}

/**
 * Writes the receipts of a turn and moves its sequences' cursors, in one statement.
 *
 * @throws FencedOffError where `once` and somebody else has written one of these receipts meanwhile
 */
export async function commitTurn(
  tx: Transaction,
  subscriber: string,
  { done, cursors, once }: { done: string[]; cursors: Map<string, number>; once: boolean },
): Promise<void> {
  if (done.length === 0 && cursors.size === 0) return;
  const [row] = await tx.execute<{ written: number }>(sql`
    with done as (select unnest(${sql.param(done)}::uuid[]) as event_id), written as (
      insert into knockon.receipts (event_id, subscriber) select event_id, ${subscriber} from done
        order by event_id
      on conflict do nothing returning event_id
    ), answered as (
      delete from knockon.dead_letters d using done where d.event_id = done.event_id
        and d.subscriber = ${subscriber}
    ), moved as (
      insert into knockon.cursors as c (subscriber, sequence_id, seq)
      select ${subscriber}, sequence_id, seq
      from unnest(${sql.param([...cursors.keys()])}::uuid[],
        ${sql.param([...cursors.values()])}::bigint[]) as t (sequence_id, seq) order by sequence_id
      on conflict (subscriber, sequence_id) do update set seq = excluded.seq
        where c.seq < excluded.seq
    )
    select count(*)::int as written from written`);
  if (once && row?.written !== done.length)
    throw new FencedOffError(
      'another worker has done some of these events meanwhile: nothing was written',
    );
}

/** Events that wait until another is done, and in how many ms they are to be called again. */
export interface Waits {
  ids: string[];
  blocking: BlockingEvent;
  inMs: number;
}

/** Notes against events which one they wait for; that is no attempt. */
export async function recordWaits(
  tx: Transaction,
  subscriber: string,
  { ids, blocking, inMs }: Waits,
): Promise<void> {
  const where = `${blocking.type} ${blocking.id}, before it in its sequence`;
  const reason = `waits for ${where}, which ${blocking.why}`.slice(0, 2000);
  await tx.execute(sql`
    insert into knockon.attempts as a (event_id, subscriber, target, attempts, last_error,
      waiting_until, waits_for)
    select event_id, ${subscriber}, '', 0, ${reason}, now() + make_interval(secs => ${inMs / 1000}),
      ${blocking.id}::uuid
    from unnest(${sql.param(ids)}::uuid[]) as t (event_id) order by event_id
    on conflict (event_id, subscriber, target) do update set last_error = excluded.last_error,
      waiting_until = excluded.waiting_until,
      waits_for = case when a.waits_for is not null then excluded.waits_for end,
        updated_at = now()`);
}

/**
 * Notes that an event is about to be tried: if its worker dies of it, everybody else leaves it
 * alone.
 */
export async function recordBegun(
  db: Database['db'],
  subscriber: string,
  eventId: string,
): Promise<void> {
  const reason = 'its worker died or ran out of time while it was at it';
  await db.execute(sql`
    insert into knockon.attempts (event_id, subscriber, target, attempts, last_error)
      values (${eventId}, ${subscriber}, '', 0, ${reason})
    on conflict (event_id, subscriber, target) do update set last_error = excluded.last_error,
      waiting_until = null, waits_for = null, unreported = null, updated_at = now()`);
}

/** What these events came to in calls for others, as their own call answers it now. */
export const reportsOf = (log: Entry[]): OpenOutcome[] =>
  log.flatMap(({ place, unreported }) =>
    place === 'done' ? [] : (unreported ?? []).map(({ outcome, age_ms }) => aged(outcome, age_ms)),
  );

/** Of what it asked to be waited for, what is left. */
function aged(outcome: OpenOutcome, ageMs: number): OpenOutcome {
  const left = (ms: number, atLeast: number) => Math.max(atLeast, Math.ceil(ms - ageMs));
  if (outcome.state === 'later') {
    const in_ms = left(outcome.in_ms ?? Date.parse(outcome.until) - Date.now() + ageMs, 0);
    return { ...outcome, until: new Date(Date.now() + in_ms).toISOString(), in_ms };
  }
  if (outcome.state !== 'retry' || outcome.after_ms === undefined) return outcome;
  // 0 would have it tried at once, whatever the policy says.
  return { ...outcome, after_ms: left(outcome.after_ms, 1) };
}

/** From then on these events' own calls call the effect. */
export async function markReported(
  tx: Transaction,
  subscriber: string,
  reports: OpenOutcome[],
): Promise<void> {
  if (reports.length === 0) return;
  const ids = reports.map(({ event_id }) => event_id);
  await tx.execute(sql`update knockon.attempts set unreported = null
    where event_id = any(${sql.param(ids)}::uuid[]) and subscriber = ${subscriber}`);
}
