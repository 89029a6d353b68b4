import { defineEffect, later, sql, z } from 'knockon';
import { invoicePaid } from './events.js';

/** Writes a receipt for each paid invoice. It happens once, with the effect's own receipt. */
export const receipts = defineEffect({
  name: 'receipts',
  description: 'Writes a receipt for each paid invoice.',
  on: [invoicePaid],
  ordering: 'key',
  async transact(tx, events) {
    for (const { payload } of events)
      await tx.execute(sql`
        insert into receipts_to_send (invoice_id, customer)
        values (${payload.invoice_id}, ${payload.customer})
        on conflict do nothing`);
  },
});

/** Thanks the customer a while later, by a service of somebody else's. */
export const thanks = defineEffect({
  name: 'thanks',
  description: 'Thanks the customer some days after the payment.',
  on: [invoicePaid],
  retry: { attempts: 100, initial: '1m', max: '1h' },
  // Read from the environment when the process starts.
  settings: z.object({
    THANKS_URL: z.url(),
    THANKS_AFTER_DAYS: z.coerce.number().default(7),
  }),
  async perform(events, { settings, now, signal }) {
    const open = [];
    for (const event of events) {
      const due = new Date(Date.parse(event.timestamp) + settings.THANKS_AFTER_DAYS * 86_400_000);
      if (now() < due) {
        open.push(later(event, due));
        continue;
      }
      const response = await fetch(settings.THANKS_URL, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': event.id },
        body: JSON.stringify({ customer: event.payload.customer }),
        signal,
      });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
    }
    return open;
  },
});
