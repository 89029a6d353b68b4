import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { emit } from 'knockon';
import { aCallTo, aWorkspace, FanOut, startTestPostgres } from 'knockon/testing';
import { receipts, thanks } from '../effects.js';
import { invoicePaid } from '../events.js';

const DAY = 86_400_000;
const schema = readFileSync(new URL('../schema.sql', import.meta.url), 'utf8');
let postgres;
let own;

before(async () => {
  postgres = await startTestPostgres();
});
after(() => postgres?.stop());
beforeEach(async () => {
  own = await postgres.database();
  await own.database.pg.unsafe(schema);
});
afterEach(() => own.close());

async function payInvoice(id) {
  const workspaceId = await aWorkspace(own);
  await own.database.pg`insert into invoices (id, customer, amount_cents) values (${id}, 'ada', 5)`;
  const payload = { invoice_id: id, customer: 'ada', amount_cents: 5 };
  await own.database.pg.begin((tx) =>
    emit(tx, { type: invoicePaid, workspaceId, key: `invoice-${id}`, payload }),
  );
}

test('a receipt is written once, however often the effect is called', async () => {
  await payInvoice('42');
  const call = await aCallTo(receipts, own);
  assert.deepEqual(await call(), { done: 1, open: [] });
  assert.deepEqual(await call(), { done: 0, open: [] });
  const [row] = await own.database.pg`select invoice_id, customer from receipts_to_send`;
  assert.deepEqual({ ...row }, { invoice_id: '42', customer: 'ada' });
});

test('the customer is thanked a week later, though the service is down for two days', async () => {
  const thanked = [];
  let fanOut;
  let upAt = Number.POSITIVE_INFINITY;
  const service = createServer(async (_request, response) => {
    const now = await fanOut.now();
    if (now >= upAt) thanked.push(now);
    response.writeHead(now >= upAt ? 204 : 503).end();
  });
  await once(service.listen(0, '127.0.0.1'), 'listening');
  const env = { THANKS_URL: `http://127.0.0.1:${service.address().port}` };
  fanOut = await FanOut.open(own, [thanks], { env });
  const began = await fanOut.now();
  upAt = began.getTime() + 9 * DAY;
  await payInvoice('42');
  assert.deepEqual(await fanOut.run(), []);
  assert.equal(thanked.length, 1);
  assert.ok(thanked[0] - began >= 9 * DAY);
  await fanOut.close();
  service.close();
});
