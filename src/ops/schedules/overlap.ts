import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';

/**
 * Whether the newest event of a schedule is still open: a subscriber that is not retired has
 * neither done it nor given it up.
 */
export async function isOpen(tx: Transaction, schedule: string): Promise<boolean> {
  const [row] = await tx.execute<{ is_open: boolean }>(sql`
    with newest as (
      select event_id from knockon.schedule_runs
      where schedule = ${schedule} and event_id is not null order by at desc limit 1
    )
    select exists (
      select from newest n join knockon.outbox o using (event_id)
        left join knockon.dispatches d on d.id = o.dispatch_id
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
