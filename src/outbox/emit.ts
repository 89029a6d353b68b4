import { sql } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { Transaction } from '../db/client.ts';
import { events } from '../db/schema/events.ts';
import { channels } from '../db/schema/messages.ts';
import { outbox } from '../db/schema/outbox.ts';
import { type DomainEvent, eventType, eventTypes, explainIssues } from '../events/index.ts';

/** What has happened, before it has an id and a place in its channel's log. */
export interface NewEvent {
  /** A declared type. */
  type: string;
  workspaceId: string;
  channelId?: string;
  messageId?: string;
  payload: Record<string, unknown>;
}

/**
 * Thrown by `emit`, before anything is written: the type is not declared, the payload does not fit
 * it, or there is no such channel.
 */
export class EmitError extends Error {
  override name = 'EmitError';
}

/** Tells dispatchers that something waits for them; arrives with the commit. */
export const EVENTS_CHANNEL = 'knockon_events';

/**
 * Writes an event into the log and the outbox, in the caller's transaction: it is emitted if and
 * only if that commits. Takes the channel's next `seq`, and so holds the channel until the commit.
 *
 * @throws EmitError
 */
export async function emit(tx: Transaction, event: NewEvent): Promise<DomainEvent> {
  const type = eventType(event.type);
  if (!type)
    throw new EmitError(
      `event type "${event.type}" is not declared; declared are ${eventTypes().join(', ')}. ` +
        'Declare it in src/events/',
    );
  const issues = type.check(event.payload);
  if (issues.length > 0)
    throw new EmitError(`the payload of "${event.type}" is refused: ${explainIssues(issues)}`);
  const row = {
    id: uuidv7(),
    type: type.name,
    version: type.version,
    workspace_id: event.workspaceId,
    channel_id: event.channelId ?? null,
    message_id: event.messageId ?? null,
    sequence_id: event.channelId ?? null,
    key: null,
    seq: event.channelId ? await nextSeq(tx, event.workspaceId, event.channelId) : null,
    timestamp: new Date(),
    payload: event.payload,
  };
  await tx.insert(events).values(row);
  await tx.insert(outbox).values({
    event_id: row.id,
    workspace_id: row.workspace_id,
    channel_id: row.channel_id,
    type: row.type,
  });
  await tx.execute(sql`select pg_notify(${EVENTS_CHANNEL}, '')`);
  return { ...row, key: row.channel_id, timestamp: row.timestamp.toISOString() };
}

async function nextSeq(tx: Transaction, workspaceId: string, channelId: string): Promise<number> {
  const [channel] = await tx
    .update(channels)
    .set({ last_event_seq: sql`${channels.last_event_seq} + 1` })
    .where(sql`${channels.id} = ${channelId} and ${channels.workspace_id} = ${workspaceId}`)
    .returning({ seq: channels.last_event_seq });
  if (!channel) throw new EmitError(`there is no channel ${channelId} in workspace ${workspaceId}`);
  return channel.seq;
}
