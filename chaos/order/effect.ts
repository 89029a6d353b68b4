import { sql } from 'drizzle-orm';
import type { Sql } from 'postgres';
import { defineEffect } from '../../src/activities/runtime/effect.ts';

/** What the ordered effect has seen: `place` rises with each event it was given. */
export async function makeSightings(client: Sql): Promise<void> {
  await client`
    create table sightings (place bigint generated always as identity primary key,
      key text not null, event_id uuid not null, seq bigint not null)`;
}

/**
 * Writes down each event in the order in which it is called. Twice seen is twice written: nothing
 * here hides it.
 */
export const sightings = defineEffect({
  name: 'sightings',
  description: 'Writes down the order in which it sees the events of each key.',
  on: ['message.created', 'message.updated', 'message.deleted'],
  ordering: 'key',
  async transact(tx, events) {
    const column = (pick: (event: (typeof events)[number]) => string | number | null) =>
      sql.param(events.map(pick));
    await tx.execute(sql`
      insert into sightings (key, event_id, seq)
      select key, event_id, seq from unnest(
        ${column((e) => e.key)}::text[], ${column((e) => e.id)}::uuid[],
        ${column((e) => e.seq)}::bigint[]
      ) with ordinality as t (key, event_id, seq, nth) order by nth`);
  },
});
