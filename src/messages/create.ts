import { timingSafeEqual } from 'node:crypto';
import type { Sql } from 'postgres';
import { uuidv7 } from 'uuidv7';
import { crashPoint } from '../crash-points.ts';
import { isDatabaseAway } from '../db/errors.ts';
import type { Message } from './message.ts';
import { type Pending, storeMessages } from './store.ts';

/** A message as it was posted, checked against the API's schema. */
export interface NewMessage {
  workspaceId: string;
  channelId: string;
  author: string;
  text: string;
  metadata: Record<string, unknown>;
  /** Default: when it arrived. */
  sentAt?: Date;
  idempotency?: { key: string; requestHash: Buffer };
}

export type Posted =
  | { state: 'stored' | 'replayed'; message: Message & { event_id: string } }
  /** `key_mismatch`: the key was used for another request; `key_in_flight`: for one that has not been answered yet. */
  | { state: 'no_channel' | 'key_mismatch' | 'key_in_flight' };

/** Stores messages with their events. */
export interface MessageWriter {
  /** @throws Postgres' error where the database refuses this message, or is away */
  post(message: NewMessage): Promise<Posted>;
}

type Waiting = Pending & { resolve(posted: Posted): void; reject(error: unknown): void };

/** Most messages one statement stores. */
const BATCH = 256;

/**
 * The group commit at ingest: messages that arrive while a statement runs travel together in the next one. One is in flight
 * at a time and nobody waits for a timer, so a lone message goes at once.
 *
 * @param onStored called after each commit with whose messages it stored: wakes the dispatcher
 */
export function createMessageWriter({ sql, onStored }: { sql: Sql; onStored(workspaceIds: string[]): void }): MessageWriter {
  const waiting: Waiting[] = [];
  const keysInFlight = new Set<string>();
  let running = false;

  async function drain(): Promise<void> {
    running = true;
    while (waiting.length > 0) await store(waiting.splice(0, BATCH));
    running = false;
  }

  async function store(batch: Waiting[]): Promise<void> {
    try {
      const seqs = await storeMessages(sql, batch);
      crashPoint('after-commit');
      if (seqs.size > 0) onStored(batch.map((message) => message.workspaceId));
      for (const message of batch) answer(message, seqs.get(message.id));
    } catch (error) {
      if (batch.length === 1 || isDatabaseAway(error)) for (const message of batch) message.reject(error);
      // One of them is bad, and nobody pays for a neighbour.
      else for (const message of batch) await store([message]);
    }
  }

  function answer(message: Waiting, seq: number | undefined): void {
    if (seq !== undefined) message.resolve({ state: 'stored', message: shown(message, seq) });
    else explain(sql, message).then(message.resolve, message.reject);
  }

  return {
    post(message) {
      const key = message.idempotency && `${message.workspaceId} ${message.idempotency.key}`;
      if (key && keysInFlight.has(key)) return Promise.resolve({ state: 'key_in_flight' });
      const posted = new Promise<Posted>((resolve, reject) => {
        waiting.push({ ...message, id: uuidv7(), eventId: uuidv7(), createdAt: new Date(), resolve, reject });
      });
      // Requests that are being read in this turn of the event loop still join.
      if (!running) {
        running = true;
        setImmediate(drain);
      }
      if (!key) return posted;
      keysInFlight.add(key);
      return posted.finally(() => keysInFlight.delete(key));
    },
  };
}

function shown(message: Pending, seq: number): Message & { event_id: string } {
  const created = message.createdAt.toISOString();
  const { id, channelId, author, text, metadata, sentAt, eventId } = message;
  const times = { sent_at: sentAt?.toISOString() ?? created, created_at: created, updated_at: created };
  return { id, channel_id: channelId, seq, author, text, metadata, ...times, event_id: eventId };
}

/** Why a message was left out: its key was taken, or there is no such channel. */
async function explain(sql: Sql, { workspaceId, idempotency }: NewMessage): Promise<Posted> {
  if (!idempotency) return { state: 'no_channel' };
  const [taken] = await sql<
    { request_hash: Buffer; id: string; message_id: string; channel_id: string; timestamp: Date; payload: FirstAnswer }[]
  >`
    select k.request_hash, e.id, k.message_id, e.channel_id, e.timestamp, e.payload
    from idempotency_keys k left join events e on e.message_id = k.message_id and e.type = 'message.created'
    where k.workspace_id = ${workspaceId} and k.key = ${idempotency.key}`;
  if (!taken) return { state: 'no_channel' };
  if (!timingSafeEqual(taken.request_hash, idempotency.requestHash)) return { state: 'key_mismatch' };
  return { state: 'replayed', message: firstAnswer(taken) };
}

type FirstAnswer = Pick<Message, 'seq' | 'author' | 'text' | 'metadata' | 'sent_at'>;

/** The answer as it was, whatever has become of the message: the log still has it. */
function firstAnswer(row: { id: string; message_id: string; channel_id: string; timestamp: Date; payload: FirstAnswer }) {
  const created = row.timestamp.toISOString();
  const { seq, author, text, metadata, sent_at } = row.payload;
  const { channel_id, id: event_id, message_id: id } = row;
  return { id, channel_id, seq, author, text, metadata, sent_at, created_at: created, updated_at: created, event_id };
}
