import { expect, test, vi } from 'vitest';
import { connectDatabase } from '../../../src/db/client.ts';
import { fill, operations, titleOf } from './openapi-operations.ts';
import { OPERATOR, request, useApi } from './test-api.ts';

const api = useApi();

/** The API on a database where nothing can be written, with fakes that tell what was begun. */
function watched() {
  const { host, port, database, user, pass } = api.database.pg.options;
  const [readOnly, live] = [
    connectDatabase(
      `postgres://${user}:${pass}@${host[0]}:${port[0]}/${database}?default_transaction_read_only=on`,
    ),
    { watch: vi.fn(() => ({ recent: [], stop: () => {} })) },
  ];
  const [diagnose, verifyAudit] = [vi.fn(), vi.fn()];
  const app = api.another({ database: readOnly, live, diagnose, verifyAudit });
  return { app, readOnly, begun: [live.watch, diagnose, verifyAudit] };
}

test('HEAD of no route writes anything or begins anything', async () => {
  const { app, readOnly, begun } = watched();
  await expect(readOnly.pg`create table proof (of text)`).rejects.toThrow('read-only');
  const all = (await operations(api.app)).filter(({ method }) => method === 'GET');
  expect(all.map(titleOf)).toContain('GET /v1/ops/stream');
  const paths = [
    ...all.map((operation) => fill(operation)),
    '/openapi.json',
    '/docs',
    '/docs/swagger-ui.css',
    '/console/x',
  ];
  for (const path of paths) {
    const { status, body } = await request(app, 'HEAD', path, {
      key: path.startsWith('/v1/ops') ? OPERATOR : api.key,
    });
    expect({ path, status, body }).toEqual({
      path,
      status: expect.toSatisfy((s: number) => [200, 404].includes(s)),
      body: '',
    });
  }
  for (const beginning of begun) expect(beginning).not.toHaveBeenCalled();
  await readOnly.close();
});

test('what a handler begins to stream is cancelled where it answers HEAD', async () => {
  const cancel = vi.fn();
  const app = api.another();
  app.get('/endless', (c) => c.body(new ReadableStream({ cancel })));
  expect((await app.request('/endless', { method: 'HEAD' })).status).toBe(200);
  expect(cancel).toHaveBeenCalledTimes(1);
});

test('HEAD refuses what GET refuses, also where the GET is not run', async () => {
  for (const query of ['', '?q=', '?q=okapi', '?q=okapi&limit=0', '?q=okapi&sort=oldest']) {
    const ask = (method: string) =>
      request(api.app, method, `/v1/ops/search${query}`, { key: OPERATOR });
    const [{ status }, { status: expected }] = [await ask('HEAD'), await ask('GET')];
    expect([query, status]).toEqual([query, expected]);
  }
});
