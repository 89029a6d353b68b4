import { uuidv7 } from 'uuidv7';
import type { EventOf } from '../activities/runtime/effect.ts';
import { workspaces } from '../db/schema/workspaces.ts';
import { type DomainEvent, type EventType, eventType } from '../events/index.ts';
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
 *
 * @param type what `defineEvent` returned, or the name of a type
 * @throws TypeError if it is neither, or a member of `rest` is unknown
 */
export function anEvent<T extends string | EventType<object>>(
  type: T,
  rest: Partial<EventOf<T>> = {},
): EventOf<T> {
  const key = rest.key ?? rest.channel_id ?? null;
  const event = {
    id: uuidv7(),
    ...nameAndVersion(type),
    workspace_id: uuidv7(),
    channel_id: null,
    message_id: null,
    key,
    seq: key === null ? null : 0,
    timestamp: new Date().toISOString(),
    payload: {},
  };
  refuseUnknown('anEvent', rest, event);
  return { ...event, ...rest } as EventOf<T>;
}

function nameAndVersion(type: string | EventType<object>): Pick<DomainEvent, 'type' | 'version'> {
  if (typeof type === 'string') return { type, version: eventType(type)?.version ?? 1 };
  if (typeof type?.check === 'function') return { type: type.name, version: type.version };
  throw new TypeError('anEvent: `type` must be what defineEvent returned, or the name of a type');
}
