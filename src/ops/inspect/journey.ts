import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { merges } from '../../db/schema/debounces.ts';
import { shownEvents as events } from '../../db/schema/events.ts';
import { messages } from '../../db/schema/messages.ts';
import { discards } from '../../db/schema/operations.ts';
import {
  attempts,
  deadLetters,
  dispatches,
  outbox,
  receipts,
  subscribers,
} from '../../db/schema/outbox.ts';
import { among } from '../../db/statements.ts';
import { type EventTiming, type TimingRow, timingOf } from '../../events/event.ts';
import { gets } from '../../events/wanted.ts';
import { type TemporalUi, workflowLink } from './temporal-ui.ts';

/** What became of one effect of one event. */
export interface EffectState {
  subscriber: string;
  /**
   * `pending`: not started; `running`: started or being tried again; `waiting`: on a durable timer;
   * `failed`: a dead letter.
   */
  state: 'pending' | 'running' | 'waiting' | 'done' | 'failed';
  /** Tries so far, the one that succeeded included. */
  attempts: number;
  last_error: string | null;
  /** When it was last tried; null where no try has failed. */
  tried_at: string | null;
  /** When it is tried again, the next of several targets; null where nothing waits. */
  waiting_until: string | null;
  completed_at: string | null;
  /** `failed` because an operator has decided that it won't happen. */
  discarded: boolean;
  /**
   * `done` because it was done for this later event of the same key, whose effect is debounced;
   * null: it was done itself.
   */
  merged_into: string | null;
}

/** An event, and what happened because of it. */
export interface EventJourney extends EventTiming {
  id: string;
  type: string;
  /** What it is in order with: its channel's id, or the key it was emitted with. */
  key: string | null;
  timestamp: string;
  /** When it was handed to the transport; null before. */
  dispatched_at: string | null;
  /** Null before the event is dispatched, and where another transport than Temporal takes it. */
  workflow: { id: string; run_id: string | null; url: string | null } | null;
  effects: EffectState[];
}

/** A message's events, and what happened because of them. */
export interface Journey {
  message_id: string;
  events: EventJourney[];
}

/** An event whose journey is asked for. */
type Asked = Pick<typeof events.$inferSelect, 'id' | 'type' | 'timestamp' | 'key' | 'channel_id'> &
  Partial<TimingRow>;

const asked = {
  id: events.id,
  type: events.type,
  timestamp: events.timestamp,
  key: events.key,
  channel_id: events.channel_id,
  deliver_at: events.deliver_at,
  cancelled_at: events.cancelled_at,
  waits: events.waits,
};

/** Reads the journey of one event of any type; null where the workspace has no such event. */
export async function readEventJourney(
  { db }: Database,
  { workspaceId, eventId }: { workspaceId: string; eventId: string },
  ui: TemporalUi | null,
): Promise<EventJourney | null> {
  const rows = await db
    .select(asked)
    .from(events)
    .where(and(eq(events.id, eventId), eq(events.workspace_id, workspaceId)));
  const [journey = null] = await journeysOf(db, rows, ui);
  return journey;
}

/**
 * Reads a message's journey from Postgres alone; null where the workspace never had such a message.
 * Deleted ones keep theirs; what has expired is left out.
 */
export async function readJourney(
  { db }: Database,
  { workspaceId, messageId }: { workspaceId: string; messageId: string },
  ui: TemporalUi | null,
): Promise<Journey | null> {
  const rows = await db
    .select(asked)
    .from(messages)
    .leftJoin(events, eq(events.message_id, messages.id))
    .where(and(eq(messages.id, messageId), eq(messages.workspace_id, workspaceId)))
    .orderBy(asc(events.id));
  if (rows.length === 0) return null;
  const kept = rows.flatMap(({ id, type, timestamp, waits, ...row }) =>
    id && type && timestamp ? [{ id, type, timestamp, waits: waits ?? false, ...row }] : [],
  );
  return { message_id: messageId, events: await journeysOf(db, kept, ui) };
}

/** What happened because of each of these events, in their order. */
export async function journeysOf(
  db: Database['db'],
  rows: Asked[],
  ui: TemporalUi | null,
): Promise<EventJourney[]> {
  const ids = rows.map((row) => row.id);
  const [known, queue] = await Promise.all([readLedger(db, ids), readQueue(db, ids)]);
  return rows.map((row) => journeyOf(row, known, queue.get(row.id), ui));
}

function journeyOf(
  { id, type, timestamp, key, channel_id, deliver_at = null, cancelled_at = null, waits }: Asked,
  known: Ledger,
  queued: QueuedEvent | undefined,
  ui: TemporalUi | null,
): EventJourney {
  const dispatch = queued?.dispatch ?? null;
  return {
    id,
    type,
    key: key ?? channel_id,
    timestamp: timestamp.toISOString(),
    ...timingOf({ deliver_at, cancelled_at, waits: waits ?? false }),
    dispatched_at: dispatch?.started_at?.toISOString() ?? null,
    workflow: ui &&
      dispatch && { ...workflowLink(ui, dispatch.id, dispatch.run_id), run_id: dispatch.run_id },
    // Without an outbox row it was done by all, and its receipts have expired.
    effects: (queued ? namesOf(known, id, type, dispatch) : []).map((name) =>
      effectState(known, id, name, dispatch?.started_at != null),
    ),
  };
}

