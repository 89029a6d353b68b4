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
export function createMessageWriter(writing: Writing): MessageWriter {
  return new GroupCommit(writing);
}

class GroupCommit implements MessageWriter {
  readonly #pg: Sql;
  readonly #patient: Sql;
  readonly #onStored: Writing['onStored'];
  readonly #small = new WaitingList();
  readonly #large = new WaitingList();
  readonly #heldChannels = new Map<string, WaitingList>();
  readonly #keysInFlight = new Set<string>();
  readonly #draining = new Set<WaitingList>();

  constructor({ pg, patient = pg, onStored }: Writing) {
    this.#pg = pg;
    this.#patient = patient;
    this.#onStored = onStored;
  }

  post(message: NewMessage): Promise<Posted> {
    const key = message.idempotency && `${message.workspaceId} ${message.idempotency.key}`;
    if (!key) return this.#enqueue(message);
    if (this.#keysInFlight.has(key)) return Promise.resolve({ state: 'key_in_flight' });
    const posted = this.#enqueue(message);
    this.#keysInFlight.add(key);
    return posted.finally(() => this.#keysInFlight.delete(key));
  }

  #enqueue(message: NewMessage): Promise<Posted> {
    const metadataJson = JSON.stringify(message.metadata);
    const bytes = message.text.length + metadataJson.length;
    const bySize = bytes > LARGE ? this.#large : this.#small;
    const list = this.#heldChannels.get(message.channelId) ?? bySize;
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
    this.#drainSoon(bySize);
    return posted;
  }

  #drainSoon(list: WaitingList): void {
    if (this.#draining.has(list) || list.length === 0) return;
    this.#draining.add(list);
    // Requests that are read in this turn of the event loop still join.
    setImmediate(() => void this.#drain(list));
  }

  async #drain(list: WaitingList): Promise<void> {
    while (list.length > 0) await this.#store(list.take(), 'left out');
    this.#draining.delete(list);
  }

  async #store(batch: Waiting[], whatIsHeld: HeldChannels): Promise<void> {
    if (batch.length === 0) return;
    try {
      const pg = whatIsHeld === 'left out' ? this.#pg : this.#patient;
      const { seqs, held } = await storeMessages(pg, batch, whatIsHeld);
      for (const message of batch) if (held.has(message.channelId)) this.#waitForChannel(message);
      this.#announce(
        batch.filter((message) => !held.has(message.channelId)),
        seqs,
      );
    } catch (error) {
      if (batch.length === 1 || isForAll(error)) return rejectAll(batch, error);
      // One of them is bad. Its neighbours are stored without it.
      const middle = Math.ceil(batch.length / 2);
      await this.#store(batch.slice(0, middle), whatIsHeld);
      await this.#store(batch.slice(middle), whatIsHeld);
    }
  }

  #announce(batch: Waiting[], seqs: Map<string, number>): void {
    crashPoint('after-commit');
    if (seqs.size > 0) this.#onStored(batch.map((message) => message.workspaceId));
    for (const message of batch) this.#answer(message, seqs.get(message.id));
  }

  #answer(message: Waiting, seq: number | undefined): void {
    if (seq !== undefined) message.resolve({ state: 'stored', message: toPosted(message, seq) });
    else explain(this.#pg, message).then(message.resolve, message.reject);
  }

  #waitForChannel(message: Waiting): void {
    const { channelId } = message;
    const list = this.#heldChannels.get(channelId) ?? new WaitingList();
    list.add(message);
    if (this.#heldChannels.has(channelId)) return;
    this.#heldChannels.set(channelId, list);
    void this.#storeOnceFree(channelId, list);
  }

  async #storeOnceFree(channelId: string, list: WaitingList): Promise<void> {
    while (list.length > 0) await this.#store(list.take(), 'waited for');
    this.#heldChannels.delete(channelId);
  }
}

/**
 * Whether a statement failed for a reason that all its messages share: the database is away or too
 * slow, or another transaction holds their channel.
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
      `another transaction holds the channel ${channelId}; nothing was stored, try again in a ` +
        'moment',
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
