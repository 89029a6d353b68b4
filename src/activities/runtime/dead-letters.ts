import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { DeadLetters } from '../../transport/dispatch.ts';
import { chosen, isDone } from './receipts.ts';

/**
 * Writes a dead letter for each of these events that has no receipt. Called again it changes nothing but the reason. Where the last try
 * gave a longer reason that begins so, that is kept: the rest of it has not travelled.
 */
export async function recordDeadLetters(db: Database['db'], { dispatch_id, subscriber, letters }: DeadLetters): Promise<void> {
  for (const { events, target, cause, reason } of letters) {
    await db.execute(sql`
      insert into dead_letters (event_id, subscriber, target, dispatch_id, cause, reason)
      select c.event_id, ${subscriber}, ${target ?? ''}, ${dispatch_id}, ${cause.slice(0, 200)}, coalesce((
        select a.last_error from attempts a where a.event_id = c.event_id and a.subscriber = ${subscriber} and a.target = ${target ?? ''}
          and starts_with(a.last_error, ${reason})
      ), ${reason.slice(0, 2000)})
      from (${chosen({ dispatch_id, events })}) c
      where not ${isDone({ dispatch_id, subscriber })}
      order by c.event_id
      on conflict (event_id, subscriber, target) do update
        set dispatch_id = excluded.dispatch_id, cause = excluded.cause, reason = excluded.reason, created_at = now(),
          retried_by = null`);
  }
}
