import { sql } from 'drizzle-orm';
import { type Effect, machineTime } from '../../../src/activities/runtime/effect.ts';
import type { Database } from '../../../src/db/client.ts';
import { workspaces } from '../../../src/db/schema/workspaces.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { createMessageWriter, openChannel } from '../../../src/messages/create.ts';
import { editMessage } from '../../../src/messages/edit.ts';
import type { Message } from '../../../src/messages/message.ts';
import { removeMessage } from '../../../src/messages/remove.ts';

/** A workspace with channels that people talk in, through the product's own write side. */
export type Conversation = Awaited<ReturnType<typeof startConversation>>;

export async function startConversation(
  { db, pg: client }: Database,
  options: { channels?: number } = {},
) {
  const [workspace] = await db.insert(workspaces).values({ name: 'test' }).returning();
  const workspaceId = workspace!.id;
  const channelIds: string[] = [];
  for (let i = 0; i < (options.channels ?? 1); i++) {
    channelIds.push(
      (await db.transaction((tx) => openChannel(tx, { workspaceId, name: `channel ${i}` }))).id,
    );
  }
  const writer = createMessageWriter({ pg: client, onStored: () => {} });
  return {
    workspaceId,
    channelIds,
    channelId: channelIds[0]!,
    async post(
      text: string,
      {
        author = 'ada',
        channel = 0,
        sentAt,
        notify,
      }: { author?: string; channel?: number; sentAt?: Date; notify?: boolean } = {},
    ) {
      const posted = await writer.post({
        workspaceId,
        channelId: channelIds[channel]!,
        author,
        text,
        metadata: { n: 1 },
        sentAt,
        notify,
      });
      if (posted.state !== 'stored') throw new Error(posted.state);
      return posted.message as Message & { event_id: string };
    },
    edit: (id: string, text: string) =>
      db.transaction((tx) => editMessage(tx, { workspaceId, id }, { text })),
    remove: (id: string) => db.transaction((tx) => removeMessage(tx, { workspaceId, id })),
    /** All that has happened in the workspace, as the effect runtime hands it out. */
    async events(): Promise<DomainEvent[]> {
      const rows = await db.execute(sql`
        select id, type, version, workspace_id, channel_id, message_id,
          coalesce(key, channel_id::text) as key, seq::float8 as seq,
          to_char(timestamp at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as timestamp, payload
        from knockon.events where workspace_id = ${workspaceId} order by channel_id, seq, id`);
      return rows as unknown as DomainEvent[];
    },
  };
}

/**
 * Calls an effect as the runtime does, leaving out the receipts: each call here is for events it
 * has not had.
 */
export async function deliver(database: Database, effect: Effect, events: DomainEvent[]) {
  const wanted = events.filter(
    (event) => effect.on.includes('*') || effect.on.includes(event.type),
  );
  const { db } = database;
  if ('transact' in effect)
    return await db.transaction((tx) => effect.transact(tx, wanted, machineTime));
  const { signal } = new AbortController();
  return await effect.perform(wanted, { db, target: undefined, signal, ...machineTime });
}
