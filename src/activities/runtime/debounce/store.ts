import { type SQL, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../../db/client.ts';
import type { DomainEvent } from '../../../events/index.ts';
import type { Effect } from '../effect.ts';
import type { DebounceState, Fate, KeyedEvent } from './decide.ts';

/** What is written down of a key, locked. Times are in ms since 1970. */
export interface LockedState {
  workspace_id: string;
  key: string;
  state: DebounceState;
  fate: { newest: Fate; called: Fate };
  /** The database's clock. */
  now: number;
}

type Row = Pick<LockedState, 'workspace_id' | 'key' | 'now'> & {
  began_at: number | null;
  seen_at: number | null;
  newest_id: string | null;
  newest_seq: number | null;
  newest_at: number | null;
  newest_fate: Fate;
  called_id: string | null;
  called_seq: number | null;
  called_fate: Fate;
} & Record<string, unknown>;

const fateOf = (event: string, subscriber: string) => sql`case
  when (select true from knockon.receipts where event_id = ${sql.raw(event)}
    and subscriber = ${subscriber} limit 1) then 'done'
  when (select true from knockon.dead_letters where event_id = ${sql.raw(event)}
    and subscriber = ${subscriber} limit 1) then 'dead'
  else 'open' end`;

const ms = (column: string) => sql`extract(epoch from ${sql.raw(column)})::float8 * 1000`;

/**
 * Locks what is written down of these events' keys, in one order; makes what is not there. The lock
 * comes by an update: what is over may be deleted at any moment until then.
 *
 * @param events one a key
 */
export async function lockStates(
  tx: Transaction,
  subscriber: string,
  events: DomainEvent[],
): Promise<LockedState[]> {
  const workspaces = sql.param(events.map(({ workspace_id }) => workspace_id));
  const keys = sql.param(events.map(({ key }) => key));
  const those = sql`unnest(${workspaces}::uuid[], ${keys}::text[]) as t (workspace_id, key)`;
  await tx.execute(sql`
    insert into knockon.debounces as d (subscriber, workspace_id, key)
    select ${subscriber}, workspace_id, key from ${those} order by workspace_id, key
    on conflict (subscriber, workspace_id, key) do update set look_at = d.look_at`);
  const rows = await tx.execute<Row>(sql`
    select workspace_id, key, ${ms('began_at')} as began_at, ${ms('seen_at')} as seen_at, newest_id,
      newest_seq::float8 as newest_seq, ${ms('newest_at')} as newest_at, called_id,
      called_seq::float8 as called_seq, ${ms('clock_timestamp()')} as now,
      ${fateOf('newest_id', subscriber)} as newest_fate,
      ${fateOf('called_id', subscriber)} as called_fate
    from knockon.debounces d join ${those} using (workspace_id, key)
    where d.subscriber = ${subscriber}`);
  return rows.map(lockedOf);
}

const lockedOf = (row: Row): LockedState => ({
  workspace_id: row.workspace_id,
  key: row.key,
  state: {
    began_at: row.began_at,
    seen_at: row.seen_at,
    newest:
      row.newest_id === null
        ? null
        : { id: row.newest_id, seq: row.newest_seq!, at: row.newest_at! },
    called: row.called_id === null ? null : { id: row.called_id, seq: row.called_seq! },
  },
  fate: { newest: row.newest_fate, called: row.called_fate },
  now: row.now,
});

export async function writeStates(
  tx: Transaction,
  subscriber: string,
  states: LockedState[],
): Promise<void> {
  const column = (pick: (one: LockedState) => string | number | null) =>
    sql.param(states.map(pick));
  const at = (name: string) => sql`to_timestamp(${sql.raw(name)} / 1000)`;
  await tx.execute(sql`
    update knockon.debounces d set began_at = ${at('t.began_at')}, seen_at = ${at('t.seen_at')},
      newest_id = t.newest_id, newest_seq = t.newest_seq, newest_at = ${at('t.newest_at')},
      called_id = t.called_id, called_seq = t.called_seq, look_at = now() + interval '1 day'
    from unnest(
      ${column((s) => s.workspace_id)}::uuid[], ${column((s) => s.key)}::text[],
      ${column((s) => s.state.began_at)}::float8[], ${column((s) => s.state.seen_at)}::float8[],
      ${column((s) => s.state.newest?.id ?? null)}::uuid[],
      ${column((s) => s.state.newest?.seq ?? null)}::bigint[],
      ${column((s) => s.state.newest?.at ?? null)}::float8[],
      ${column((s) => s.state.called?.id ?? null)}::uuid[],
      ${column((s) => s.state.called?.seq ?? null)}::bigint[]
    ) as t (workspace_id, key, began_at, seen_at, newest_id, newest_seq, newest_at, called_id,
      called_seq)
    where d.subscriber = ${subscriber} and d.workspace_id = t.workspace_id and d.key = t.key`);
}

/** Where an event stands: its key's sequence, and when it was to be dispatched. */
export interface KeyPosition {
  sequence_id: string;
  /** Its moment, where it had been scheduled. In ms since 1970. */
  at: number;
}

/** @returns by their ids */
export async function readKeyPositions(
  tx: Transaction,
  events: DomainEvent[],
): Promise<Map<string, KeyPosition>> {
  const rows = await tx.execute<{ id: string } & KeyPosition & Record<string, unknown>>(sql`
    select id, sequence_id, ${ms('coalesce(deliver_at, timestamp)')} as at from knockon.events
    where id = any(${sql.param(events.map(({ id }) => id))}::uuid[])`);
  return new Map(rows.map((row) => [row.id, row]));
}

/** Events at the end of a sequence among which the newest is looked for: some are for others. */
const LATEST = 100;

type LatestRow = { sequence_id: string } & KeyedEvent & Record<string, unknown>;

/**
 * The newest event of each of these sequences, after that `seq`, that was dispatched to the
 * subscriber and is neither done nor given up. Its call may be under way, or wait in a queue.
 *
 * @returns by their sequences
 */
export async function readLatest(
  tx: Transaction,
  { name, on }: Pick<Effect, 'name' | 'on'>,
  after: Map<string, number>,
): Promise<Map<string, KeyedEvent>> {
  const rows = await tx.execute<LatestRow>(sql`
    select t.sequence_id, l.id, l.seq::float8 as seq, ${ms('l.at')} as at
    from unnest(${sql.param([...after.keys()])}::uuid[],
      ${sql.param([...after.values()])}::bigint[]) as t (sequence_id, seq)
    cross join lateral (
      select e.id, e.seq, e.at from (
        select id, type, seq, coalesce(deliver_at, timestamp) as at from knockon.events
        where sequence_id = t.sequence_id and seq > t.seq order by seq desc limit ${LATEST}
      ) e
      where case when ${sql.param(on)}::text[] && knockon.wanted_as(e.type)
        then ${isDispatched(sql`e.id`, name)} and ${fateOf('e.id', name)} = 'open' end
      order by e.seq desc limit 1
    ) l`);
  return new Map(rows.map(({ sequence_id, id, seq, at }) => [sequence_id, { id, seq, at }]));
}

/** Not those whose payload nobody has compared with its schema yet: it may not fit. */
const isDispatched = (event: SQL, subscriber: string): SQL => sql`exists (
  select from (select dispatch_id from knockon.dispatched where event_id = ${event} offset 0) x
  where ${subscriber} = any((select subscribers from knockon.dispatches
    where id = x.dispatch_id and unchecked is not true)::text[]))`;

/** Notes which event stands for each of these. Their receipts are written by the call itself. */
export async function writeMerges(
  db: Database['db'] | Transaction,
  subscriber: string,
  merged: [DomainEvent, string][],
): Promise<void> {
  if (merged.length === 0) return;
  await db.execute(sql`
    insert into knockon.merges (event_id, subscriber, merged_into)
    select event_id, ${subscriber}, merged_into
    from unnest(${sql.param(merged.map(([{ id }]) => id))}::uuid[],
      ${sql.param(merged.map(([, into]) => into))}::uuid[]) as t (event_id, merged_into)
    order by event_id
    on conflict (event_id, subscriber) do update set merged_into = excluded.merged_into`);
}
