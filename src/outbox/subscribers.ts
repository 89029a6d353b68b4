import type { Sql, TransactionSql } from 'postgres';
import type { subscribers } from '../db/schema/outbox.ts';
import type { SubscriberSpec } from '../transport/dispatch.ts';
import { EVENTS_CHANNEL } from './emit.ts';

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
export interface Registration extends SubscriberSpec {
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
export async function register(pg: Sql, registrations: Registration[]): Promise<string[]> {
  return await pg.begin(async (tx) => {
    for (const registration of registrations) await writeRegistration(tx, registration);
    // Events may have waited for the first of them. Not by `tx.notify`, which takes another
    // connection of the pool.
    await tx`select pg_notify(${EVENTS_CHANNEL}, '')`;
    const names = registrations.map(({ name }) => name);
    const retired = await tx<
      { name: string }[]
    >`select name from knockon.subscribers where name = any(${names}) and retired_at is not null
      order by name`;
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

/** Within a transaction. @throws TakenNameError */
export async function writeRegistration(tx: TransactionSql, r: Registration): Promise<void> {
  const host = r.host ?? 'effects';
  const written = await tx`
    insert into knockon.subscribers (name, description, event_types, task_queue, activity, host,
      ordering, batch, timeout_ms, retry, debounce, again,
      workspace_concurrency, workspace_per_second)
    values (${r.name}, ${r.description}, ${r.event_types}, ${r.task_queue}, ${r.activity}, ${host},
      ${r.ordering}, ${r.batch}, ${r.timeout_ms}, ${tx.json({ ...r.retry })},
      ${r.debounce ? tx.json({ ...r.debounce }) : null}, ${r.again ?? 'never'},
      ${r.workspace_limit?.concurrency ?? null}, ${r.workspace_limit?.per_second ?? null})
    on conflict (name) do update set description = excluded.description,
      event_types = excluded.event_types, task_queue = excluded.task_queue,
      activity = excluded.activity, ordering = excluded.ordering, batch = excluded.batch,
      timeout_ms = excluded.timeout_ms, retry = excluded.retry, debounce = excluded.debounce,
      again = excluded.again, workspace_concurrency = excluded.workspace_concurrency,
      workspace_per_second = excluded.workspace_per_second, registered_at = now()
    where subscribers.host = excluded.host
    returning true`;
  if (written.length > 0) return;
  const [taken] = await tx<{ host: SubscriberHost }[]>`
    select host from knockon.subscribers where name = ${r.name}`;
  throw new TakenNameError(r.name, taken!.host);
}
