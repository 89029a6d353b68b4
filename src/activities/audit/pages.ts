import type { TransactionSql } from 'postgres';
import type { DomainEvent } from '../../events/index.ts';
import type { RecordedEntry } from './check-entry.ts';
import { type Expiry, expiryOf } from './expiry.ts';

/** The end of a chain, or of a part of it. */
export interface End {
  entries: number;
  hash: Buffer;
}

/** Consecutive entries and what decides whether they hold, all from one snapshot. */
export interface ChainPage {
  entries: RecordedEntry[];
  /** There are no entries after these. */
  isLast: boolean;
  /** The recorded end of the whole chain; null if nothing was recorded. */
  head: End | null;
  /** Events with a smaller id may have expired; null: none has. */
  expired: string | null;
}

/** Entries in a page, and bytes of their events as stored. Small pages hold up nobody. */
const ENTRIES = 250;
const BYTES = 256 * 1024;

/** Events in a page of the log. */
const EVENTS = 1000;

/** UTC with milliseconds, as events and entries are hashed. */
const FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"';

type Row = Expiry & { head_entries: number | null; head_hash: Buffer | null; looked_at: number } & (
    | RecordedEntry
    | { [column in keyof RecordedEntry]: null }
  );

/**
 * Reads a page of a chain after a position. `lateral … offset 0` makes the planner look each event
 * up by the index, whatever its statistics say.
 */
export async function readChain(
  pg: TransactionSql,
  key: Buffer,
  workspaceId: string,
  after: number,
): Promise<ChainPage> {
  const rows = await pg<Row[]>`
    with page as materialized (
      select * from knockon.audit_entries where workspace_id = ${workspaceId}
        and position > ${after}
      order by position limit ${ENTRIES}
    ), with_events as (
      select a.*, e.id, e.type, e.version, e.workspace_id as theirs, e.channel_id, e.message_id,
        coalesce(e.key, e.channel_id::text) as key, e.seq, e.timestamp, e.payload,
        sum(coalesce(e.bytes, 0)) over (order by a.position) - coalesce(e.bytes, 0) as bytes_before
      from page a left join lateral (
        select *, pg_column_size(payload) as bytes from knockon.events
          where id = a.event_id offset 0
      ) e on true
    )
    select h.entries::float8 as head_entries, h.head as head_hash, x.before, x.mac,
      (select count(*) from page)::int as looked_at, a.position::float8 as position, a.event_id,
      a.event_type, to_char(a.recorded_at at time zone 'utc', ${FORMAT}) as recorded_at,
      a.digest, a.previous, a.hash,
      case when a.id is not null then jsonb_build_object('id', a.id, 'type', a.type,
        'version', a.version, 'workspace_id', a.theirs, 'channel_id', a.channel_id,
        'message_id', a.message_id, 'key', a.key, 'seq', a.seq,
        'timestamp', to_char(a.timestamp at time zone 'utc', ${FORMAT}),
        'payload', a.payload) end as event
    from (select) one left join knockon.audit_heads h on h.workspace_id = ${workspaceId}
      left join knockon.expirations x on x.log = 'events'
      left join with_events a on a.bytes_before < ${BYTES} order by a.position`;
  const entries = rows.flatMap((row) => (row.position === null ? [] : [row]));
  const { head_entries = null, head_hash = null, looked_at = 0 } = rows[0] ?? {};
  const hasHead = head_entries !== null && head_hash !== null;
  return {
    entries,
    isLast: looked_at < ENTRIES && entries.length === looked_at,
    head: hasHead ? { entries: head_entries, hash: head_hash } : null,
    expired: expiryOf(key, rows[0]),
  };
}

/** A page of the log: its last event, and the first that has an audit receipt but no entry. */
interface LogPage {
  last: string | null;
  unrecorded: string | null;
}

/**
 * Reads a page of a workspace's log after an event. `last` is null at its end. The subqueries make
 * the planner look each event up by the index.
 */
export async function readLog(
  pg: TransactionSql,
  workspaceId: string,
  after: DomainEvent['id'],
): Promise<LogPage> {
  const [row] = await pg<LogPage[]>`
    with page as materialized (
      select id from knockon.events where workspace_id = ${workspaceId} and id > ${after}
      order by id limit ${EVENTS}
    ), torn as (
      select id from page p
      where (select true from knockon.receipts where event_id = p.id and subscriber = 'audit'
        limit 1)
        and (select true from knockon.audit_entries
          where workspace_id = ${workspaceId} and event_id = p.id limit 1) is null
    )
    select (select id from page order by id offset ${EVENTS - 1}) as last,
      (select id from torn order by id limit 1) as unrecorded`;
  return row ?? { last: null, unrecorded: null };
}

export async function countEntries(pg: TransactionSql, workspaceId: string): Promise<number> {
  const [row] = await pg<{ n: number }[]>`
    select count(*)::float8 as n from knockon.audit_entries where workspace_id = ${workspaceId}`;
  return row?.n ?? 0;
}
