import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { declareTypes } from '../../harness/event-types.ts';
import { runCommand } from '../../whole/cli/run-in-process.ts';
import { useApi } from '../api/test-api.ts';

const api = useApi();
let server: ReturnType<typeof createAdaptorServer>;
beforeAll(async () => {
  await declareTypes(api.database, ['invoice.paid']);
  server = createAdaptorServer({ fetch: api.app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server?.close());

const emit = (...words: string[]) =>
  runCommand(['emit', ...words], {
    KNOCKON_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    KNOCKON_API_KEY: api.key,
  });

describe('knockon emit', () => {
  it('emits an event, and says where it is', async () => {
    const words = ['invoice.paid', '--payload', '{"amount": 5}', '--key', 'invoice-42'];
    const { exitCode, out } = await emit(...words);
    expect({ exitCode, out }).toEqual({
      exitCode: 0,
      out: expect.stringMatching(/^Emitted: invoice\.paid [0-9a-f-]{36}, number 0 of the key invo/),
    });
    const { body } = await api.call('GET', '/v1/events?type=invoice.paid');
    expect(body.data).toMatchObject([{ payload: { amount: 5 }, key: 'invoice-42', seq: 0 }]);
  });

  it('emits once under an idempotency key, and prints the event as JSON', async () => {
    const words = ['invoice.paid', '--payload', '{"amount": 6}', '--idempotency-key', 'one'];
    const first = JSON.parse((await emit(...words, '--json')).out);
    expect(first).toMatchObject({ type: 'invoice.paid', payload: { amount: 6 }, key: null });
    expect((await emit(...words)).out).toContain(`Was emitted before: invoice.paid ${first.id}`);
  });

  it.each([
    ['a payload that is no JSON', 'invoice.paid', '{amount', 'must be a JSON object'],
    ['a payload that is no object', 'invoice.paid', '[1]', 'must be a JSON object'],
    ['a number that is rounded', 'invoice.paid', '{"a": 9007199254740993}', "can't be kept"],
    ['a payload that does not fit', 'invoice.paid', '{"amount": "x"}', 'payload.amount'],
    ['an unknown type', 'invoice.payed', '{}', 'did you mean invoice.paid?'],
  ])('refuses %s', async (_, type, payload, why) => {
    const { exitCode, err } = await emit(type, '--payload', payload);
    expect(exitCode).toBe(2);
    expect(err).toContain(why);
  });
});
