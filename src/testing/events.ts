import { uuidv7 } from 'uuidv7';
import { workspaces } from '../db/schema/workspaces.ts';
import type { DomainEvent } from '../events/event.ts';
import { refuseUnknown } from '../known-members.ts';
import type { TestDatabase } from './database.ts';

/** Makes a workspace, without events. @returns its id */
export async function aWorkspace(
  { database: { db } }: Pick<TestDatabase, 'database'>,
  name = 'Acme',
): Promise<string> {
  const [workspace] = await db.insert(workspaces).values({ name }).returning();
  return workspace!.id;
}

/**
 * An event as an effect gets it, for tests that call code of yours without a database. Ids are new,
 * and the time is now, where `rest` does not say otherwise. With a `key` it is the first of its
 * key.
 */
export function anEvent(type: string, rest: Partial<DomainEvent> = {}): DomainEvent {
  const key = rest.key ?? rest.channel_id ?? null;
  const event = {
    id: uuidv7(),
    type,
    version: 1,
    workspace_id: uuidv7(),
    channel_id: null,
    message_id: null,
    key,
    seq: key === null ? null : 0,
    timestamp: new Date().toISOString(),
    payload: {},
  };
  refuseUnknown('anEvent', rest, event);
  return { ...event, ...rest };
}
