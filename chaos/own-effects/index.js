// Effects of an application's own, as `knockon worker effects --from chaos/own-effects` loads them.
import { defineEffect, defineEvent, sql, z } from 'knockon';

export const billSettled = defineEvent('bill.settled', {
  description: 'A bill was paid in full.',
  payload: z.object({ by: z.string(), nth: z.number().int() }),
});

/** Writes down each event in the order in which it is called. It hides nothing that comes twice. */
export const tallies = defineEffect({
  name: 'tallies',
  description: 'Writes down the order in which it sees the bills of each key.',
  on: ['bill.settled'],
  ordering: 'key',
  async transact(tx, events) {
    const column = (pick) => sql.param(events.map(pick));
    await tx.execute(sql`
      insert into public.tallies (workspace_id, key, event_id, seq)
      select workspace_id, key, event_id, seq from unnest(
        ${column((e) => e.workspace_id)}::uuid[], ${column((e) => e.key)}::text[],
        ${column((e) => e.id)}::uuid[], ${column((e) => e.seq)}::bigint[]
      ) with ordinality as t (workspace_id, key, event_id, seq, nth) order by nth`);
  },
});
