import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import { controls } from '../../db/schema/operators.ts';
import { recordAction } from '../access/action-log.ts';
import { applyControl, assertSubscriber, type ControlContext } from './controls.ts';

export interface Limit {
  name: string;
  by: string;
  /** Most events a second, of all workers together; above 0. Null: any number. */
  per_second: number | null;
}

/**
 * Limits how many events a second a subscriber does. What is beyond waits and uses up no tries.
 * Groups that were dispatched before are still done as groups, one counting as a call; a pause goes
 * on.
 *
 * @returns whether the queue has heard of it; if not, it will as soon as the transport answers
 * @throws SubscriberUnknownError
 */
export async function limit(context: ControlContext, given: Limit): Promise<boolean> {
  await context.database.db.transaction((tx) => setLimit(tx, given));
  return await applyControl(context, given.name);
}

/** Writes the limit, of which the queue has yet to hear. @throws SubscriberUnknownError */
export async function setLimit(tx: Transaction, { name, by, per_second }: Limit): Promise<void> {
  await assertSubscriber(tx, name);
  const limited = {
    per_second,
    limited_by: per_second === null ? null : by,
    limited_at: per_second === null ? null : sql`now()`,
    changed_at: sql`now()`,
  };
  await tx
    .insert(controls)
    .values({ subscriber: name, ...limited })
    .onConflictDoUpdate({ target: controls.subscriber, set: limited });
  await recordAction(tx, {
    by,
    verb: 'limit',
    subject: name,
    detail: { per_second: per_second ?? 'off' },
  });
}
