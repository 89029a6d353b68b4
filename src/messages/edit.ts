import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Transaction } from '../db/client.ts';
import { messages } from '../db/schema/messages.ts';
import { emitOwn } from '../outbox/emit.ts';
import { afterCreated } from './later.ts';
import { changedNow, type Message, toMessage } from './message.ts';

/**
 * Changes a message's text or metadata and emits `message.updated`: right after `message.created`,
 * where that is for later. Null where there is no such message (any more).
 */
export async function editMessage(
  tx: Transaction,
  which: { workspaceId: string; id: string },
  change: { text?: string; metadata?: Record<string, unknown> },
): Promise<Message | null> {
  const [row] = await tx
    .update(messages)
    .set({ ...change, version: sql`${messages.version} + 1`, updated_at: changedNow })
    .where(
      and(
        eq(messages.id, which.id),
        eq(messages.workspace_id, which.workspaceId),
        isNull(messages.deleted_at),
      ),
    )
    .returning();
  if (!row) return null;
  const message = toMessage(row);
  const { seq, author, text, metadata, sent_at } = message;
  await emitOwn(tx, {
    type: 'message.updated',
    workspaceId: which.workspaceId,
    channelId: row.channel_id,
    messageId: row.id,
    payload: { seq, author, text, metadata, sent_at },
    deliverAt: await afterCreated(tx, row.id),
  });
  return message;
}