interface QueuedEvent {
  event_id: string;
  dispatch: Dispatched | null;
}

/**
 * The outbox rows that are left of these events, with their dispatches. Not joined: a planner that
 * was told nothing of the tables would read one of them from end to end.
 */
async function readQueue(db: Database['db'], ids: string[]): Promise<Map<string, QueuedEvent>> {
  const rows = await db
    .select({ event_id: outbox.event_id, dispatch_id: outbox.dispatch_id })
    .from(outbox)
    .where(among(outbox.event_id, ids));
  const taken = [...new Set(rows.flatMap(({ dispatch_id }) => dispatch_id ?? []))];
  const found =
    taken.length > 0 ? await db.select().from(dispatches).where(among(dispatches.id, taken)) : [];
  const byId = new Map(found.map((dispatch) => [dispatch.id, dispatch]));
  return new Map(
    rows.map(({ event_id, dispatch_id }) => [
      event_id,
      { event_id, dispatch: byId.get(dispatch_id ?? '') ?? null },
    ]),
  );
}

type Dispatched = typeof dispatches.$inferSelect;
type Ledger = Awaited<ReturnType<typeof readLedger>>;

/** Everything that is written down about these events' effects. */
async function readLedger(db: Database['db'], ids: string[]) {
  const [done, tried, dead, discarded, merged, registered] = await Promise.all([
    db.select().from(receipts).where(among(receipts.event_id, ids)),
    db
      .select({
        ...getTableColumns(attempts),
        waits: sql<boolean>`coalesce(${attempts.waiting_until} > now(), false)`,
      })
      .from(attempts)
      .where(among(attempts.event_id, ids)),
    db.select().from(deadLetters).where(among(deadLetters.event_id, ids)),
    db.select().from(discards).where(among(discards.event_id, ids)),
    db.select().from(merges).where(among(merges.event_id, ids)),
    db.select({ name: subscribers.name, event_types: subscribers.event_types }).from(subscribers),
  ]);
  return { done, tried, dead, discarded, merged, registered };
}

/**
 * The subscribers of an event: those it was dispatched to, or would be, and those that got it
 * later by a backfill.
 */
function namesOf(
  known: Ledger,
  eventId: string,
  type: string,
  dispatch: Dispatched | null,
): string[] {
  const takers = known.registered.filter(({ event_types }) => gets(event_types, type));
  const expected = dispatch ? dispatch.subscribers : takers.map(({ name }) => name);
  const written = [...known.done, ...known.tried, ...known.dead]
    .filter((row) => row.event_id === eventId)
    .map((row) => row.subscriber);
  return [...new Set([...expected, ...written])].sort();
}

function effectState(
  { done, tried, dead, discarded, merged }: Ledger,
  eventId: string,
  subscriber: string,
  started: boolean,
): EffectState {
  const own = (row: { event_id: string; subscriber: string }) =>
    row.event_id === eventId && row.subscriber === subscriber;
  const receipt = done.find(own);
  const tries = tried.filter(own).sort((a, b) => b.updated_at.getTime() - a.updated_at.getTime());
  // What is written down are the tries that failed; the one that succeeded comes on top.
  const count = Math.max(0, ...tries.map((row) => row.attempts));
  const tried_at = tries.find(({ attempts }) => attempts > 0)?.updated_at.toISOString() ?? null;
  const settled = {
    subscriber,
    tried_at,
    waiting_until: null,
    completed_at: null,
    discarded: false,
    merged_into: null,
  };
  const given = discarded.find(own);
  if (given) {
    const last_error = `discarded by ${given.by}: ${given.reason}`;
    return { ...settled, state: 'failed', attempts: count, last_error, discarded: true };
  }
  if (receipt)
    return {
      ...settled,
      state: 'done',
      attempts: count + 1,
      last_error: null,
      completed_at: receipt.completed_at.toISOString(),
      merged_into: merged.find(own)?.merged_into ?? null,
    };
  const letter = dead.find(own);
  if (letter)
    return { ...settled, state: 'failed', attempts: Math.max(1, count), last_error: letter.reason };
  const last_error = tries.find((row) => row.last_error !== null)?.last_error ?? null;
  return {
    ...settled,
    state: openState(tries, started),
    attempts: count,
    last_error,
    waiting_until: nextOf(tries),
  };
}

function nextOf(tries: { waits: boolean; waiting_until: Date | null }[]): string | null {
  const moments = tries.flatMap(({ waits, waiting_until }) =>
    waits && waiting_until ? [waiting_until.getTime()] : [],
  );
  return moments.length > 0 ? new Date(Math.min(...moments)).toISOString() : null;
}

/**
 * Of several targets one may be settled already, so the effect waits where any of them does.
 */
function openState(tries: { waits: boolean }[], started: boolean): EffectState['state'] {
  if (tries.some(({ waits }) => waits)) return 'waiting';
  return started || tries.length > 0 ? 'running' : 'pending';
}
