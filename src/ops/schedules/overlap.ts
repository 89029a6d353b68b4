import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';

/** Events of a schedule that are looked at: those that were emitted last. */
const LAST = 100;

/**
 * Whether an event of a schedule is still open: a subscriber that is not retired has neither done
 * it nor given it up. Which run was emitted last does not matter: one that was triggered, or
 * backfilled, may be done before an older one.
 */
export async function isOpen(tx: Transaction, schedule: string): Promise<boolean> {
  const [row] = await tx.execute<{ is_open: boolean }>(sql`
    with newest as materialized (
      select event_id from knockon.schedule_runs
      where schedule = ${schedule} and event_id is not null order by event_id desc limit ${LAST}
    )
    select exists (
      select from newest n
        cross join lateral (select * from knockon.outbox where event_id = n.event_id limit 1) o
        left join lateral (select * from knockon.dispatches where id = o.dispatch_id limit 1) d
          on true
      where not exists (select from knockon.dead_letters l
          where l.event_id = n.event_id and l.subscriber = 'schema')
        and (o.dispatch_id is null or exists (
          select from unnest(d.subscribers) as s (name)
          where not exists (select from knockon.receipts r
              where r.event_id = n.event_id and r.subscriber = s.name)
            and not exists (select from knockon.dead_letters l
              where l.event_id = n.event_id and l.subscriber = s.name)
            and not exists (select from knockon.subscribers u
              where u.name = s.name and u.retired_at is not null)))
    ) as is_open`);
  return row!.is_open;
}
