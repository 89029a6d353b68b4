import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { declareTypes } from '../../harness/event-types.ts';
import { runCommand } from '../../whole/cli/run-in-process.ts';
import { OPERATOR, useApi } from '../api/test-api.ts';

const api = useApi();
let server: ReturnType<typeof createAdaptorServer>;
beforeAll(async () => {
  await declareTypes(api.database, ['invoice.paid']);
  server = createAdaptorServer({ fetch: api.app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server?.close());

const knockon = (words: string[], keys: Record<string, string> = { KNOCKON_API_KEY: api.key }) =>
  runCommand(words, {
    KNOCKON_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...keys,
  });
const emit = (...words: string[]) => knockon(['emit', ...words]);
const operate = (...words: string[]) => knockon(words, { KNOCKON_ADMIN_KEY: OPERATOR });

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

describe('what is for later', () => {
  it('is emitted, listed, traced and cancelled', async () => {
    const emitted = await emit('invoice.paid', '--payload', '{"amount": 7}', '--in', '2h');
    expect(emitted.out).toMatch(/^Scheduled for \d{4}-.+Z: invoice\.paid [0-9a-f-]{36}$/m);
    const id = emitted.out.trim().split(' ').at(-1)!;
    const { out } = await operate('scheduled');
    expect(out).toMatch(/invoice\.paid +1 /);
    expect(out).toContain(id);
    const listed = JSON.parse((await operate('scheduled', '--json')).out);
    expect(listed).toMatchObject({ count: 1, events: [{ id, state: 'scheduled' }] });
    expect((await knockon(['trace', id])).out).toContain('scheduled for');
    expect((await knockon(['cancel', id])).out).toContain(`Cancelled: ${id}`);
    expect((await operate('scheduled')).out).toContain('Nothing is scheduled.');
    const traced = await knockon(['trace', id, '--follow']);
    expect(traced).toMatchObject({ exitCode: 0, out: expect.stringContaining('cancelled at') });
    expect(traced.out).toContain('nothing happens because of it');
    const now = await emit('invoice.paid', '--payload', '{"amount": 7}', '--json');
    const refused = await knockon(['cancel', JSON.parse(now.out).id]);
    expect(refused).toMatchObject({ exitCode: 1, err: expect.stringContaining('dispatched') });
  });

  it('is emitted again and again by a schedule, which is listed and steered', async () => {
    const words = ['weekly', '--cron', '0 9 * * 1', '--zone', 'Europe/Berlin'];
    const emits = ['--emit', 'invoice.paid', '--payload', '{"amount": 8}'];
    const whose = [...emits, '--workspace', api.workspaceId];
    const set = await operate('schedule', ...words, ...whose);
    expect(set.out).toMatch(/^weekly emits invoice\.paid, first at \d{4}-/);
    expect((await operate('schedules')).out).toMatch(/weekly .*invoice\.paid/);
    await operate('schedules', 'trigger', 'weekly');
    const { body } = await api.call('GET', '/v1/events?type=invoice.paid&limit=1');
    expect(body.data).toMatchObject([{ payload: { amount: 8 } }]);
    const paused = await operate('schedules', 'pause', 'weekly', '--reason', 'holidays');
    expect(paused.exitCode).toBe(0);
    expect((await operate('schedules', 'show', 'weekly')).out).toContain('holidays');
    const wrong = await operate('schedule', 'x', '--cron', 'often', ...whose);
    expect(wrong).toMatchObject({ exitCode: 2, err: expect.stringContaining('five fields') });
  });
});
