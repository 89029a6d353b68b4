import { sql } from 'drizzle-orm';
import type { Transaction } from '../db/client.ts';
import { EVENTS_CHANNEL } from './emit.ts';

/** An event, and the version of its type that its payload fits after all. */
export interface Mended {
  id: string;
  type: string;
  version: number;
}

/**
 * Dispatches events to all their subscribers of this moment, as if they had just been emitted. The
 * dispatch that has them keeps them too, so its ledger stays as it is. A dispatcher starts the new
 * ones once the transaction is committed.
 */
export async function dispatchAnew(tx: Transaction, mended: Mended[]): Promise<void> {
  if (mended.length === 0) return;
  const column = (pick: (event: Mended) => string | number) => sql.param(mended.map(pick));
  await tx.execute(sql`
    with mended as materialized (
      select * from unnest(${column((e) => e.id)}::uuid[], ${column((e) => e.type)}::text[],
        ${column((e) => e.version)}::smallint[]) as t (id, type, version)
    ), fresh as materialized (
      select type, count(*)::int as size, knockon.uuidv7() as id from mended group by type
    ), stamped as (
      update knockon.events e set version = m.version from mended m
        where e.id = m.id and e.version <> m.version
    ), opened as (
      insert into knockon.dispatches (id, type, size, subscribers, claimed_at)
      select id, type, size, array(select name from knockon.subscribers
        where event_types && knockon.wanted_as(fresh.type) and retired_at is null order by name), null
      from fresh
    ), kept as (
      insert into knockon.dispatch_events (dispatch_id, event_id, type)
      select o.dispatch_id, o.event_id, o.type from knockon.outbox o
        where o.event_id in (select id from mended) on conflict do nothing
    )
    update knockon.outbox o set dispatch_id = fresh.id, unchecked = null
    from mended m join fresh using (type) where o.event_id = m.id`);
  await tx.execute(sql`select pg_notify(${EVENTS_CHANNEL}, '')`);
}
