import type { Database } from '../../../src/db/client.ts';
import { workspaces } from '../../../src/db/schema/workspaces.ts';
import { findSequence } from '../../../src/db/sequences.ts';
import { emitOwn } from '../../../src/outbox/emit.ts';
import { startConversation } from '../effects/conversation.ts';

/** What is said in order: in channels, or under keys of an application's own. */
export interface Talk {
  workspaceId: string;
  /** What the events of each channel or key are numbered in. */
  sequenceIds: string[];
  post(text: string, options?: { channel?: number }): Promise<{ id: string; event_id: string }>;
  edit(id: string, text: string): Promise<unknown>;
  remove(id: string): Promise<unknown>;
}

/** @param options.channels how many (default 1); each has had its first event, `seq` 0 */
export type StartTalk = (database: Database, options: { channels?: number }) => Promise<Talk>;

export const inChannels: StartTalk = async (database, options) => {
  const { channelIds, ...talk } = await startConversation(database, options);
  return { ...talk, sequenceIds: channelIds };
};

/** The same events without channels and messages. An edit needs no message to be in order. */
export const underKeys: StartTalk = async ({ db, pg }, { channels = 1 }) => {
  const [workspace] = await db.insert(workspaces).values({ name: 'test' }).returning();
  const workspaceId = workspace!.id;
  const keys = Array.from({ length: channels }, (_, n) => `invoice-${n}`);
  const keyOf = new Map<string, string>();
  const say = (type: string, key: string, payload: Record<string, unknown>) =>
    db.transaction((tx) => emitOwn(tx, { type, workspaceId, key, payload }));
  const body = { seq: 1, author: 'ada', sent_at: '2024-01-15T12:00:00.000Z' };
  for (const name of keys) await say('channel.created', name, { name });
  const ids = await Promise.all(keys.map((key) => findSequence(pg, workspaceId, key)));
  return {
    workspaceId,
    sequenceIds: ids.map(String),
    async post(text, { channel = 0 } = {}) {
      const key = keys[channel]!;
      const { id } = await say('message.created', key, { ...body, text, metadata: {} });
      keyOf.set(id, key);
      return { id, event_id: id };
    },
    edit: (id, text) => say('message.updated', keyOf.get(id)!, { ...body, text, metadata: {} }),
    remove: (id) => say('message.deleted', keyOf.get(id)!, body),
  };
};
