import { uuidv7 } from 'uuidv7';
import type { Database } from '../../src/db/client.ts';
import { channels, workspaces } from '../../src/db/schema/index.ts';
import {
  createMessageWriter,
  type MessageWriter,
  type NewMessage,
} from '../../src/messages/create.ts';
import { register } from '../../src/outbox/subscribers.ts';
import { effectQueue } from '../../src/transport/dispatch.ts';

/** A workspace with a channel, made without events. */
export async function aChannel(
  database: Database,
): Promise<{ workspaceId: string; channelId: string }> {
  const [workspace] = await database.db.insert(workspaces).values({ name: 'Acme' }).returning();
  const [channel] = await database.db
    .insert(channels)
    .values({ workspace_id: workspace!.id, name: `general-${uuidv7()}`, last_event_seq: 0 })
    .returning();
  return { workspaceId: workspace!.id, channelId: channel!.id };
}

/** A writer whose messages need no more than what differs. */
export function aWriter(database: Database, onStored: () => void = () => {}): MessageWriter {
  return createMessageWriter({ pg: database.pg, onStored });
}

export const aMessage = (
  where: { workspaceId: string; channelId: string },
  rest: Partial<NewMessage> = {},
): NewMessage => ({
  ...where,
  author: 'anna',
  text: 'hello',
  metadata: {},
  ...rest,
});

/** Registers subscribers that want these types. */
export async function subscribe(
  database: Database,
  ...wanted: { name: string; types?: string[] }[]
): Promise<void> {
  const retry = { attempts: 3, initial_ms: 1000, max_ms: 10_000, backoff: 2 };
  await register(
    database,
    wanted.map(({ name, types = ['*'] }) => ({
      name,
      description: '',
      event_types: types,
      task_queue: effectQueue(name),
      activity: name,
      ordering: 'none',
      batch: 500,
      timeout_ms: 30_000,
      retry,
    })),
  );
}
