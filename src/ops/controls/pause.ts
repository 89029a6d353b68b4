import { sql } from 'drizzle-orm';
import { controls } from '../../db/schema/operators.ts';
import { recordAction } from '../access/action-log.ts';
import { applyControl, assertSubscriber, type ControlContext } from './controls.ts';

export interface Pause {
  name: string;
  by: string;
  reason: string;
  /** When it resumes by itself; default: when somebody resumes it. */
  until?: Date;
  /** What the log calls it (default `pause`). */
  verb?: 'pause' | 'drain';
}

/**
 * Lets no call of a subscriber begin any more; those under way end as they would. Nothing is
 * skipped: its events wait, in their order, and retries and timers wait with them. Pausing what is
 * paused changes its reason and its end.
 *
 * @returns whether the queue has heard of it; if not, it will as soon as the transport answers
 * @throws SubscriberUnknownError
 */
export async function pause(
  context: ControlContext,
  { name, by, reason, until, verb = 'pause' }: Pause,
): Promise<boolean> {
  await context.database.db.transaction(async (tx) => {
    await assertSubscriber(tx, name);
    const paused = {
      paused_by: by,
      pause_reason: reason,
      paused_until: until ?? null,
      changed_at: sql`now()`,
    };
    await tx
      .insert(controls)
      .values({ subscriber: name, ...paused, paused_at: sql`now()` })
      .onConflictDoUpdate({
        target: controls.subscriber,
        set: { ...paused, paused_at: sql`coalesce(${controls.paused_at}, now())` },
      });
    await recordAction(tx, {
      by,
      verb,
      subject: name,
      reason,
      detail: until ? { until: until.toISOString() } : {},
    });
  });
  return await applyControl(context, name);
}

/**
 * Lets nothing new begin while what runs ends as it would: a pause whose subscriber says `drained`
 * once no worker is at any call of it, so that its workers can be stopped or changed without
 * breaking a call off. `resume` ends it.
 */
export const drain = (context: ControlContext, given: Omit<Pause, 'verb'>): Promise<boolean> =>
  pause(context, { ...given, verb: 'drain' });
