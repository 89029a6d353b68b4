// Sends a receipt for each invoice.paid. Reads SECRET and PORT.
import { createHmac, timingSafeEqual } from 'node:crypto';
import express from 'express';

const key = Buffer.from(process.env.SECRET.replace(/^whsec_/, ''), 'base64');
const TOLERANCE = 5 * 60;
const done = new Set();

/** Standard Webhooks: HMAC-SHA256 of id, timestamp and body; any of the signatures will do. */
function isSigned(headers, body) {
  const timestamp = Number(headers['webhook-timestamp']);
  if (!(Math.abs(Date.now() / 1000 - timestamp) <= TOLERANCE)) return false;
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const own = Buffer.from(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  const given = String(headers['webhook-signature'] ?? '').split(' ');
  return given.some((one) => {
    const other = Buffer.from(one);
    return other.length === own.length && timingSafeEqual(other, own);
  });
}

/** What is not done, and why; undefined: it is. */
function sendReceipt({ id, payload }) {
  if (payload.amount_cents < 0) return { event_id: id, state: 'dead', reason: 'a negative amount' };
  if (!done.has(id)) console.log('receipt for', payload.invoice_id);
  done.add(id);
}

const app = express();
// The signature is of the body as it came, before it is parsed.
app.post(
  '/events',
  express.text({ type: 'application/json', limit: '10mb' }),
  (request, response) => {
    if (!isSigned(request.headers, request.body))
      return response.status(401).json({ error: 'the signature is wrong' });
    const results = JSON.parse(request.body).events.flatMap((event) => sendReceipt(event) ?? []);
    response.json({ results });
  },
);

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}/events`),
);
