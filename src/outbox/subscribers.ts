import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm';
import type { Sql } from 'postgres';
import type { Database, Transaction } from '../db/client.ts';
import { subscribers } from '../db/schema/outbox.ts';
import type { SubscriberSpec } from '../transport/dispatch.ts';
import { EVENTS_CHANNEL } from './emit.ts';

/** Gets events that do not fit their schema; see `src/activities/schema`. */
export const SCHEMA_SUBSCRIBER = 'schema';

/** The subscribers that this version brings along. SQL knows them as `is_own_subscriber`. */
export const OWN_SUBSCRIBERS: readonly string[] = [
  'analytics',
  'audit',
  'cache',
  'notifications',
  SCHEMA_SUBSCRIBER,
  'search',
  'webhooks',
];

/** Whose code does a subscriber's work: our worker's, a service's, somebody's Temporal worker's. */
export type SubscriberHost = (typeof subscribers.host.enumValues)[number];

/** Thrown where a name belongs to a subscriber that something else hosts. It says what to do. */
export class TakenNameError extends Error {
  override name = 'TakenNameError';
  constructor(taken: string, host: SubscriberHost) {
    super(`the name ${taken} belongs to ${HOSTED_BY[host]}: choose another one`);
  }
}

const HOSTED_BY: Record<SubscriberHost, string> = {
  effects: 'an effect of our workers',
  http: 'an HTTP subscriber',
  worker: 'a subscriber that is a Temporal worker of its own',
};

/** What an effect announces of itself. */
export interface Registration extends Omit<SubscriberSpec, 'host'> {
  description: string;
  /** Default `effects`. */
  host?: SubscriberHost;
  /** Event types, patterns such as `message.*`, or `*` for all. */
  event_types: string[];
  ordering: 'none' | 'key' | 'exclusive';
  /** The last event of a key stands for those before it (default: each is for itself). In ms. */
  debounce?: { wait_ms: number; most_ms: number };
  /** Whether a replay may do again what is done (default `never`). */
  again?: 'freely' | 'asked' | 'never';
  /** What one workspace may take at most; default: any number. */
  workspace_limit?: { concurrency: number | null; per_second: number | null };
}

/**
 * Writes the rows of the effects a worker hosts. Every event that is committed from then on is for
 * them too, unless they are retired.
 *
 * @returns the names of those that are
 * @throws TakenNameError
 */
export async function register(
  { db }: Pick<Database, 'db'>,
  registrations: Registration[],
): Promise<string[]> {
  return await db.transaction(async (tx) => {
    for (const registration of registrations) await writeRegistration(tx, registration);
    // Events may have waited for the first of them.
    await tx.execute(sql`select pg_notify(${EVENTS_CHANNEL}, '')`);
    const names = registrations.map(({ name }) => name);
    const retired = await tx
      .select({ name: subscribers.name })
      .from(subscribers)
      .where(and(inArray(subscribers.name, names), isNotNull(subscribers.retired_at)))
      .orderBy(subscribers.name);
    return retired.map(({ name }) => name);
  });
}

/**
 * Looks before their queues are asked for calls whether these names may be effects of a worker.
 *
 * @throws TakenNameError
 */
export async function assertOwn(pg: Sql, names: string[]): Promise<void> {
  const [taken] = await pg<{ name: string; host: SubscriberHost }[]>`
    select name, host from knockon.subscribers where name = any(${names}) and host <> 'effects'
      limit 1`;
  if (taken) throw new TakenNameError(taken.name, taken.host);
}

/** @throws TakenNameError */
export async function writeRegistration(tx: Transaction, registration: Registration) {
  const { name, host = 'effects', workspace_limit, ...rest } = registration;
  const row = {
    ...rest,
    debounce: rest.debounce ?? null,
    again: rest.again ?? 'never',
    workspace_concurrency: workspace_limit?.concurrency ?? null,
    workspace_per_second: workspace_limit?.per_second ?? null,
  };
  const written = await tx
    .insert(subscribers)
    .values({ ...row, name, host })
    .onConflictDoUpdate({
      target: subscribers.name,
      set: { ...row, registered_at: sql`now()` },
      setWhere: eq(subscribers.host, host),
    })
    .returning({ name: subscribers.name });
  if (written.length > 0) return;
  const [taken] = await tx
    .select({ host: subscribers.host })
    .from(subscribers)
    .where(eq(subscribers.name, name));
  throw new TakenNameError(name, taken!.host);
}
