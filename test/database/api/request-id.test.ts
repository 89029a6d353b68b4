import { sql } from 'drizzle-orm';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { request, useApi } from './test-api.ts';

const lines: string[] = [];
const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
const api = useApi({ log });
const entries = () => lines.splice(0).map((line) => JSON.parse(line));

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;

const answered = async (headers: Record<string, string>, path = '/healthz') =>
  (await api.call('GET', path, { headers })).headers.get('x-request-id');

describe('the id of a request', () => {
  test.each(['7b8e', 'Root=1-67891233-abcdef012345678912345678', 'a/b+c=', 'x'.repeat(128)])(
    "is the client's own: %s",
    async (id) => {
      expect(await answered({ 'x-request-id': id, traceparent })).toBe(id);
    },
  );

  test("else is its trace's, else a new one each time", async () => {
    expect(await answered({ traceparent })).toBe(TRACE);
    const [one, other] = [await answered({}), await answered({})];
    expect(one).toMatch(/^[0-9a-f-]{36}$/);
    expect(other).not.toBe(one);
  });

  test.each([
    { 'x-request-id': 'x'.repeat(129) },
    { 'x-request-id': 'ada@example.com' },
    { 'x-request-id': 'two words' },
    { 'x-request-id': '"}{"' },
    { 'x-request-id': '' },
    { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` },
    { traceparent: `ff-${TRACE}-b7ad6b7169203331-01` },
    { traceparent: `00-${TRACE.toUpperCase()}-b7ad6b7169203331-01` },
    { traceparent: TRACE },
  ])('is a new one where what was sent is none: %j', async (headers) => {
    expect(await answered(headers as unknown as Record<string, string>)).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each([
    '/v1/channels',
    '/v1/nothing',
    '/nothing',
    '/v1/search',
    '/docs',
    '/openapi.json',
    '/v1/ops/subscribers',
  ])('is in the answer of %s, whatever that is', async (path) => {
    expect(await answered({ 'x-request-id': 'mine' }, path)).toBe('mine');
  });

  test('is in each line that the request writes, with its trace', async () => {
    const app = api.another({
      readiness: async () => {
        throw new Error('no way to tell');
      },
    });
    await request(app, 'GET', '/readyz', { headers: { 'x-request-id': 'mine', traceparent } });
    expect(entries()).toMatchObject([
      { request_id: 'mine', trace_id: TRACE, msg: 'readiness could not be told' },
    ]);
  });
});

test('a request that fails on our side is logged with what went wrong, and without what was sent', async () => {
  const { db } = api.database;
  await db.execute(
    sql`alter table knockon.members add constraint broken check (email <> 'canary@example.com')`,
  );
  const body = { email: 'canary@example.com', display_name: 'canary' };
  const refused = await api.call('PUT', '/v1/members/canary', {
    body,
    headers: { 'x-request-id': 'mine' },
  });
  expect(refused.status).toBe(500);
  expect(refused.headers.get('x-request-id')).toBe('mine');
  const [entry, ...others] = entries();
  expect(others).toEqual([]);
  expect(entry).toMatchObject({
    request_id: 'mine',
    method: 'PUT',
    path: '/v1/members/:handle',
    status: 500,
  });
  expect(entry.err).toMatchObject({
    message: expect.stringContaining('violates check constraint "broken"'),
    stack: expect.stringContaining('members.ts'),
  });
  expect(JSON.stringify([entry, refused.body])).not.toContain('canary');
});
