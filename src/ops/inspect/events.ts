import type { Database } from '../../db/client.ts';
import { sequenceOf } from '../../db/sequences.ts';
import { type EventTiming, type TimingRow, timingOf } from '../../events/event.ts';
import { firstIdAt } from '../../outbox/retention.ts';
import type { Queries } from '../status/effect-status.ts';
import { type EffectState, journeysOf } from './journey.ts';

/** Narrows the log down; what is not there narrows nothing. */
export interface EventFilter {
  workspace_id?: string;
  channel_id?: string;
  /** With `workspace_id`. */
  key?: string;
  message_id?: string;
  type?: string;
  /** The workflow that was started with it, now or for a retry: a dispatch's id. */
  workflow_id?: string;
  /** Whatever has this id: the event itself, its message or its workflow. */
  about?: string;
  /** `failed`: an effect of it has been given up, and nobody has discarded that. */
  outcome?: 'failed';
  /** `scheduled`: for later, the next due first; `cancelled`: newest first. */
  state?: 'scheduled' | 'cancelled';
  /** Stored at that moment or later. */
  from?: Date;
  /** Stored before that moment. */
  to?: Date;
}

/** An event of any workspace, without its payload: lists hold no message's text. */
export interface LoggedEvent extends EventTiming {
  id: string;
  type: string;
  version: number;
  workspace_id: string;
  workspace_name: string | null;
  channel_id: string | null;
  channel_name: string | null;
  message_id: string | null;
  /** What it is in order with: its channel's id, or the key it was emitted with. */
  key: string | null;
  /** Its place among the events of its key; null without one. */
  seq: number | null;
  timestamp: string;
}

/** How many of an event's effects are how. */
export interface Outcome {
  done: number;
  /** Given up. */
  failed: number;
  /** Somebody has decided that they won't happen. */
  discarded: number;
  /** Not begun, under way or waiting. */
  open: number;
}

/** An event as it is listed. */
export interface ListedEvent extends LoggedEvent {
  outcome: Outcome | null;
}

/**
 * What became of each of these events; nothing at all (null) where no subscriber takes it, or what
 * was done of it has expired.
 */
export async function outcomesOf(
  db: Database['db'],
  events: LoggedEvent[],
): Promise<(Outcome | null)[]> {
  const journeys = await journeysOf(
    db,
    events.map(({ id, type, timestamp, key, channel_id }) => ({
      ...{ id, type, key, channel_id },
      timestamp: new Date(timestamp),
    })),
    null,
  );
  return journeys.map(({ effects }) => {
    if (effects.length === 0) return null;
    const count = (is: (effect: EffectState) => boolean) => effects.filter(is).length;
    const [done, discarded] = [
      count(({ state }) => state === 'done'),
      count((effect) => effect.discarded),
    ];
    const failed = count(({ state }) => state === 'failed') - discarded;
    return { done, failed, discarded, open: effects.length - done - failed - discarded };
  });
}

/**
 * A dispatch's workflow is `<dispatch>`, restarted `<dispatch>.<n>`; either after a deployment's
 * name. @returns null where it is no dispatch's
 */
export const dispatchOf = (workflowId: string): string | null =>
  /^(?:[a-z][a-z0-9_-]*\.)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.\d+)?$/i.exec(
    workflowId,
  )?.[1] ?? null;

/** Events of all workspaces, newest first; what is scheduled by its moment. */
export async function listEvents(
  pg: Queries,
  { filter, limit, before = null }: { filter: EventFilter; limit: number; before?: string | null },
): Promise<LoggedEvent[]> {
  const { workspace_id, channel_id, key, message_id, type, workflow_id, about } = filter;
  const { outcome, from, to, state } = filter;
  const isScheduled = state === 'scheduled';
  const [dispatch, named] = [workflow_id, about].map((id) =>
    id === undefined ? undefined : dispatchOf(id),
  );
  if (dispatch === null || named === null) return [];
  // Parts that are not asked for are not there, so that each way to ask has its index.
  const asked = [
    pg``,
    workspace_id && pg`and e.workspace_id = ${workspace_id}`,
    channel_id && pg`and e.sequence_id = ${channel_id}`,
    key && workspace_id && pg`and e.sequence_id = ${sequenceOf(pg, workspace_id, key)}`,
    message_id && pg`and e.message_id = ${message_id}`,
    type && pg`and e.type = ${type}`,
    // What the index of uncommon types says of itself.
    type && type !== 'message.created' && pg`and e.type <> 'message.created'`,
    dispatch &&
      pg`and e.id = any(array(select event_id from knockon.dispatched
        where dispatch_id = ${dispatch}))`,
    named &&
      pg`and e.id = any(array(
        select id from knockon.shown_events where id = ${named}
        union all select id from knockon.shown_events where message_id = ${named}
        union all select event_id from knockon.dispatched where dispatch_id = ${named}))`,
    from && pg`and e.id >= ${firstIdAt(from.getTime())}::uuid`,
    to && pg`and e.id < ${firstIdAt(to.getTime())}::uuid`,
    isScheduled && pg`and e.waits`,
    state === 'cancelled' && pg`and e.cancelled_at is not null`,
    before && (isScheduled ? isDueAfter(pg, before) : pg`and e.id < ${before}::uuid`),
  ].filter((part) => typeof part === 'object' && part !== null);
  const order = isScheduled ? pg`order by e.deliver_at, e.id` : pg`order by e.id desc`;
  const rows = await pg<
    (Omit<LoggedEvent, 'timestamp' | 'seq' | keyof EventTiming> &
      TimingRow & { timestamp: Date; seq: string | null })[]
  >`
    select e.id, e.type, e.version, e.workspace_id, w.name as workspace_name, e.channel_id,
      c.name as channel_name, e.message_id, coalesce(e.key, e.channel_id::text) as key, e.seq,
      e.timestamp, e.deliver_at, e.cancelled_at, e.waits
    from (select e.* from ${outcome ? failed(pg, before) : pg`knockon.shown_events e`}
      where true ${asked} ${outcome ? pg`` : order} limit ${limit}) e
    left join knockon.workspaces w on w.id = e.workspace_id
    left join knockon.channels c on c.id = e.channel_id
    ${order}`;
  return rows.map(({ timestamp, seq, deliver_at, cancelled_at, waits, ...row }) => ({
    ...row,
    seq: seq === null ? null : Number(seq),
    timestamp: timestamp.toISOString(),
    ...timingOf({ deliver_at, cancelled_at, waits }),
  }));
}

/** By their moments, whether the last one of the page before is still scheduled or not. */
const isDueAfter = (pg: Queries, id: string) => pg`
  and (e.deliver_at, e.id) > (select deliver_at, id from knockon.shown_events where id = ${id})`;

/**
 * Events `e` that have dead letters, newest first: from one to the next by their index, so that no
 * more is read than is shown, whatever the planner thinks of their number.
 */
const failed = (pg: Queries, before: string | null) => pg`
  (with recursive f as (
    (select event_id from knockon.dead_letters where event_id < coalesce(${before}::uuid,
      'ffffffff-ffff-ffff-ffff-ffffffffffff') order by event_id desc limit 1)
    union all
    select (select event_id from knockon.dead_letters d where d.event_id < f.event_id
      order by event_id desc
      limit 1) from f where f.event_id is not null
  ) select event_id from f where event_id is not null) f
  cross join lateral (select * from knockon.shown_events where id = f.event_id offset 0) e`;
