import { and, eq, gt, lt, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { operators, sessions } from '../../db/schema/operators.ts';
import type { Operator } from './action-log.ts';

/** How long a session lasts, in ms; then the key is asked for again. */
export const SESSION_MS = 12 * 60 * 60 * 1000;

/** Somebody who has signed in to the console. */
export interface Session {
  id: string;
  /** Null: signed in with KNOCKON_ADMIN_KEY. */
  operator: (Operator & { id: string }) | null;
  expires_at: Date;
}

/**
 * Begins a session and deletes those that are over.
 * @param operatorId null: signed in with KNOCKON_ADMIN_KEY
 */
export async function openSession(
  { db }: Database,
  operatorId: string | null,
): Promise<{ id: string; expires_at: Date }> {
  await db.delete(sessions).where(lt(sessions.expires_at, sql`now()`));
  // By the database's clock, for the next request may reach another machine.
  const row = {
    operator_id: operatorId,
    expires_at: sql`now() + make_interval(secs => ${SESSION_MS / 1000})`,
  };
  const [opened] = await db
    .insert(sessions)
    .values(row)
    .returning({ id: sessions.id, expires_at: sessions.expires_at });
  return opened!;
}

/** @returns undefined where it has ended, or its operator is deleted */
export async function findSession({ db }: Database, id: string): Promise<Session | undefined> {
  const [row] = await db
    .select()
    .from(sessions)
    .leftJoin(operators, eq(operators.id, sessions.operator_id))
    .where(and(eq(sessions.id, id), gt(sessions.expires_at, sql`now()`)));
  if (!row) return undefined;
  const { operators: found } = row;
  return {
    id,
    operator: found && { id: found.id, name: found.name, role: found.role },
    expires_at: row.sessions.expires_at,
  };
}

/** What was copied of it is worth nothing any more. */
export async function endSession({ db }: Database, id: string): Promise<void> {
  await db.delete(sessions).where(eq(sessions.id, id));
}
