import { createHash } from 'node:crypto';
import { and, eq, sql } from 'drizzle-orm';
import type { Context } from 'hono';
import type { Database, Transaction } from '../../db/client.ts';
import { idempotencyKeys } from '../../db/schema/workspaces.ts';
import type { Seal } from '../../seal.ts';
import { invalid, Problem } from '../problem.ts';
import type { Env } from '../router.ts';

/** The request's Idempotency-Key with the hash of what it asks for; undefined where it has none. */
export function idempotencyOf(c: Context, body: unknown): { key: string; requestHash: Buffer } | undefined {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return undefined;
  if (!/^[\x20-\x7e]{1,255}$/.test(key)) throw invalid([{ path: 'Idempotency-Key', message: 'wants 1 to 255 visible ASCII characters' }]);
  const request = `${c.req.method} ${c.req.path}\n${canonical(body)}`;
  return { key, requestHash: createHash('sha256').update(request).digest() };
}

/** JSON whose objects' keys are sorted, so that the same body in another order is the same request. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null || value instanceof Date) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
}

export const keyMismatch = () =>
  new Problem(422, 'This Idempotency-Key was used for another request; take a new key for a new request.', {
    type: 'idempotency-key-reused',
    errors: [{ path: 'Idempotency-Key', message: 'was used for another request' }],
  });

export const keyInFlight = () =>
  new Problem(409, 'The first request with this Idempotency-Key has not been answered yet; try again in a moment.', {
    type: 'idempotency-key-in-flight',
    headers: { 'retry-after': '1' },
  });

/** Tells the client that it sees the first answer again. */
export const markReplayed = (c: Context) => c.header('Idempotent-Replayed', 'true');

/**
 * Runs `work` in one transaction together with its idempotency key, if the request has one: what it makes and its answer
 * are kept together or not at all. A replay returns the first answer and runs nothing; a failure keeps nothing, so the
 * key stays free.
 *
 * @param body the request's body as the schema read it
 * @throws Problem 409 while the first request is in flight, 422 where the key was used for another request
 */
export async function once<T>(
  c: Context<Env>,
  { database, seal }: { database: Database; seal: Seal },
  body: unknown,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const idempotency = idempotencyOf(c, body);
  if (!idempotency) return database.db.transaction(work);
  const { key, requestHash } = idempotency;
  const workspaceId = c.get('workspaceId');
  return database.db.transaction(async (tx) => {
    await lockKey(tx, `${workspaceId} ${key}`);
    const first = await firstAnswer(tx, workspaceId, key);
    if (first && (!first.request_hash.equals(requestHash) || first.response === null)) throw keyMismatch();
    if (first?.response) {
      markReplayed(c);
      return JSON.parse(seal.open(first.response)) as T;
    }
    const answer = await work(tx);
    const row = { workspace_id: workspaceId, key, request_hash: requestHash, status: 201, response: seal.close(JSON.stringify(answer)) };
    await keepAnswer(tx, row);
    return answer;
  });
}

async function lockKey(tx: Transaction, name: string): Promise<void> {
  const [lock] = await tx.execute(sql`select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as taken`);
  if (lock?.taken !== true) throw keyInFlight();
}

const expired = sql`${idempotencyKeys.created_at} < now() - interval '24 hours'`;

async function firstAnswer(tx: Transaction, workspaceId: string, key: string) {
  const which = and(eq(idempotencyKeys.workspace_id, workspaceId), eq(idempotencyKeys.key, key), sql`not ${expired}`);
  const [row] = await tx.select().from(idempotencyKeys).where(which);
  return row;
}

/** Takes an expired row over. Finds a fresh one only where a message was posted under this key meanwhile. */
async function keepAnswer(tx: Transaction, row: typeof idempotencyKeys.$inferInsert): Promise<void> {
  const kept = await tx
    .insert(idempotencyKeys)
    .values(row)
    .onConflictDoUpdate({
      target: [idempotencyKeys.workspace_id, idempotencyKeys.key],
      set: { request_hash: row.request_hash, status: row.status, response: row.response, message_id: null, created_at: sql`now()` },
      setWhere: expired,
    })
    .returning({ key: idempotencyKeys.key });
  if (kept.length === 0) throw keyInFlight();
}
