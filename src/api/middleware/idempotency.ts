import { createHash } from 'node:crypto';
import { and, eq, sql } from 'drizzle-orm';
import type { Context } from 'hono';
import { canonicalJson } from '../../canonical-json.ts';
import { lockKey } from '../../db/advisory-locks.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { idempotencyKeys } from '../../db/schema/workspaces.ts';
import type { Seal } from '../../seal.ts';
import { conflict, invalid, Problem } from '../problem.ts';
import type { Env } from '../router.ts';
import { afterTurn } from './change-limit.ts';

/**
 * The request's Idempotency-Key with the hash of what it asks for; undefined where it has none.
 *
 * @throws Problem 422 where it is malformed
 */
export function idempotencyOf(
  c: Context,
  body: unknown,
): { key: string; requestHash: Buffer } | undefined {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return undefined;
  if (!/^[\x20-\x7e]{1,255}$/.test(key))
    throw invalid([
      { path: 'Idempotency-Key', message: 'must have 1 to 255 visible ASCII characters' },
    ]);
  const request = `${c.req.method} ${c.req.path}\n${canonicalJson(body)}`;
  return { key, requestHash: createHash('sha256').update(request).digest() };
}

export const keyMismatch = () =>
  new Problem(
    422,
    'This Idempotency-Key was used for another request; take a new key for a new request.',
    {
      type: 'idempotency-key-reused',
      errors: [{ path: 'Idempotency-Key', message: 'was used for another request' }],
    },
  );

/** @param what such as `The first request with this Idempotency-Key` */
export const keyInFlight = (what = 'The first request with this Idempotency-Key') =>
  new Problem(409, `${what} has not been answered yet; try again in a moment.`, {
    type: 'idempotency-key-in-flight',
    headers: { 'retry-after': '1' },
  });

/** Tells the client that it sees the first answer again. */
export const markReplayed = (c: Context) => c.header('Idempotent-Replayed', 'true');

/**
 * Runs `work` in one transaction together with its idempotency key, if the request has one: what it
 * makes and its answer are kept together or not at all. A replay returns the first answer and runs
 * nothing; a failure keeps nothing, so the key stays free. `work` asks for nothing outside of its
 * transaction: what does belongs into `onceOutside`.
 *
 * @param body the request's body as the schema read it
 * @param check refuses by what is there. A replay is answered whatever it says: the first request
 * may have changed what is there. It may use other connections
 * @throws Problem 409 while the first request is in flight or if its answer can't be unsealed, 422
 * where the key was used for another request
 */
export async function once<T>(
  c: Context<Env>,
  { database, seal }: Keeping,
  body: unknown,
  work: (tx: Transaction) => Promise<T>,
  check: () => Promise<unknown> = async () => {},
): Promise<T> {
  const idempotency = idempotencyOf(c, body);
  if (!idempotency) {
    await check();
    return database.db.transaction(work);
  }
  const { key, requestHash } = idempotency;
  const [checked] = await Promise.allSettled([check()]);
  const workspaceId = c.get('workspaceId');
  return database.db.transaction(async (tx) => {
    await holdKey(tx, `${workspaceId} ${key}`);
    const first = await findKey(tx, workspaceId, key);
    if (first) return replay<T>(c, seal, first, requestHash);
    if (checked.status === 'rejected') throw checked.reason;
    const answer = await work(tx);
    const row = {
      workspace_id: workspaceId,
      key,
      request_hash: requestHash,
      status: 201,
      response: seal.close(JSON.stringify(answer)),
    };
    await keepAnswer(tx, row);
    return answer;
  });
}

interface Keeping {
  database: Database;
  seal: Seal;
}

/**
 * The same for work that no transaction can hold: it calls the outside, or has transactions of its
 * own. The key is claimed before it and the answer kept after it, and no connection is held
 * between. A process that dies meanwhile leaves the key claimed for two minutes.
 *
 * @throws Problem as `once`
 */
