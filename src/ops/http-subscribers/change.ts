import { eq, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { httpSubscribers } from '../../db/schema/http-subscribers.ts';
import { OWN_SUBSCRIBERS, type Registration, writeRegistration } from '../../outbox/subscribers.ts';
import { recordAction } from '../access/action-log.ts';
import { setLimit } from '../controls/limit.ts';
import { clearRetirement } from '../controls/retire.ts';
import { setWorkspaceLimit, type WorkspaceLimitValues } from '../controls/workspace-limit.ts';

export { TakenNameError } from '../../outbox/subscribers.ts';

/** Whether a name is Knock-on's own. */
export const isReserved = (name: string): boolean => OWN_SUBSCRIBERS.includes(name);

/** An HTTP subscriber as an operator asks for it. Times in ms. */
export interface HttpSubscriber {
  name: string;
  description: string;
  url: string;
  event_types: string[];
  ordering: Registration['ordering'];
  /** Most events a request. */
  batch: number;
  /** Longest time of a request. */
  timeout_ms: number;
  /** Longest time of a call: a request, and what is done beside it. */
  call_timeout_ms: number;
  /** Tries of an event in all; 0: unlimited. */
  attempts: number;
  /** The last event of a key stands for those before it. Unset: each is for itself. */
  debounce?: Registration['debounce'];
  task_queue: string;
  /** Most events a second; null: any number. Unset: as it is. */
  per_second?: number | null;
  /** What each workspace may take that has no limit of its own. What is left out stays as it is. */
  per_workspace?: Partial<WorkspaceLimitValues>;
  by: string;
}

/** Between tries: 1 s at first, then twice as long each time, up to 10 min. */
const RETRY = { initial_ms: 1000, max_ms: 600_000, backoff: 2 };

/**
 * Subscribes an HTTP service, or changes it, with its limits: all of that or nothing. A retired one
 * is taken back. Another URL has not failed yet. The transport's queue hears of the limits by
 * `applyControl`.
 *
 * @param sealed its secret, where it is new
 * @returns whether it is new
 * @throws TakenNameError
 */
export async function putHttpSubscriber(
  { db }: Pick<Database, 'db'>,
  given: HttpSubscriber,
  sealed: string,
): Promise<boolean> {
  const { name, url, by, event_types, per_second, per_workspace } = given;
  return await db.transaction(async (tx) => {
    await writeRegistration(tx, registrationOf(given));
    await clearRetirement(tx, name);
    const isNew = await writeRow(tx, given, sealed);
    const detail = { url, event_types: event_types.join(' ') };
    await recordAction(tx, { by, verb: 'subscribe', subject: name, detail });
    if (per_second !== undefined) await setLimit(tx, { name, by, per_second });
    if (per_workspace) await setWorkspaceLimit(tx, { name, by, ...per_workspace });
    return isNew;
  });
}

const registrationOf = (given: HttpSubscriber): Registration => ({
  name: given.name,
  description: given.description,
  host: 'http',
  event_types: given.event_types,
  task_queue: given.task_queue,
  activity: given.name,
  ordering: given.ordering,
  batch: given.batch,
  timeout_ms: given.call_timeout_ms,
  retry: { attempts: given.attempts, ...RETRY },
  debounce: given.debounce,
  again: given.ordering === 'none' ? 'asked' : 'never',
});

async function writeRow(
  tx: Transaction,
  { name, url, timeout_ms }: HttpSubscriber,
  sealed: string,
): Promise<boolean> {
  const [row] = await tx.execute(sql`
    insert into knockon.http_subscribers as h (name, url, secret, timeout_ms)
    values (${name}, ${url}, ${sealed}, ${timeout_ms})
    on conflict (name) do update set url = excluded.url, timeout_ms = excluded.timeout_ms,
      changed_at = now(),
      failures = case when h.url = excluded.url then h.failures else 0 end,
      failing_since = case when h.url = excluded.url then h.failing_since end,
      probe_at = case when h.url = excluded.url then h.probe_at end,
      failing_cause = case when h.url = excluded.url then h.failing_cause end,
      resting_until = case when h.url = excluded.url then h.resting_until end
    returning xmax = 0 as is_new`);
  return row!.is_new as boolean;
}

/** How long a secret that is replaced signs too. */
const BOTH = sql`interval '24 hours'`;

/**
 * Replaces the signing secret; the one before it signs too for 24 hours.
 *
 * @returns until when; undefined where there is none of that name
 */
export async function rotateSecret(
  { db }: Database,
  { name, sealed, by }: { name: string; sealed: string; by: string },
): Promise<Date | undefined> {
  return await db.transaction(async (tx) => {
    const [row] = await tx
      .update(httpSubscribers)
      .set({
        previous_secret: sql`${httpSubscribers.secret}`,
        previous_until: sql`now() + ${BOTH}`,
        secret: sealed,
        changed_at: sql`now()`,
      })
      .where(eq(httpSubscribers.name, name))
      .returning();
    if (!row) return undefined;
    await recordAction(tx, { by, verb: 'rotate secret', subject: name });
    return row.previous_until ?? undefined;
  });
}
