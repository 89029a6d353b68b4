import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { all, soon } from '../../harness/customer.ts';
import { useProduct } from '../../harness/running-product.ts';
import { Receiver } from '../../harness/webhook-receiver.ts';

const product = useProduct({ KNOCKON_WEBHOOK_ATTEMPTS: '1', KNOCKON_WEBHOOK_ALLOW: '127.0.0.0/8' });
let receiver: Receiver;
let endpointId: string;

beforeAll(async () => {
  receiver = await Receiver.start();
  const { body } = await product.acme.call('POST', '/v1/endpoints', {
    url: receiver.url(),
    event_types: ['message.created'],
  });
  receiver.secret = body.secret;
  endpointId = body.id;
});
afterAll(() => receiver?.stop());

const newest = async () =>
  (await product.acme.get(`/v1/endpoints/${endpointId}/deliveries`)).data[0];

it('a delivery that was given up is made once more; taken, its dead letter is answered', async () => {
  receiver.answer = (response) => response.writeHead(500).end('not now');
  const message = await product.acme.post();
  await expect
    .poll(() => product.acme.states(message.id), soon)
    .toEqual({ ...all('done'), webhooks: 'failed' });
  const { id } = await newest();
  expect((await product.acme.call('POST', `/v1/deliveries/${id}/redeliver`)).body).toMatchObject({
    status: 500,
    error: 'HTTP 500',
  });
  receiver.answer = (response) => response.end('thank you');
  const { status, body } = await product.acme.call('POST', `/v1/deliveries/${id}/redeliver`);
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { delivery_id: id, status: 200, error: null, response_excerpt: 'thank you' },
  });
  expect(await product.acme.states(message.id)).toEqual(all('done'));
  expect(await newest()).toMatchObject({
    id,
    state: 'delivered',
    attempts: [{ status: 500 }, { status: 500 }, { status: 200 }],
  });
  expect(receiver.requests.map(({ headers }) => headers['webhook-id'])).toEqual([
    message.event_id,
    message.event_id,
    message.event_id,
  ]);
  await expect
    .poll(
      async () =>
        (await verifyLedger(product.own.database.pg)).subscribers.find(
          (s) => s.name === 'webhooks',
        ),
      soon,
    )
    .toMatchObject({ dead: 0, in_flight: 0 });
  expect((await product.acme.call('POST', `/v1/endpoints/${endpointId}/test`)).status).toBe(200);
  expect(
    (await product.acme.call('POST', `/v1/deliveries/${(await newest()).id}/redeliver`)).status,
  ).toBe(409);
  expect((await product.acme.call('POST', `/v1/deliveries/${endpointId}/redeliver`)).status).toBe(
    404,
  );
});

it('both secrets sign for a day after the secret was replaced', async () => {
  const old = receiver.secret;
  const { status, body } = await product.acme.call(
    'POST',
    `/v1/endpoints/${endpointId}/rotate_secret`,
  );
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { id: endpointId, secret: expect.stringMatching(/^whsec_/) },
  });
  expect(Date.parse(body.previous_until) - Date.now()).toBeGreaterThan(23.9 * 3_600_000);
  const message = await product.acme.post();
  await expect.poll(() => product.acme.states(message.id), soon).toEqual(all('done'));
  const sent = receiver.requests.at(-1);
  for (const secret of [old, body.secret])
    expect(() =>
      new Webhook(secret).verify(sent!.body, sent!.headers as Record<string, string>),
    ).not.toThrow();
  await product.own.database.pg`update knockon.endpoints set previous_until = now()`;
  receiver.secret = body.secret;
  const later = await product.acme.post();
  await expect.poll(() => product.acme.states(later.id), soon).toEqual(all('done'));
  expect(() =>
    new Webhook(old).verify(
      receiver.requests.at(-1)!.body,
      receiver.requests.at(-1)!.headers as Record<string, string>,
    ),
  ).toThrow();
  expect(JSON.stringify(await product.acme.get(`/v1/endpoints/${endpointId}`))).not.toContain(
    'secret',
  );
});
