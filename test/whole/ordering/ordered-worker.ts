// Hosts the example that is ordered by channel, and beside it an effect of events with keys.
import { readFileSync } from 'node:fs';
import { transcripts } from '../../../examples/transcripts/effect.ts';
import { connect, defineEffect, defineEvent, runEffects, sql, z } from '../../../src/index.ts';

const invoicePaid = defineEvent('invoice.paid', { payload: z.object({ n: z.int() }) });

/** Writes down what it sees, as often as it sees it. */
const payments = defineEffect({
  name: 'payments',
  description: 'Writes down payments in the order in which it sees them.',
  on: [invoicePaid],
  ordering: 'key',
  async transact(tx, events) {
    for (const { key, seq } of events)
      await tx.execute(sql`insert into public.payments (key, seq) values (${key}, ${seq})`);
  },
});

const database = await connect();
const schema = new URL('../../../examples/transcripts/schema.sql', import.meta.url);
await database.pg.unsafe(readFileSync(schema, 'utf8'));
const running = await runEffects({ effects: [transcripts, payments], database });
process.send?.({ ready: true });
await running.ended;
process.exit();
