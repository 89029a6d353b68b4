import { timingSafeEqual } from 'node:crypto';
import type { Sql } from 'postgres';
import { crashPoint } from '../crash-points.ts';
import {
  type Connections,
  GroupCommit,
  HeldError,
  KeysInFlight,
  type Kind,
} from '../db/group-commit/group-commit.ts';
import { type EventTiming, timingOf } from '../events/event.ts';
import type { DomainEvent } from '../events/index.ts';
import { type SentEvent, type StoredEvent, storeEvents } from './store-events.ts';

export type PostedEvent =
  | { state: 'stored' | 'replayed'; event: DomainEvent & EventTiming }
  /** Postgres refuses it: an SQLSTATE of class KN, and sentences for people. */
  | Extract<StoredEvent, { state: 'refused' }>
  /**
   * `key_mismatch`: the idempotency key was used for another request; `key_in_flight`: for one that
   * has not been answered yet; `answer_gone`: for this one, but its event has been deleted.
   */
  | { state: 'key_mismatch' | 'key_in_flight' | 'answer_gone' };

/** Stores events that came over HTTP. */
export interface EventWriter {
  /** @throws Postgres' error where the database is away, or refuses this event */
  post(event: SentEvent): Promise<PostedEvent>;
  /**
   * Stores events that came together, each for itself. Those of one channel or key are stored in
   * this order. No idempotency key may come twice.
   */
  postAll(events: SentEvent[]): Promise<PostedEvent>[];
}

interface Writing extends Connections {
  /** Called after each commit with whose events it stored: wakes the dispatcher. */
  onStored(workspaceIds: string[]): void;
}

/**
 * Stores events by group commit. A channel or key that another transaction holds delays its own
 * events alone.
 */
export function createEventWriter(writing: Writing): EventWriter {
  const group = new GroupCommit(eventKind(writing), writing);
  const inFlight = new KeysInFlight();
  const postAll = (events: SentEvent[]) => {
    const blocked = new Set<string>();
    const isFree = events.map((event) => {
      const sequence = sequenceOf(event);
      // Behind one that is under way: it might be stored before that.
      if (sequence !== undefined && blocked.has(sequence)) return false;
      const isTaken = inFlight.take(event.workspaceId, event.idempotency?.key);
      if (!isTaken && sequence !== undefined) blocked.add(sequence);
      return isTaken;
    });
    const posted = group.addAll(events.filter((_, place) => isFree[place]));
    return events.map((event, place) => {
      if (!isFree[place]) return Promise.resolve<PostedEvent>({ state: 'key_in_flight' });
      const letGo = () => inFlight.letGo(event.workspaceId, event.idempotency?.key);
      return posted.shift()!.finally(letGo);
    });
  };
  return { post: (event) => postAll([event])[0]!, postAll };
}

/** What an event takes its `seq` in. */
const sequenceOf = ({ workspaceId, channelId, key }: SentEvent): string | undefined =>
  channelId ?? (key === undefined ? undefined : `${workspaceId} ${key}`);

const eventKind = ({ pg: reading, onStored }: Writing): Kind<SentEvent, PostedEvent> => ({
  noun: 'event',
  workspaceOf: ({ workspaceId }) => workspaceId,
  bytesOf: ({ payloadJson }) => payloadJson.length,
  sequenceOf,
  heldError: ({ channelId }) => new HeldError(channelId ? "event's channel" : "event's key"),
  async store(pg, batch, whatIsHeld) {
    const stored = await storeEvents(pg, batch, whatIsHeld);
    crashPoint('after-commit');
    const isIn = (state: StoredEvent['state']) =>
      batch.filter((_, i) => stored[i]?.state === state);
    const workspaceIds = isIn('stored').map(({ workspaceId }) => workspaceId);
    if (workspaceIds.length > 0) onStored(workspaceIds);
    const outcomes = new Map(batch.map((event, i) => [event, stored[i]!]));
    const first = firstAnswers(reading, isIn('taken'));
    // Those who ask for an answer get the error.
    first.catch(() => {});
    return {
      held: new Set(isIn('held').flatMap((event) => sequenceOf(event) ?? [])),
      async answer(event) {
        const outcome = outcomes.get(event)!;
        if (outcome.state === 'stored')
          return { state: 'stored', event: domainEvent(event, outcome) };
        if (outcome.state === 'refused') return outcome;
        return firstAnswer(event, (await first).get(nameOf(event)));
      },
    };
  },
});

function domainEvent(
  { type, workspaceId, channelId, messageId, payload }: SentEvent,
  { id, version, key, seq, timestamp, deliverAt }: Extract<StoredEvent, { state: 'stored' }>,
): DomainEvent & EventTiming {
  return {
    id,
    type,
    version,
    workspace_id: workspaceId,
    channel_id: channelId ?? null,
    message_id: messageId ?? null,
    key,
    seq,
    timestamp: timestamp.toISOString(),
    payload,
    ...timingAtFirst(deliverAt),
  };
}

/** What an event's first answer says of when it is dispatched. */
const timingAtFirst = (deliver_at: Date | null): EventTiming =>
  timingOf({ deliver_at, cancelled_at: null, waits: true });

/** An event that was stored under an idempotency key. */
interface Taken extends Omit<DomainEvent, 'id' | 'timestamp' | 'seq'> {
  request_hash: Buffer;
  idempotency_key: string;
  workspace: string;
  id: string | null;
  seq: string | null;
  timestamp: Date;
  deliver_at: Date | null;
}

const nameOf = ({ workspaceId, idempotency }: SentEvent) => `${workspaceId} ${idempotency?.key}`;

/** What the log has of the events that took these events' idempotency keys. */
async function firstAnswers(pg: Sql, events: SentEvent[]): Promise<Map<string, Taken>> {
  if (events.length === 0) return new Map();
  const rows = await pg<Taken[]>`
    select k.workspace_id as workspace, k.key as idempotency_key, k.request_hash, e.id, e.type,
      e.version, e.workspace_id, e.channel_id, e.message_id,
      coalesce(e.key, e.channel_id::text) as key, e.seq, e.timestamp, e.payload, e.deliver_at
    from unnest(${events.map(({ workspaceId }) => workspaceId)}::uuid[],
      ${events.map(({ idempotency }) => idempotency?.key ?? '')}::text[]) as t (workspace, key)
    cross join lateral (
      select * from knockon.idempotency_keys
      where workspace_id = t.workspace and key = t.key
        and created_at >= now() - interval '24 hours' limit 1
    ) k left join lateral (
      select * from knockon.shown_events where id = k.event_id limit 1
    ) e on true`;
  return new Map(rows.map((row) => [`${row.workspace} ${row.idempotency_key}`, row]));
}

/** The answer that the idempotency key's first request got, whatever became of its event. */
function firstAnswer({ idempotency }: SentEvent, taken: Taken | undefined): PostedEvent {
  // It has expired meanwhile, or another transaction holds its row: a later try finds it free.
  if (!taken || !idempotency) return { state: 'key_in_flight' };
  const { request_hash, idempotency_key: _, workspace: __, id, timestamp, ...rest } = taken;
  const { deliver_at, seq, ...event } = rest;
  if (!timingSafeEqual(request_hash, idempotency.requestHash)) return { state: 'key_mismatch' };
  if (id === null) return { state: 'answer_gone' };
  // What was for later got its `seq` when it was due.
  const place = { seq: deliver_at || seq === null ? null : Number(seq) };
  const times = { timestamp: timestamp.toISOString(), ...timingAtFirst(deliver_at) };
  return { state: 'replayed', event: { ...event, id, ...place, ...times } };
}
