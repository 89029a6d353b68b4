import type { Sql } from 'postgres';
import { uuidv7 } from 'uuidv7';
import { crashPoint } from '../crash-points.ts';
import { errorCode, isDatabaseAway, isLockTimeout } from '../db/errors.ts';
import { explain } from './first-answer.ts';
import type { Message } from './message.ts';
import { type HeldChannels, type Pending, storeMessages } from './store.ts';
import { type Waiting, WaitingList } from './waiting-list.ts';

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
  /**
   * `key_mismatch`: the key was used for another request; `key_in_flight`: for one that has not
   * been answered yet; `answer_gone`: for this one, but what its answer was made of is gone.
   */
  | { state: 'no_channel' | 'key_mismatch' | 'key_in_flight' | 'answer_gone' };

/** Stores messages with their events. */
export interface MessageWriter {
  /** @throws Postgres' error where the database refuses this message, or is away */
  post(message: NewMessage): Promise<Posted>;
}

interface Writing {
  pg: Sql;
  /** Connections that may wait for a channel that somebody else holds; default: `pg`. */
  patient?: Sql;
  /** Called after each commit with whose messages it stored: wakes the dispatcher. */
  onStored(workspaceIds: string[]): void;
}

/**
 * A message of more bytes is large: its statement takes tens of milliseconds where one of small
 * messages takes one.
 */
const LARGE = 8 * 1024;

/**
 * The group commit at ingest: messages that arrive while a statement runs travel together in the
 * next one. One is in flight at a time and nobody waits for a timer, so a lone message goes at
 * once. Large messages have statements of their own beside these: no small one waits for them. A
 * channel that another transaction holds is left out, and waited for apart: only its own messages
 * wait.
 */
export function createMessageWriter({ pg, patient = pg, onStored }: Writing): MessageWriter {
  const [small, large] = [new WaitingList(), new WaitingList()];
  const heldChannels = new Map<string, WaitingList>();
  const keysInFlight = new Set<string>();
  const draining = new Set<WaitingList>();

  async function drain(waiting: WaitingList): Promise<void> {
    while (waiting.length > 0) await store(waiting.take(), 'left out');
    draining.delete(waiting);
  }

  async function store(batch: Waiting[], whatIsHeld: HeldChannels): Promise<void> {
    if (batch.length === 0) return;
    try {
      const { seqs, held } = await storeMessages(
        whatIsHeld === 'left out' ? pg : patient,
        batch,
        whatIsHeld,
      );
      for (const message of batch) if (held.has(message.channelId)) waitForChannel(message);
      announce(
        batch.filter((message) => !held.has(message.channelId)),
        seqs,
      );
    } catch (error) {
      if (batch.length === 1 || isForAll(error)) return rejectAll(batch, error);
      // One of them is bad, and nobody pays for a neighbour.
      const middle = Math.ceil(batch.length / 2);
      for (const half of [batch.slice(0, middle), batch.slice(middle)])
        await store(half, whatIsHeld);
    }
  }

  function announce(batch: Waiting[], seqs: Map<string, number>): void {
    crashPoint('after-commit');
    if (seqs.size > 0) onStored(batch.map((message) => message.workspaceId));
    for (const message of batch) answer(message, seqs.get(message.id));
  }

  function answer(message: Waiting, seq: number | undefined): void {
    if (seq !== undefined) message.resolve({ state: 'stored', message: toPosted(message, seq) });
    else explain(pg, message).then(message.resolve, message.reject);
  }

  function waitForChannel(message: Waiting): void {
    const { channelId } = message;
    const list = heldChannels.get(channelId) ?? new WaitingList();
    list.add(message);
    if (heldChannels.has(channelId)) return;
    heldChannels.set(channelId, list);
    void storeOnceFree(channelId, list);
  }

  async function storeOnceFree(channelId: string, list: WaitingList): Promise<void> {
    while (list.length > 0) await store(list.take(), 'waited for');
    heldChannels.delete(channelId);
  }

  return {
    post(message) {
      const key = message.idempotency && `${message.workspaceId} ${message.idempotency.key}`;
      if (key && keysInFlight.has(key)) return Promise.resolve({ state: 'key_in_flight' });
      const metadataJson = JSON.stringify(message.metadata);
      const bytes = message.text.length + metadataJson.length;
      const waiting = bytes > LARGE ? large : small;
      const list = heldChannels.get(message.channelId) ?? waiting;
      const posted = new Promise<Posted>((resolve, reject) => {
        const pending = {
          ...message,
          id: uuidv7(),
          eventId: uuidv7(),
          createdAt: new Date(),
          metadataJson,
        };
        list.add({ ...pending, bytes, since: performance.now(), resolve, reject });
      });
      // Requests that are being read in this turn of the event loop still join.
      if (!draining.has(waiting) && waiting.length > 0) {
        draining.add(waiting);
        setImmediate(drain, waiting);
      }
      if (!key) return posted;
      keysInFlight.add(key);
      return posted.finally(() => keysInFlight.delete(key));
    },
  };
}

/**
 * Whether it was not for one of the messages that a statement failed: the database is away or too
 * slow, or their channel is held.
 */
const isForAll = (error: unknown) => isDatabaseAway(error) || errorCode(error) === '57014';

function rejectAll(batch: Waiting[], error: unknown): void {
  const isHeld = isLockTimeout(error);
  for (const message of batch)
    message.reject(isHeld ? new ChannelHeldError(message.channelId) : error);
}

/** Another transaction holds the channel's row, and has done so for longer than a message waits. */
export class ChannelHeldError extends Error {
  override name = 'ChannelHeldError';
  readonly code = '55P03';

  constructor(channelId: string) {
    super(
      `another transaction holds the channel ${channelId}; nothing was stored, try again in a moment`,
    );
  }
}

function toPosted(message: Pending, seq: number): Message & { event_id: string } {
  const created = message.createdAt.toISOString();
  const { id, channelId, author, text, metadata, sentAt, eventId } = message;
  const times = {
    sent_at: sentAt?.toISOString() ?? created,
    created_at: created,
    updated_at: created,
  };
  return { id, channel_id: channelId, seq, author, text, metadata, ...times, event_id: eventId };
}
