import { type SQL, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../../db/client.ts';
import type { DomainEvent } from '../../../events/index.ts';
import type { EffectCall } from '../../../transport/dispatch.ts';
import type { Effect } from '../effect.ts';
import { fits, PAGE, payloadBytes, payloadBytesAtLeast } from '../pages.ts';
import { chosen, eventColumns } from '../receipts.ts';

type Queryable = Database['db'] | Transaction;

/** An event that a call is for and that is not done. */
export interface Wanted {
  id: string;
  /** What is locked for it: its channel or its workspace. */
  key: string;
  /** Null: it has no place in any order. */
  channel_id: string | null;
  seq: number | null;
  /** How long it was last made to wait, in ms; 0 at first. */
  waited_ms: number;
  /** It was tried before, so others may wait for it. */
  tried: boolean;
  /** Events of its dispatch. */
  dispatch_size: number;
}

// `limit 1` in a lateral subquery: by the index, event by event. A planner that has never heard of
// a subscriber, or was told of the tables when they were empty, would read them as a whole instead.
const receiptOf = (event: SQL, subscriber: string) =>
  sql`(select true from receipts where event_id = ${event} and subscriber = ${subscriber} limit 1)`;

/** What is locked for an event `e`. */
const keyOf = (effect: Effect) =>
  effect.ordering === 'exclusive' ? sql`e.workspace_id` : sql`coalesce(e.channel_id, e.id)`;

/**
 * Where a call's events are: a channel (null: events that are in none), what is locked for it, how
 * many there, done or not, and the last's `seq`.
 */
export interface Place {
  channel_id: string | null;
  key: string;
  events: number;
  upto: number | null;
}

export async function readPlaces(
  db: Queryable,
  effect: Effect,
  call: EffectCall,
): Promise<Place[]> {
  const rows = await db.execute(sql`
    with chosen as (${chosen(call)})
    select e.channel_id, ${keyOf(effect)} as key, count(*)::int as events,
      max(e.seq)::float8 as upto
    from chosen c cross join lateral (select * from events where id = c.event_id limit 1) e
      group by 1, 2`);
  return rows as unknown as Place[];
}

/** The events of this call that have no receipt. */
export async function readWanted(
  db: Queryable,
  effect: Effect,
  call: EffectCall,
): Promise<Wanted[]> {
  const rows = await db.execute(sql`
    with chosen as (${chosen(call)})
    select e.id, ${keyOf(effect)} as key, e.channel_id, e.seq::float8 as seq,
      coalesce(extract(epoch from t.waited) * 1000, 0)::float8 as waited_ms,
      coalesce(t.tried, false) or l.is_there is not null as tried,
      coalesce((select size from dispatches where id = ${call.dispatch_id}), 1) as dispatch_size
    from chosen c cross join lateral (select * from events where id = c.event_id limit 1) e
    left join lateral (
      select max(waiting_until - updated_at) filter (where target = '') as waited,
        bool_or(waits_for is null) as tried
      from attempts where event_id = e.id and subscriber = ${effect.name}
    ) t on true
    left join lateral (
      select true as is_there from (select subscriber from dead_letters
        where event_id = e.id offset 0) l where subscriber = ${effect.name} limit 1
    ) l on true
    where ${receiptOf(sql`e.id`, effect.name)} is null
    order by e.channel_id, e.seq, e.id`);
  return rows as unknown as Wanted[];
}

/** How far to read a channel's log from the effect's cursor. */
export interface Stretch {
  channel_id: string;
  /** Last `seq`, included. */
  upto: number;
  /** Most events. */
  most: number;
}

/** An event where it stands in its channel's log, with what stands in its way. */
export interface Entry extends DomainEvent {
  /**
   * `due`: may be done as soon as those before it are. `foreign`: not this effect's. `hindered`: it
   * was tried or asked for time itself, so its own workflow alone decides when it is tried again.
   * `dead`: it has a dead letter.
   */
  place: 'done' | 'foreign' | 'due' | 'hindered' | 'dead';
  /** This call is for it. */
  mine: boolean;
  /** It was tried before, so others may wait for it. */
  tried: boolean;
  /** Before the cursor, or in no channel: it has no turn. */
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
 * Reads channels' logs from the effect's cursors on, in the order of channels and seqs, and those
 * of `mine` that lie apart. Predecessors are there too that have not reached this effect, or
 * anybody, yet: they are its if it is registered for them. Where what is due is much, its payloads
 * are left to `readPayloads`: all of a group's would be more than a process has room for.
 */
export async function readLog(
  db: Queryable,
  effect: Effect,
  { keys, stretches, mine }: Reading,
): Promise<Entry[]> {
  const column = (pick: (stretch: Stretch) => string | number) => sql.param(stretches.map(pick));
  const types = sql.param(effect.on);
  // `in`, and no join of `mine`: a planner that takes both for small compares each with each.
  const rows = await db.execute(sql`
    with asked as (
      select t.channel_id, t.upto, t.most, coalesce(c.seq, -1) as cursor
      from unnest(${column((s) => s.channel_id)}::uuid[], ${column((s) => s.upto)}::bigint[],
        ${column((s) => s.most)}::int[]) as t (channel_id, upto, most)
      left join cursors c on c.subscriber = ${effect.name} and c.channel_id = t.channel_id
    ), mine as materialized (${mine}), line as materialized (
      select e.*, e.id in (select event_id from mine) as mine from asked a cross join lateral (
        select * from events where channel_id = a.channel_id and seq > a.cursor and seq <= a.upto
          order by seq limit a.most
      ) e
    ), log as (
      select *, false as apart from line
      union all
      select e.*, true, true from (select event_id from mine except select id from line) rest
      cross join lateral (select * from events where id = rest.event_id limit 1) e
        left join asked a on a.channel_id = e.channel_id
      where (e.channel_id is null or e.seq is null or e.seq <= a.cursor)
        and ${keyOf(effect)} = any(${sql.param(keys)}::uuid[])
    )
    select ${eventColumns}, e.apart, e.mine, e.tried, e.why, e.place, e.bytes, e.is_read from (
      select p.id, p.type, p.version, p.workspace_id, p.channel_id, p.message_id, p.seq,
        p.timestamp, p.apart, p.mine, p.tried, p.why, p.place,
        case when p.place = 'due' then ${payloadBytesAtLeast(sql`p.payload`)} else 0 end as bytes,
        p.place = 'due' and ${isLittle} as is_read, case when p.place = 'due'
          and ${isLittle} then p.payload end as payload
      from (
        select e.*, coalesce(t.is_there, false) as tried, coalesce(o.dead, t.last_error) as why,
          case
            when ${receiptOf(sql`e.id`, effect.name)} then 'done'
            when e.mine then 'due'
            when o.is_its is not true then 'foreign'
            when o.dead is not null then 'dead'
            when t.is_there then 'hindered'
            else 'due'
          end as place
        from log e
        left join lateral (
          select last_error, true as is_there from attempts
          where event_id = e.id and subscriber = ${effect.name} and waits_for is null
            order by updated_at desc limit 1
        ) t on true
        left join lateral (
          select (e.type = any(${types}::text[]) or '*' = any(${types}::text[]))
              and (o.dispatch_id is null or ${effect.name} = any((select subscribers from dispatches
                where id = o.dispatch_id)::text[]) or exists (
                select from (
                  select dispatch_id from dispatch_events where event_id = e.id offset 0) x
                where ${effect.name} = any((select subscribers from dispatches
                  where id = x.dispatch_id)::text[])
              )) as is_its,
            (select reason from (select * from dead_letters where event_id = e.id offset 0) l
              where subscriber = ${effect.name} order by target limit 1) as dead
          from outbox o where not e.mine and o.event_id = e.id limit 1
        ) o on true
        -- So that each event's place is looked up once.
        offset 0
      ) p
    ) e
    order by e.apart desc, e.channel_id, e.seq, e.id`);
  return rows as unknown as Entry[];
}

/** Whether all payloads that are due are a page at most, however they are stored. */
const isLittle = sql`(sum(case when p.place = 'due'
  then pg_column_size(p.payload) * case when pg_column_compression(p.payload) is null then 1
    else ${SQUEEZED}::int end else 0 end) over () <= ${PAGE})`;

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
          cross join lateral (select * from events where id = t.id limit 1) e
      ) e window w as (order by place)
    ) e where fits order by place`);
  const payloads = new Map(rows.map((row) => [row.id, row.payload]));
  return turn.flatMap((entry) => {
    const payload = payloads.get(entry.id);
    return payload === undefined ? [] : { ...entry, payload, is_read: true };
  });
}

/** These events, as a turn reads them. */
export const these = (ids: string[]): SQL =>
  sql`select unnest(${sql.param(ids)}::uuid[]) as event_id`;