export async function onceOutside<T>(
  c: Context<Env>,
  { database, seal }: Keeping,
  body: unknown,
  work: () => Promise<T>,
): Promise<T> {
  const idempotency = idempotencyOf(c, body);
  if (!idempotency) return await work();
  const { key, requestHash } = idempotency;
  const workspaceId = c.get('workspaceId');
  const claimed = {
    workspace_id: workspaceId,
    key,
    request_hash: requestHash,
    status: IN_FLIGHT,
    response: null,
  };
  if (!(await afterTurn(c, () => writeKey(database.db, claimed)))) {
    const first = await findKey(database.db, workspaceId, key);
    if (!first) throw keyInFlight();
    return replay<T>(c, seal, first, requestHash);
  }
  const which = and(isKey(workspaceId, key), eq(idempotencyKeys.status, IN_FLIGHT));
  try {
    const answer = await work();
    const response = seal.close(JSON.stringify(answer));
    await database.db.update(idempotencyKeys).set({ status: 200, response }).where(which);
    return answer;
  } catch (error) {
    await database.db
      .delete(idempotencyKeys)
      .where(which)
      .catch(() => {});
    throw error;
  }
}

/** The status of a key whose request has not been answered yet. */
const IN_FLIGHT = 102;

function replay<T>(
  c: Context,
  seal: Seal,
  first: typeof idempotencyKeys.$inferSelect,
  requestHash: Buffer,
): T {
  if (!first.request_hash.equals(requestHash)) throw keyMismatch();
  if (first.status === IN_FLIGHT) throw keyInFlight();
  // A message's: its answer is made from the log.
  if (first.response === null) throw keyMismatch();
  const answer = JSON.parse(unseal(seal, first.response)) as T;
  markReplayed(c);
  return answer;
}

function unseal(seal: Seal, response: string): string {
  try {
    return seal.open(response);
  } catch {
    throw conflict(
      'The first request with this Idempotency-Key was done, but its answer is sealed under another ' +
        'KNOCKON_SECRET; take a new key.',
    );
  }
}

async function holdKey(tx: Transaction, name: string): Promise<void> {
  const [lock] = await tx.execute(
    sql`select pg_try_advisory_xact_lock(${lockKey(`idempotency ${name}`)}::bigint) as taken`,
  );
  if (lock?.taken !== true) throw keyInFlight();
}

const isKey = (workspaceId: string, key: string) =>
  and(eq(idempotencyKeys.workspace_id, workspaceId), eq(idempotencyKeys.key, key));

/** Too old to be replayed, or claimed by a request that will not be answered any more. */
const expired = sql`(${idempotencyKeys.created_at} < now() - interval '24 hours'
  or ${idempotencyKeys.status} = ${IN_FLIGHT} and ${idempotencyKeys.created_at} < now() -
    interval '2 minutes')`;

async function findKey(db: Database['db'] | Transaction, workspaceId: string, key: string) {
  const [row] = await db
    .select()
    .from(idempotencyKeys)
    .where(and(isKey(workspaceId, key), sql`not ${expired}`));
  return row;
}

/** Finds a fresh row only where a message was posted under this key meanwhile. */
async function keepAnswer(
  tx: Transaction,
  row: typeof idempotencyKeys.$inferInsert,
): Promise<void> {
  if (!(await writeKey(tx, row))) throw keyInFlight();
}

/** Takes an expired row over. @returns false where there is one that is not */
async function writeKey(
  db: Database['db'] | Transaction,
  row: typeof idempotencyKeys.$inferInsert,
): Promise<boolean> {
  const kept = await db
    .insert(idempotencyKeys)
    .values(row)
    .onConflictDoUpdate({
      target: [idempotencyKeys.workspace_id, idempotencyKeys.key],
      set: {
        request_hash: row.request_hash,
        status: row.status,
        response: row.response,
        message_id: null,
        created_at: sql`now()`,
      },
      setWhere: expired,
    })
    .returning({ key: idempotencyKeys.key });
  return kept.length > 0;
}
