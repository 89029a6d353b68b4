import type { Sql } from 'postgres';
import { uuidv7 } from 'uuidv7';
import { crashPoint } from '../crash-points.ts';
import type { Transaction } from '../db/client.ts';
import {
  type Connections,
  GroupCommit,
  HeldError,
  KeysInFlight,
  type Kind,
} from '../db/group-commit/group-commit.ts';
import { channels } from '../db/schema/messages.ts';
import { emitOwn } from '../outbox/emit.ts';
import { explain } from './first-answer.ts';
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
  /** Whether it notifies whom it mentions. Default: unless it was sent long ago. */
  notify?: boolean;
  /** When its event is dispatched; default, and where that is past: now. */
  deliverAt?: Date;
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

interface Writing extends Connections {
  /** Called after each commit with whose messages it stored: wakes the dispatcher. */
  onStored(workspaceIds: string[]): void;
}

/** Stores messages by group commit. A channel that another transaction holds delays its own. */
export function createMessageWriter(writing: Writing): MessageWriter {
  const group = new GroupCommit(messageKind(writing), writing);
  const inFlight = new KeysInFlight();
  return {
    async post(message) {
      const { workspaceId, idempotency } = message;
      if (!inFlight.take(workspaceId, idempotency?.key)) return { state: 'key_in_flight' };
      const posted = group.add(pendingOf(message));
      return idempotency
        ? await posted.finally(() => inFlight.letGo(workspaceId, idempotency.key))
        : await posted;
    },
  };
}

const pendingOf = (message: NewMessage): Pending => ({
  ...message,
  id: uuidv7(),
  eventId: uuidv7(),
  createdAt: new Date(),
  metadataJson: JSON.stringify(message.metadata),
});

const messageKind = ({ pg: reading, onStored }: Writing): Kind<Pending, Posted> => ({
  noun: 'message',
  workspaceOf: ({ workspaceId }) => workspaceId,
  bytesOf: ({ text, metadataJson }) => text.length + metadataJson.length,
  sequenceOf: ({ channelId }) => channelId,
  heldError: ({ channelId }) => new ChannelHeldError(channelId),
  async store(pg, batch, whatIsHeld) {
    const { seqs, held } = await storeMessages(pg, batch, whatIsHeld);
    crashPoint('after-commit');
    const stored = batch.filter(({ id }) => seqs.has(id));
    if (stored.length > 0) onStored(stored.map(({ workspaceId }) => workspaceId));
    return { held, answer: (message) => answerOf(reading, message, seqs.get(message.id)) };
  },
});

function answerOf(pg: Sql, message: Pending, seq: number | undefined): Posted | Promise<Posted> {
  if (seq !== undefined) return { state: 'stored', message: toPosted(message, seq) };
  return explain(pg, message);
}

/** Another transaction holds the channel's row, and has done so for longer than a message waits. */
export class ChannelHeldError extends HeldError {
  override name = 'ChannelHeldError';

  constructor(channelId: string) {
    super(`channel ${channelId}`);
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

/**
 * Makes a channel and emits `channel.created`. @throws Postgres' 23505 where the workspace has one
 * of that name
 */
export async function openChannel(tx: Transaction, channel: { workspaceId: string; name: string }) {
  const [row] = await tx
    .insert(channels)
    .values({ workspace_id: channel.workspaceId, name: channel.name })
    .returning();
  if (!row) throw new Error('an insert returned no row');
  await emitOwn(tx, {
    type: 'channel.created',
    workspaceId: channel.workspaceId,
    channelId: row.id,
    payload: { name: row.name },
  });
  return row;
}
