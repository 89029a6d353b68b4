import { and, asc, desc, eq, gt, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { eventTypes } from '../../db/schema/events.ts';

type Db = Database['db'] | Transaction;

/** A version of an event type, as it is shown. */
export interface EventTypeVersion {
  name: string;
  version: number;
  description: string;
  /** JSON Schema 2020-12 of the payload. */
  schema: Record<string, unknown>;
  examples: Record<string, unknown>[];
  /** `code`: a process declared it when it started. `api`: somebody sent it. */
  source: 'code' | 'api';
  /** RFC 3339, UTC. */
  created_at: string;
}

const toVersion = ({ created_at, ...row }: typeof eventTypes.$inferSelect): EventTypeVersion => ({
  ...row,
  created_at: created_at.toISOString(),
});

/** Event types by name, each in its current version. @param after the last name seen */
export async function listEventTypes(
  db: Db,
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<EventTypeVersion[]> {
  const rows = await db
    .selectDistinctOn([eventTypes.name])
    .from(eventTypes)
    .where(after === undefined ? undefined : gt(eventTypes.name, sql`${after}::text`))
    .orderBy(asc(eventTypes.name), desc(eventTypes.version))
    .limit(limit);
  return rows.map(toVersion);
}

/** All versions of an event type, the current one first. */
export async function readEventType(db: Db, name: string): Promise<EventTypeVersion[]> {
  const rows = await db
    .select()
    .from(eventTypes)
    .where(eq(eventTypes.name, name))
    .orderBy(desc(eventTypes.version))
    .limit(MOST_VERSIONS);
  return rows.map(toVersion);
}

/** Versions of a type that are shown: the newest. */
const MOST_VERSIONS = 100;

/** One version of an event type, or undefined. */
export async function readVersion(
  db: Db,
  name: string,
  version: number,
): Promise<EventTypeVersion | undefined> {
  const [row] = await db
    .select()
    .from(eventTypes)
    .where(and(eq(eventTypes.name, name), eq(eventTypes.version, version)));
  return row && toVersion(row);
}
