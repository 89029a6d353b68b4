import { defineEvent, z } from 'knockon';

export const invoicePaid = defineEvent('invoice.paid', {
  payload: z
    .object({
      invoice_id: z.string(),
      customer: z.string(),
      amount_cents: z.int().positive(),
    })
    .describe('A customer has paid an invoice.'),
});
