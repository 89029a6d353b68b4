import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { DeadLetters } from '../../transport/dispatch.ts';
import { chosen, isDone } from './receipts.ts';

/** Writes a dead letter for each of these events that has no receipt. Called again it changes nothing but the reason. */
export async function recordDeadLetters(db: Database['db'], { dispatch_id, subscriber, letters }: DeadLetters): Promise<void> {
  for (const { events, target, cause, reason } of letters) {
    await db.execute(sql`
      insert into dead_letters (event_id, subscriber, target, dispatch_id, cause, reason)
      select c.event_id, ${subscriber}, ${target ?? ''}, ${dispatch_id}, ${cause.slice(0, 200)}, ${reason.slice(0, 2000)}
      from (${chosen({ dispatch_id, events })}) c
      where not ${isDone({ dispatch_id, subscriber })}
      order by c.event_id
      on conflict (event_id, subscriber, target) do update
        set dispatch_id = excluded.dispatch_id, cause = excluded.cause, reason = excluded.reason, created_at = now(),
          retried_by = null`);
  }
}
