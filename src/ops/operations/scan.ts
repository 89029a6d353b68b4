import type { JSONValue, TransactionSql } from 'postgres';
import { sequenceOf } from '../../db/sequences.ts';
import { NIL_UUID } from '../../db/statements.ts';
import { firstIdAt } from '../../outbox/retention.ts';
import { type EventEffect, effectStatuses, type Queries } from '../status/effect-status.ts';

/** Which events of the log; what is not there narrows nothing. Moments are RFC 3339. */
export interface LogRange {
  /** Up to this event, in the order of their ids. */
  upTo?: string | undefined;
  /** Emitted at that moment or later. */
  from?: string;
  /** Emitted before that moment. */
  to?: string;
  channel_id?: string;
  /** With `workspace_id`. */
  key?: string;
  type?: string;
  message_id?: string;
  workspace_id?: string;
}

/**
 * An event's id holds its time, but the clock is read a moment apart for the two, and on several
 * machines.
 */
const MARGIN = 60_000;

const LAST = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/**
 * Rows of events that fit, in the order of their ids, found by the narrowest index there is. Their
 * `timestamp` says when they were dispatched: for those that were scheduled, their moment.
 */
export function matching(
  pg: Queries,
  { upTo = LAST, from, to, channel_id, key, type, message_id, workspace_id }: LogRange,
  after = NIL_UUID,
  limit?: number,
) {
  const [least, most] = [
    from ? firstIdAt(Date.parse(from) - MARGIN) : NIL_UUID,
    to ? firstIdAt(Date.parse(to) + MARGIN) : LAST,
  ];
  return pg`
    select id, type, workspace_id, channel_id, greatest(timestamp, deliver_at) as timestamp
    from knockon.events
    where id > ${after} and id >= ${least} and id <= ${upTo < most ? upTo : most}
    ${from ? pg`and events.timestamp >= ${from}::timestamptz` : pg``}
    ${to ? pg`and events.timestamp < ${to}::timestamptz` : pg``}
    ${channel_id ? pg`and sequence_id = ${channel_id}` : pg``}
    ${key && workspace_id ? pg`and sequence_id = ${sequenceOf(pg, workspace_id, key)}` : pg``}
    ${type ? pg`and type = ${type}` : pg``}
    ${message_id ? pg`and message_id = ${message_id}` : pg``}
    ${workspace_id ? pg`and workspace_id = ${workspace_id}` : pg``}
    order by id ${limit === undefined ? pg`` : pg`limit ${limit}`}`;
}

/** Events of the log, with how each stands with each subscriber that takes it. */
export interface ScannedEvents {
  pairs: EventEffect[];
  /** The last event that was looked at. */
  last: string | null;
  /** There were fewer than asked for. */
  isLast: boolean;
}

/** Reads on in the log after an event. */
export async function scan(
  tx: TransactionSql,
  filter: LogRange,
  {
    subscriber,
    after,
    limit,
  }: { subscriber: string | null; after: string | undefined; limit: number },
): Promise<ScannedEvents> {
  const [row] = await tx<{ pairs: EventEffect[] | null; last: string | null; looked_at: number }[]>`
    with scanned as materialized (${matching(tx, filter, after, limit)})
    select (select jsonb_agg(p order by p.event_id, p.subscriber)
      from (${effectStatuses(tx, tx`select * from scanned`, subscriber)}) p) as pairs,
      (select id from scanned order by id desc limit 1) as last,
      (select count(*) from scanned)::int as looked_at`;
  return {
    pairs: row?.pairs ?? [],
    last: row?.last ?? null,
    isLast: (row?.looked_at ?? 0) < limit,
  };
}

/** The place of a scan, as an operation keeps it. */
export const readCursor = (cursor: Record<string, unknown> | null) => ({
  after: typeof cursor?.after === 'string' ? cursor.after : undefined,
  upTo: typeof cursor?.upTo === 'string' ? cursor.upTo : undefined,
  /** From where to look once more at the end, because something could not be told yet. */
  again: typeof cursor?.again === 'string' ? cursor.again : undefined,
});

/** The cursor without what is not there. */
export const cursorOf = (place: {
  after: string | undefined;
  upTo?: string | undefined;
  again?: string | undefined;
}): { [key: string]: JSONValue } =>
  Object.fromEntries(Object.entries(place).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
