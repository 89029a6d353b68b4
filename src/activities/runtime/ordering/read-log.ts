import { type SQL, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../../db/client.ts';
import type { DomainEvent } from '../../../events/index.ts';
import type { OpenOutcome } from '../../../transport/dispatch.ts';
import type { Effect } from '../effect.ts';
import { fits, PAGE_BYTES, payloadBytes, payloadBytesAtLeast } from '../pages.ts';
import { eventColumns } from '../receipts.ts';
import type { OrderedEvent } from './isolate.ts';

export type Queryable = Database['db'] | Transaction;

// `limit 1` in a lateral subquery: by the index, event by event. A planner that has never heard of
// a subscriber, or was told of the tables when they were empty, would read them as a whole instead.
export const receiptOf = (event: SQL, subscriber: string) =>
  sql`(select true from knockon.receipts
    where event_id = ${event} and subscriber = ${subscriber} limit 1)`;

/** What is locked for an event `e`. */
export const lockKeyOf = (effect: Effect) =>
  effect.ordering === 'exclusive' ? sql`e.workspace_id` : sql`coalesce(e.sequence_id, e.id)`;

/** How far to read a sequence's log from the effect's cursor. */
export interface Stretch {
  sequence_id: string;
  /** Last `seq`, included. */
  upto: number;
  /** Most events. */
  most: number;
}

/** Events read in all beyond those that are asked for: predecessors that are not done. */
const PREDECESSORS = 2000;

/** Lets each stretch begin with its part of the predecessors. */
export function withPredecessors(stretches: Stretch[]): Stretch[] {
  const more = Math.ceil(PREDECESSORS / Math.max(1, stretches.length));
  return stretches.map((stretch) => ({ ...stretch, most: stretch.most + more }));
}

/** An event where it stands in its sequence's log, with what stands in its way. */
export interface Entry extends OrderedEvent {
  /**
   * `due`: may be done as soon as those before it are. `foreign`: not this effect's. `hindered`: it
   * was tried or asked for time itself, so its own workflow alone decides when it is tried again;
   * or nobody has compared its payload with its type's schema yet.
   * `dead`: it has a dead letter.
   */
  place: 'done' | 'foreign' | 'due' | 'hindered' | 'dead';
  /** This call is for it. */
  mine: boolean;
  /** It was tried before, so others may wait for it. */
  tried: boolean;
  /** The highest `attempt` of the calls for it that are noted; null: none is. */
  last_attempt: number | null;
  /**
   * What it came to in calls for others, where this call is for it and has yet to report that: its
   * caller then waits, or gives it up, as for an answer of its own.
   */
  unreported: { outcome: OpenOutcome; age_ms: number }[] | null;
  /** Before the cursor, or in no sequence: it has no turn. */
  apart: boolean;
  /** What is known of why it is hindered or dead. */
  why: string | null;
  /** About how much its payload is, where it is due; else 0. */
  bytes: number;
  /** Whether its payload is here: only where it is due, and all that is due is not much. */
  is_read: boolean;
}

/** What a turn reads. */
export interface Reading {
  /** What is held. */
  keys: string[];
  stretches: Stretch[];
  /**
   * Ids of events that are this call's to try, whatever has become of them before: rows of
   * `event_id`.
   */
  mine: SQL;
}

/** A payload that is stored compressed was at most so many times as large. */
const SQUEEZED = 100;

/**
 * Reads sequences' logs from the effect's cursors on, in the order of sequences and seqs, and those
 * of `mine` that lie apart. Includes predecessors that were not dispatched yet, if the
 * effect subscribes to their type. Where what is due is much, its payloads are left to
 * `readPayloads`: all of a group's would be more than a process has room for.
 */
export async function readLog(
  db: Queryable,
  effect: Effect,
  { keys, stretches, mine }: Reading,
): Promise<Entry[]> {
  const rows = await db.execute(sql`
    with asked as (${withCursors(effect, stretches)}), mine as materialized (${mine}),
    line as materialized (${line}), log as (
      select *, false as apart from line
      union all
      ${apart(effect, keys)}
    )
    select ${eventColumns}, e.sequence_id, e.apart, e.mine, e.tried, e.last_attempt, e.unreported,
      e.why, e.place, e.bytes, e.is_read
    from (
      select p.id, p.type, p.version, p.workspace_id, p.channel_id, p.message_id, p.sequence_id,
        p.key, p.seq, p.timestamp, p.apart, p.mine, p.tried, p.last_attempt, p.unreported, p.why,
        p.place,
        case when p.place = 'due' then ${payloadBytesAtLeast(sql`p.payload`)} else 0 end as bytes,
        p.place = 'due' and ${isLittle} as is_read, case when p.place = 'due'
          and ${isLittle} then p.payload end as payload
      from (${placed(effect)}) p
    ) e
    order by e.apart desc, e.sequence_id, e.seq, e.id`);
  return rows as unknown as Entry[];
}

/** The stretches, each with the effect's cursor in its sequence. */
function withCursors(effect: Effect, stretches: Stretch[]): SQL {
  const column = (pick: (stretch: Stretch) => string | number) => sql.param(stretches.map(pick));
  return sql`
    select t.sequence_id, t.upto, t.most, coalesce(c.seq, -1) as cursor
    from unnest(${column((s) => s.sequence_id)}::uuid[], ${column((s) => s.upto)}::bigint[],
      ${column((s) => s.most)}::int[]) as t (sequence_id, upto, most)
    left join knockon.cursors c on c.subscriber = ${effect.name} and c.sequence_id = t.sequence_id`;
}

/**
 * The events of the stretches. `in`, and no join of `mine`: a planner that takes both for small
 * compares each with each.
 */
const line = sql`
  select e.*, e.id in (select event_id from mine) as mine from asked a cross join lateral (
    select * from knockon.events
    where sequence_id = a.sequence_id and seq > a.cursor and seq <= a.upto
    order by seq limit a.most
  ) e`;

/** Those of `mine` that are before the cursor, or in no sequence. */
const apart = (effect: Effect, keys: string[]) => sql`
  select e.*, true, true from (select event_id from mine except select id from line) rest
  cross join lateral (select * from knockon.events where id = rest.event_id limit 1) e
    left join asked a on a.sequence_id = e.sequence_id
  where (e.sequence_id is null or e.seq is null or e.seq <= a.cursor)
    and ${lockKeyOf(effect)} = any(${sql.param(keys)}::uuid[])`;

/** The events of `log`, each with its place. `offset 0`: so that a place is looked up once. */
const placed = (effect: Effect) => sql`
  select e.*, coalesce(t.is_there, false) as tried, t.last_attempt,
    case when e.mine then t.unreported end as unreported,
    coalesce(o.dead, t.last_error, case when o.unchecked then ${UNCHECKED} end) as why,
    case
      when ${receiptOf(sql`e.id`, effect.name)} then 'done'
      when e.mine then case when t.unreported is null then 'due' else 'hindered' end
      when o.is_its is not true then 'foreign'
      when o.dead is not null then 'dead'
      when t.is_there or o.unchecked then 'hindered'
      else 'due'
    end as place
  from log e
  left join lateral (
    select true as is_there, (array_agg(last_error order by updated_at desc))[1] as last_error,
      max(last_attempt) as last_attempt, json_agg(json_build_object('outcome', unreported, 'age_ms',
        extract(epoch from now() - updated_at) * 1000)) filter (where unreported is not null)
        as unreported
    from knockon.attempts
    where event_id = e.id and subscriber = ${effect.name} and waits_for is null
    having count(*) > 0
  ) t on true
  left join lateral (
    select ${isFor(effect)} as is_its, ${isUnchecked} as unchecked,
      (select reason from (select * from knockon.dead_letters where event_id = e.id offset 0) l
        where subscriber = ${effect.name} order by target limit 1) as dead
    from knockon.outbox o where not e.mine and o.event_id = e.id limit 1
  ) o on true
  offset 0`;

const UNCHECKED = 'its payload has not been compared with its schema yet';

/** Whether nobody has compared the event of the outbox's row `o` with its type's schema yet. */
const isUnchecked = sql`(o.unchecked is true and (o.dispatch_id is null
  or (select unchecked from knockon.dispatches where id = o.dispatch_id) is true))`;

/** Whether the event `e` of the outbox's row `o` was dispatched to the effect, or will be. */
function isFor({ name, on }: Effect): SQL {
  return sql`${sql.param(on)}::text[] && knockon.wanted_as(e.type)
    and (o.dispatch_id is null or ${name} = any((select subscribers from knockon.dispatches
      where id = o.dispatch_id)::text[]) or exists (
      select from (select dispatch_id from knockon.dispatch_events where event_id = e.id offset 0) x
      where ${name} = any((select subscribers from knockon.dispatches
        where id = x.dispatch_id)::text[])
    ))`;
}

/** Whether all payloads that are due are a page at most, however they are stored. */
const isLittle = sql`(sum(case when p.place = 'due'
  then pg_column_size(p.payload) * case when pg_column_compression(p.payload) is null then 1
    else ${SQUEEZED}::int end else 0 end) over () <= ${PAGE_BYTES})`;

/**
 * Reads the payloads of a turn that are not here: as many of its first events as fit into a page,
 * one at least. The others are left out.
 */
export async function readPayloads(db: Queryable, turn: Entry[]): Promise<Entry[]> {
  if (turn.every((entry) => entry.is_read)) return turn;
  const rows = await db.execute<{ id: string; payload: DomainEvent['payload'] }>(sql`
    select id, payload from (
      select id, place, case when ${fits} then payload end as payload, ${fits} as fits
      from (
        select e.id, t.place, e.payload, ${payloadBytes(sql`e.payload`)} as bytes
        from unnest(${sql.param(turn.map((entry) => entry.id))}::uuid[])
          with ordinality as t (id, place)
          cross join lateral (select * from knockon.events where id = t.id limit 1) e
      ) e window w as (order by place)
    ) e where fits order by place`);
  const payloads = new Map(rows.map((row) => [row.id, row.payload]));
  return turn.flatMap((entry) => {
    const payload = payloads.get(entry.id);
    return payload === undefined ? [] : { ...entry, payload, is_read: true };
  });
}
