import { and, eq, isNotNull, sql } from 'drizzle-orm';
import { controls } from '../../db/schema/operators.ts';
import { recordAction } from '../access/action-log.ts';
import { applyControl, assertSubscriber, type ControlContext } from './controls.ts';

/**
 * Ends a pause: what has waited is done, a limit that was there holds again. What is not paused
 * stays as it is, and is not logged.
 *
 * @returns whether the queue has heard of it; if not, it will as soon as the transport answers
 * @throws SubscriberUnknownError
 */
export async function resume(
  context: ControlContext,
  { name, by }: { name: string; by: string },
): Promise<boolean> {
  await context.database.db.transaction(async (tx) => {
    await assertSubscriber(tx, name);
    const [was] = await tx
      .update(controls)
      .set({
        paused_at: null,
        paused_by: null,
        pause_reason: null,
        paused_until: null,
        changed_at: sql`now()`,
      })
      .where(and(eq(controls.subscriber, name), isNotNull(controls.paused_at)))
      .returning({ subscriber: controls.subscriber });
    if (was) await recordAction(tx, { by, verb: 'resume', subject: name });
  });
  return await applyControl(context, name);
}
