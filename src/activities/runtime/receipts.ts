import { type SQL, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { asynchronousCommit } from '../../db/statements.ts';
import type { AnsweredFor, OpenOutcome, Selection } from '../../transport/dispatch.ts';
import type { Open } from './outcomes.ts';

type Queryable = Database['db'] | Transaction;

/** Which events of which dispatch, for which subscriber. */
export interface Claim {
  dispatch_id: string;
  origin?: string;
  subscriber: string;
  events: Selection;
}

/**
 * A dispatch's events in the order of their ids never change, so a run of them can be named by
 * numbers. The fence keeps the planner from reading all events in that order until it has found
 * these. None where the dispatch is not here: what has expired was done, whatever is left of its
 * events, and a stranger's events are not ours.
 */
export function chosen({ dispatch_id, events }: Pick<Claim, 'dispatch_id' | 'events'>): SQL {
  if ('ids' in events)
    return sql`select event_id from unnest(${sql.param(events.ids)}::uuid[]) as t (event_id)
      where exists (select from knockon.dispatches where id = ${dispatch_id})`;
  const those = sql`
    select event_id from knockon.dispatched where dispatch_id = ${dispatch_id} offset 0`;
  return sql`select event_id from (${those}) those order by event_id offset ${events.offset}
    limit ${events.limit}`;
}

/** Whether these ids are all of events that a call is for. */
export async function areOfCall(db: Queryable, { ids, ...call }: AnsweredFor): Promise<boolean> {
  const [row] = await db.execute<{ are: boolean }>(sql`
    select not exists (
      select unnest(${sql.param(ids)}::uuid[]) except (${chosen(call)})) as are`);
  return row!.are;
}

/** When a dispatch was claimed that does again what is done; no row for every other. */
const again = (dispatchId: string) =>
  sql`select claimed_at from knockon.dispatches where id = ${dispatchId} and again`;

/** A receipt `r` counts, unless it is older than a dispatch that does again what is done. */
const counts = (dispatchId: string) =>
  sql`r.completed_at >= coalesce((${again(dispatchId)}), '-infinity')`;

/** Events `c` that are done for this subscriber, as far as this dispatch is concerned. */
export const isDone = ({
  dispatch_id,
  subscriber,
}: Pick<Claim, 'dispatch_id' | 'subscriber'>): SQL => sql`exists (
  select from knockon.receipts r where r.event_id = c.event_id and r.subscriber = ${subscriber}
    and ${counts(dispatch_id)})`;

/** An event as effects get it; of a row `e`. */
export const eventColumns = sql`e.id, e.type, e.version, e.workspace_id, e.channel_id, e.message_id,
  coalesce(e.key, e.channel_id::text) as key, e.seq::float8 as seq,
  to_char(e.timestamp at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as timestamp, e.payload`;

/**
 * Writes the receipts of those events that have none (or, where the dispatch does them again, an
 * older one), and returns the ids of these; undefined where that is all of them, as it nearly
 * always is. Another transaction that is writing the same receipts is waited for: of two calls for
 * an event one gets it.
 */
export async function claimReceipts(
  tx: Transaction,
  claim: Claim,
): Promise<Set<string> | undefined> {
  const [row] = await tx.execute<{ some: string[] | null }>(sql`
    with chosen as (${chosen(claim)}), fresh as (
      insert into knockon.receipts (event_id, subscriber)
        select event_id, ${claim.subscriber} from chosen
        order by event_id
      on conflict do nothing returning event_id
    ), renewed as (
      update knockon.receipts r set completed_at = now()
        from (${again(claim.dispatch_id)}) a, chosen c
      where r.event_id = c.event_id and r.subscriber = ${claim.subscriber}
        and r.completed_at < a.claimed_at returning r.event_id
    ), mine as (
      select event_id from fresh union all select event_id from renewed
    ), revived as (
      delete from knockon.dead_letters d using mine f where d.event_id = f.event_id
        and d.subscriber = ${claim.subscriber}
    )
    select case when count(*) < (select count(*) from chosen) then coalesce(array_agg(event_id),
      '{}') end as some from mine`);
  return row?.some ? new Set(row.some) : undefined;
}

/**
 * Takes back the receipts of events that turned out not to be done; where they are done again, they
 * were done once.
 */
export async function withdrawReceipts(
  tx: Transaction,
  { dispatch_id, subscriber }: Pick<Claim, 'dispatch_id' | 'subscriber'>,
  open: OpenOutcome[],
): Promise<void> {
  const those = sql`event_id = any(${sql.param(open.map((outcome) => outcome.event_id))}::uuid[])
    and subscriber = ${subscriber}`;
  await tx.execute(sql`
    with again as (${again(dispatch_id)}), put_back as (
      update knockon.receipts r set completed_at = a.claimed_at - interval '1 ms' from again a
        where ${those}
    )
    delete from knockon.receipts where ${those} and not exists (select from again)`);
}

/** The ids of the events that have no receipt yet. */
export async function openEvents(db: Queryable, claim: Claim): Promise<Set<string>> {
  const rows = await db.execute<{ event_id: string }>(
    sql`select event_id from (${chosen(claim)}) c where not ${isDone(claim)}`,
  );
  return new Set(rows.map((row) => row.event_id));
}

/** Writes receipts; the dead letters of these events are answered by them. */
export async function writeReceipts(
  db: Queryable,
  subscriber: string,
  eventIds: string[],
): Promise<void> {
  if (eventIds.length === 0) return;
  await db.execute(sql`
    with done as (select unnest(${sql.param(eventIds)}::uuid[]) as event_id), written as (
      insert into knockon.receipts (event_id, subscriber) select event_id, ${subscriber} from done
        order by event_id
      on conflict (event_id, subscriber) do update set completed_at = excluded.completed_at
    )
    delete from knockon.dead_letters d using done where d.event_id = done.event_id
      and d.subscriber = ${subscriber}`);
}

/**
 * Targets of an event are done: the dead letter of each, if there was one, is answered.
 */
export async function completeTargets(
  db: Queryable,
  subscriber: string,
  eventId: string,
  targets: string[],
): Promise<void> {
  if (targets.length === 0) return;
  const those = sql`event_id = ${eventId} and subscriber = ${subscriber}
    and target = any(${sql.param(targets)}::text[])`;
  await db.execute(sql`
    with answered as (delete from knockon.dead_letters where ${those})
    update knockon.attempts set waiting_until = null where ${those} and target = any(array(
      select target from knockon.attempts where ${those} for no key update skip locked
    ))`);
}

interface HowToRecord {
  /**
   * It is not waited until it is on the disk. Outside of a transaction only: its other writes would
   * not be waited for either.
   */
  lazily?: true;
  /** Of an ordered effect: which attempt it was. */
  attempt?: number;
  /** Of an ordered effect: events whose own calls have yet to report it. */
  unreported?: Set<string>;
}

/**
 * Whether the row of an attempt `t` can be written. Nobody waits for one that somebody keeps
 * locked: it is left as it is.
 */
const isWritable = (subscriber: string): SQL => {
  const row = sql`from knockon.attempts w where w.event_id = t.event_id
    and w.subscriber = ${subscriber} and w.target = t.target`;
  return sql`coalesce((select true ${row} for no key update skip locked),
    not exists (select ${row}))`;
};

/** Postgres has no such character in texts, and effects may fail or answer with any. */
export const storable = (text: string): string => text.replaceAll('\0', '');

/**
 * Notes what is not done and why. A `later` is not a failed attempt: it only says until when, by
 * the database's clock.
 */
export async function recordAttempts(
  db: Queryable,
  subscriber: string,
  open: Open[],
  { lazily, attempt, unreported }: HowToRecord = {},
): Promise<void> {
  if (open.length === 0) return;
  const now = Date.now();
  const column = (pick: (outcome: Open) => string | number | null) => sql.param(open.map(pick));
  const waitOf = (o: Open) =>
    o.state === 'later' ? (o.in_ms ?? Math.max(0, Date.parse(o.until) - now)) : null;
  const reportOf = (o: Open) =>
    unreported?.has(o.event_id) ? JSON.stringify({ ...o, reason: o.reason?.slice(0, 2000) }) : null;
  await db.execute(sql`
    ${lazily ? sql`with lazy as materialized (${asynchronousCommit})` : sql``}
    insert into knockon.attempts as a (event_id, subscriber, target, attempts, last_error,
      waiting_until, unreported, last_attempt)
    select event_id, ${subscriber}, target, failed, reason,
      now() + make_interval(secs => in_ms / 1000), report::json, ${attempt ?? null}::int
    from ${lazily ? sql`lazy cross join` : sql``} unnest(
      ${column((o) => o.event_id)}::uuid[], ${column((o) => o.target ?? '')}::text[],
      ${column((o) => (o.state === 'later' ? 0 : 1))}::int[],
      ${column(({ reason }) => (reason == null ? null : storable(reason).slice(0, 2000)))}::text[],
      ${column(waitOf)}::float8[],
      ${column(reportOf)}::text[]
    ) as t (event_id, target, failed, reason, in_ms, report)
    where ${isWritable(subscriber)} order by event_id, target
    on conflict (event_id, subscriber, target) do update set
      attempts = a.attempts + excluded.attempts,
      last_error = coalesce(excluded.last_error, a.last_error),
      waiting_until = excluded.waiting_until, waits_for = null,
      unreported = coalesce(excluded.unreported, a.unreported),
      last_attempt = greatest(a.last_attempt, excluded.last_attempt), updated_at = now()`);
}

/** Notes against each event of a call that failed as a whole why it did. @returns their ids */
export async function recordFailure(
  db: Queryable,
  claim: Claim & { target?: string },
  reason: string,
): Promise<string[]> {
  const rows = await db.execute<{ event_id: string }>(sql`
    insert into knockon.attempts as a (event_id, subscriber, target, attempts, last_error)
    select c.event_id, ${claim.subscriber}, ${claim.target ?? ''}, 1, ${reason.slice(0, 2000)}
      from (${chosen(claim)}) c
    where not ${isDone(claim)}
    order by c.event_id
    on conflict (event_id, subscriber, target) do update set attempts = a.attempts + 1,
      last_error = excluded.last_error,
      waiting_until = null, waits_for = null, unreported = null, updated_at = now()
    returning a.event_id`);
  return rows.map((row) => row.event_id);
}
