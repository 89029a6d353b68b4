import type { PendingQuery, Row, Sql } from 'postgres';
import { isRetried, type Queries } from '../status/effect-status.ts';

/** Narrows dead letters down; what is not there narrows nothing. Moments are RFC 3339 or Dates. */
export interface DeadLetterFilter {
  subscriber?: string;
  /** Exactly this one. */
  cause?: string;
  /** Given up at that moment or later. */
  from?: string | Date;
  /** Given up before that moment. */
  to?: string | Date;
  /** The type of their events. */
  type?: string;
  workspace_id?: string;
  message_id?: string;
}

/** Which dead letters: these, or all that fit. */
export type DeadLetterSelection = { ids: string[] } | { filter: DeadLetterFilter };

/** A dead letter, as it is shown. */
export interface DeadLetter {
  id: string;
  event_id: string;
  type: string;
  workspace_id: string;
  channel_id: string | null;
  message_id: string | null;
  subscriber: string;
  /** Which of several targets; null for the event as a whole. */
  target: string | null;
  cause: string;
  reason: string;
  attempts: number;
  created_at: string;
  /** True while somebody tries it again. */
  retrying: boolean;
  /** The workflow that gave it up. */
  dispatch_id: string;
  /** How often the dispatch was restarted: `<dispatch>.<n>`. */
  restarts: number;
}

/** The condition of a row `l` of dead_letters and its event `e`. */
export function deadLetters(pg: Queries, letters: DeadLetterSelection): PendingQuery<Row[]> {
  if ('ids' in letters) return pg`l.id = any(${letters.ids}::uuid[])`;
  const {
    subscriber = null,
    cause = null,
    from = null,
    to = null,
    type = null,
    workspace_id = null,
    message_id = null,
  } = letters.filter;
  return pg`
    (${subscriber}::text is null or l.subscriber = ${subscriber}) and (${cause}::text is null
      or l.cause = ${cause})
    and (${moment(from)}::timestamptz is null or l.created_at >= ${moment(from)})
      and (${moment(to)}::timestamptz is null or l.created_at < ${moment(to)})
    and (${type}::text is null or e.type = ${type}) and (${workspace_id}::uuid is null
      or e.workspace_id = ${workspace_id})
    and (${message_id}::uuid is null or e.message_id = ${message_id})`;
}

const moment = (value: string | Date | null) =>
  value instanceof Date ? value.toISOString() : value;

/** Dead letters, newest first. */
export async function listDeadLetters(
  pg: Queries,
  {
    filter,
    limit,
    before = null,
  }: { filter: DeadLetterFilter; limit: number; before?: string | null },
): Promise<DeadLetter[]> {
  const rows = await pg<(Omit<DeadLetter, 'created_at'> & { created_at: Date })[]>`
    select l.id, l.event_id, e.type, e.workspace_id, e.channel_id, e.message_id, l.subscriber,
      nullif(l.target, '') as target, l.cause, l.reason,
      coalesce((select max(attempts) from knockon.attempts a where a.event_id = l.event_id
        and a.subscriber = l.subscriber and a.target = l.target), 0) as attempts,
      l.created_at, ${isRetried(pg)} as retrying, l.dispatch_id,
        coalesce((select restarts from knockon.dispatches d
          where d.id = l.dispatch_id), 0) as restarts
    from knockon.dead_letters l join knockon.events e on e.id = l.event_id
    where ${deadLetters(pg, { filter })} and (${before}::uuid is null or l.id < ${before})
      order by l.id desc limit ${limit}`;
  return rows.map(({ created_at, ...row }) => ({ ...row, created_at: created_at.toISOString() }));
}

/** Dead letters that are alike. */
export interface Cause {
  subscriber: string;
  cause: string;
  count: number;
  first: string;
  last: string;
  /** The newest of them. */
  example: {
    id: string;
    event_id: string;
    message_id: string | null;
    reason: string;
    dispatch_id: string;
  };
}

/** Dead letters grouped by subscriber and cause, the most frequent first, 200 at most. */
export async function listCauses(pg: Queries, filter: DeadLetterFilter): Promise<Cause[]> {
  const rows = await pg<(Omit<Cause, 'first' | 'last'> & { first: Date; last: Date })[]>`
    select l.subscriber, l.cause, count(*)::int as count, min(l.created_at) as first,
      max(l.created_at) as last,
      (array_agg(jsonb_build_object('id', l.id, 'event_id', l.event_id, 'message_id', e.message_id,
        'reason', l.reason, 'dispatch_id', l.dispatch_id)
        order by l.id desc))[1] as example
    from knockon.dead_letters l join knockon.events e on e.id = l.event_id
      where ${deadLetters(pg, { filter })}
    group by l.subscriber, l.cause order by count(*) desc, l.subscriber, l.cause limit 200`;
  return rows.map(({ first, last, ...row }) => ({
    ...row,
    first: first.toISOString(),
    last: last.toISOString(),
  }));
}

/** How many letters these are. */
export async function countDeadLetters(pg: Sql, letters: DeadLetterSelection): Promise<number> {
  const [row] = await pg<{ n: number }[]>`
    select count(*)::int as n from knockon.dead_letters l join knockon.events e on e.id = l.event_id
      where ${deadLetters(pg, letters)}`;
  return row?.n ?? 0;
}
