import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Transaction } from '../db/client.ts';
import { messages } from '../db/schema/messages.ts';
import { emitOwn } from '../outbox/emit.ts';
import { cancelEventsOf } from './later.ts';
import { changedNow } from './message.ts';

/**
 * Deletes a message's text, leaves its tombstone and emits `message.deleted`. What nobody has heard
 * of yet is cancelled instead. False where there is no such message (any more).
 */
export async function removeMessage(
  tx: Transaction,
  which: { workspaceId: string; id: string },
): Promise<boolean> {
  const [row] = await tx
    .update(messages)
    .set({
      text: '',
      metadata: {},
      version: sql`${messages.version} + 1`,
      updated_at: changedNow,
      deleted_at: changedNow,
    })
    .where(
      and(
        eq(messages.id, which.id),
        eq(messages.workspace_id, which.workspaceId),
        isNull(messages.deleted_at),
      ),
    )
    .returning();
  if (!row) return false;
  if ((await cancelEventsOf(tx, row.id)).includes('message.created')) return true;
  await emitOwn(tx, {
    type: 'message.deleted',
    workspaceId: which.workspaceId,
    channelId: row.channel_id,
    messageId: row.id,
    payload: { seq: row.seq, author: row.author, sent_at: row.sent_at.toISOString() },
  });
  return true;
}
