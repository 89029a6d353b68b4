import express from 'express';
import { emit } from 'knockon';
import { invoicePaid } from './events.js';

/**
 * @param {import('pg').Pool} pool
 * @param {string} workspaceId whose events these are
 */
export function createApp(pool, workspaceId) {
  const app = express();
  app.use(express.json());

  app.post('/invoices', async (request, response) => {
    const { id, customer, amount_cents } = request.body;
    await pool.query('insert into invoices (id, customer, amount_cents) values ($1, $2, $3)', [
      id,
      customer,
      amount_cents,
    ]);
    response.status(201).json({ id });
  });

  app.post('/invoices/:id/pay', async (request, response) => {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query(
        `update invoices set paid_at = now() where id = $1 and paid_at is null
         returning id, customer, amount_cents::int`,
        [request.params.id],
      );
      const [invoice] = rows;
      if (!invoice) {
        await client.query('rollback');
        response.status(409).json({ error: 'There is no such invoice, or it is paid.' });
        return;
      }
      // Committed with the invoice, or not at all.
      await emit(client, {
        type: invoicePaid,
        workspaceId,
        key: `invoice-${invoice.id}`,
        payload: {
          invoice_id: invoice.id,
          customer: invoice.customer,
          amount_cents: invoice.amount_cents,
        },
      });
      await client.query('commit');
      response.json({ paid: invoice.id });
    } catch (error) {
      await client.query('rollback').catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  });

  return app;
}
