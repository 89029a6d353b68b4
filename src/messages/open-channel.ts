import type { Transaction } from '../db/client.ts';
import { channels } from '../db/schema/messages.ts';
import { emitOwn } from '../outbox/emit.ts';

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
