import { beforeAll, describe, expect, test } from 'vitest';
import { connectDatabase } from '../../../src/db/client.ts';
import { EventTypeRegistry } from '../../../src/events/registry.ts';
import { createMessageWriter } from '../../../src/messages/create.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { bodies, fill, type Operation, operations, titleOf } from './openapi-operations.ts';
import { type Answer, type CallOptions, OPERATOR, request, useApi } from './test-api.ts';

const api = useApi();
let all: Operation[];

beforeAll(async () => {
  await declareTypes(api.database, ['invoice.paid']);
  all = (await operations(api.app)).filter(({ path }) => path.startsWith('/v1/'));
});

function expectProblem(answer: Answer, status: number, title: string) {
  expect({ title, status: answer.status, body: answer.body }).toMatchObject({ title, status });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.body).toMatchObject({
    status,
    type: expect.any(String),
    title: expect.any(String),
    detail: expect.any(String),
  });
}

const keyFor = (operation: Operation) => (operation.operator ? OPERATOR : api.key);
const send = (operation: Operation, options: CallOptions = {}, path = fill(operation)) =>
  request(api.app, operation.method, path, {
    key: keyFor(operation),
    body: bodies[titleOf(operation)],
    ...options,
  });

const withBody = () => all.filter(({ hasBody }) => hasBody);
const withQuery = () => all.filter(({ parameters }) => parameters.some((p) => p.in === 'query'));

describe('every route', () => {
  test('is in the document: all of the contract, and nothing that is still to come', () => {
    expect(all.map(titleOf).sort()).toMatchSnapshot();
  });

  test('with a body has a valid example here, so that the tests below fail for the reason they mean', () => {
    expect(withBody().map(titleOf).sort()).toEqual(Object.keys(bodies).sort());
  });

  test('has a name of its own, by which generated clients call it', () => {
    expect(
      Object.fromEntries(all.map((operation) => [operation.operationId, titleOf(operation)])),
    ).toMatchSnapshot();
    expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length);
  });

  test('documents the problems it can answer', () => {
    for (const operation of all) {
      const wanted = [
        '401',
        '429',
        '503',
        ...(operation.hasBody ? ['400', '413', '415', '422'] : []),
        ...(operation.creates ? ['409'] : []),
      ];
      expect({ [titleOf(operation)]: Object.keys(operation.responses) }).toEqual({
        [titleOf(operation)]: expect.arrayContaining(wanted),
      });
    }
  });

  test('is kept by no cache and taken for nothing else, whatever it answers, and whoever asks', async () => {
    for (const operation of all) {
      for (const key of [keyFor(operation), 'ko_wrong']) {
        const { headers, status } = await send(operation, { key });
        expect({
          [`${titleOf(operation)} ${status}`]: [
            headers.get('cache-control'),
            headers.get('x-content-type-options'),
          ],
        }).toEqual({
          [`${titleOf(operation)} ${status}`]: ['no-store', 'nosniff'],
        });
      }
    }
    const { status, headers } = await request(api.app, 'GET', '/v1/nowhere');
    expect([status, headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual([
      404,
      'no-store',
      'nosniff',
    ]);
  });

  test('documents how it is limited: 429 with Retry-After, and what is left of the quota on every other answer', () => {
    for (const operation of all) {
      for (const [status, response] of Object.entries(
        operation.responses as Record<string, { headers?: object }>,
      )) {
        const wanted = { 429: ['Retry-After'], 503: ['Retry-After'] }[status] ?? [];
        const quota = status === '503' ? [] : ['RateLimit', 'RateLimit-Policy'];
        const headers = Object.keys(response.headers ?? {}).sort();
        expect({ [`${titleOf(operation)} ${status}`]: headers }).toEqual({
          [`${titleOf(operation)} ${status}`]: [...quota, ...wanted].sort(),
        });
      }
    }
  });

  test('answers 401 without a key, with a wrong one, with another scheme and with the key of the other kind', async () => {
    for (const operation of all) {
      const other = operation.operator ? api.key : OPERATOR;
      const wrong = [
        undefined,
        'Bearer',
        'Bearer ',
        `Bearer kn_${'x'.repeat(43)}`,
        `Basic ${btoa('a:b')}`,
        `Bearer ${other}`,
        `Bearer ${'x'.repeat(5000)}`,
      ];
      for (const authorization of wrong) {
        const answer = await send(operation, {
          key: null,
          headers: authorization === undefined ? {} : { authorization },
        });
        expectProblem(answer, 401, titleOf(operation));
        expect(answer.headers.get('www-authenticate')).toContain('Bearer');
      }
    }
  });

  test('answers 404 where an id in the path is not there, or is no id at all', async () => {
    // What the tests above have made by PUT.
    await api.database.pg`truncate knockon.subscribers, knockon.http_subscribers`;
    const withId = all.filter(({ path }) => path.includes('{'));
    for (const operation of withId.filter(({ method }) => method !== 'PUT')) {
      expectProblem(await send(operation), 404, titleOf(operation));
      for (const id of [
        '42',
        'not-a-uuid',
        '%00',
        '%F0%9F',
        "'%3B--",
        '..%2F..',
        'null',
        '0'.repeat(500),
      ]) {
        expectProblem(
          await send(operation, {}, fill(operation, { id, handle: '%00', name: id })),
          404,
          titleOf(operation),
        );
      }
    }
  });

  test('with a body answers 400 to what is not JSON', async () => {
    for (const operation of withBody()) {
      for (const body of ['', '{', '{"a":1}}', "{'a':1}", 'NaN', '\u00a0{}', '{"a":01}']) {
        expectProblem(await send(operation, { body }), 400, `${titleOf(operation)} ${body}`);
      }
    }
  });

  test('with a body answers 400 to bytes that are not UTF-8', async () => {
    for (const operation of withBody()) {
      const response = await api.app.request(fill(operation), {
        method: operation.method,
        headers: {
          authorization: `Bearer ${keyFor(operation)}`,
          'content-type': 'application/json',
          'content-length': '12',
        },
        body: Buffer.from('{"name":"\xff"}', 'latin1'),
      });
      expect({ [titleOf(operation)]: response.status }).toEqual({ [titleOf(operation)]: 400 });
    }
  });

  test('with a body answers 415 where the content type is not JSON, or not said, or compressed', async () => {
    for (const operation of withBody()) {
      for (const type of [
        '',
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
        'application/jsonp',
        'application/json; charset=latin1',
      ]) {
        expectProblem(
          await send(operation, { headers: { 'content-type': type } }),
          415,
          `${titleOf(operation)} ${type}`,
        );
      }
      expectProblem(
        await send(operation, { headers: { 'content-encoding': 'gzip' } }),
        415,
        titleOf(operation),
      );
    }
  });

  test('with a body takes every way to say JSON', async () => {
    for (const operation of withBody()) {
      for (const type of [
        'application/json',
        'Application/JSON',
        'application/json; charset=utf-8',
        'application/json;charset="UTF-8"',
        'application/vnd.api+json',
      ]) {
        const { status } = await send(operation, { headers: { 'content-type': type } });
        expect([200, 201, 202, 404, 409], `${titleOf(operation)} ${type}`).toContain(status);
      }
    }
  });

  test('with a body answers 413 above 256 KiB, whether the length is said or not', async () => {
    const body = JSON.stringify({ name: 'a'.repeat(256 * 1024) });
    for (const operation of withBody()) {
      expectProblem(await send(operation, { body }), 413, titleOf(operation));
      const chunked = await api.app.request(fill(operation), {
        method: operation.method,
        headers: {
          authorization: `Bearer ${keyFor(operation)}`,
          'content-type': 'application/json',
        },
        body: new Blob([body]).stream(),
        duplex: 'half',
      } as RequestInit);
      expect({ [titleOf(operation)]: chunked.status }).toEqual({ [titleOf(operation)]: 413 });
    }
  });

  test('with a body answers 422 to JSON of another shape', async () => {
    for (const operation of withBody()) {
      for (const body of ['null', '[]', '"text"', '42', 'true', '[[[[]]]]']) {
        expectProblem(await send(operation, { body }), 422, `${titleOf(operation)} ${body}`);
      }
    }
  });

  test('with a body refuses fields that it does not know, and names them', async () => {
    for (const operation of withBody()) {
      const answer = await send(operation, {
        body: { ...(bodies[titleOf(operation)] as object), colour: 'red' },
      });
      expectProblem(answer, 422, titleOf(operation));
      expect(answer.body.errors).toContainEqual({
        path: 'colour',
        message: 'is not a known field',
      });
    }
  });

  test('with a body answers 422 to a field of any wrong kind, and names the field', async () => {
    const wrong = [
      null,
      42,
      true,
      [],
      {},
      '\u0000',
      '\ud800',
      'x'.repeat(100_000),
      [['a']],
      { a: { b: 1 } },
    ];
    for (const operation of withBody()) {
      const valid = bodies[titleOf(operation)] as Record<string, unknown>;
      for (const field of Object.keys(valid)) {
        for (const value of wrong) {
          if (value === null && ['email', 'description'].includes(field)) continue;
          const isRate = ['per_second', 'max_per_second'].includes(field);
          if (isRate && (value === null || value === 42)) continue;
          if (value === true && field === 'enabled') continue;
          // Each event of a batch is answered for itself.
          if (field === 'events' && Array.isArray(value) && value.length > 0) continue;
          const answer = await send(operation, { body: { ...valid, [field]: value } });
          expectProblem(
            answer,
            422,
            `${titleOf(operation)} ${field}=${JSON.stringify(value).slice(0, 40)}`,
          );
          for (const { message } of answer.body.errors)
            expect(message, "in our words, not in the schema library's").not.toMatch(
              /^(Too|Invalid) /,
            );
          expect(
            answer.body.errors.map(({ path }: { path: string }) => path.split('.')[0]),
          ).toContain(field);
        }
      }
    }
  });

  test('with a body survives JSON that is nested as deep as a body can be', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    for (const operation of withBody()) {
      expectProblem(await send(operation, { body: deep }), 422, titleOf(operation));
      expectProblem(
        await send(operation, { body: `{"metadata":${deep}}` }),
        422,
        titleOf(operation),
      );
      expectProblem(
        await send(operation, {
          body: `{"metadata":{"a":${'{"a":'.repeat(40_000)}1${'}'.repeat(40_001)}}`,
        }),
        422,
        titleOf(operation),
      );
    }
  });

  test('with a query answers 422 to parameters that are unknown, twice there or malformed, and names them', async () => {
    const queries: [string, string][] = [
      ['limit', 'limit=0'],
      ['limit', 'limit=-1'],
      ['limit', 'limit=1.5'],
      ['limit', 'limit='],
      ['limit', 'limit=99999999999999999999'],
      ['limit', 'limit=10001'],
      ['limit', 'limit=5&limit=6'],
      ['cursor', 'cursor=%00'],
      ['cursor', 'cursor='],
      ['cursor', 'cursor=bm90IGpzb24'],
      ['cursor', `cursor=${Buffer.from('{"a":1}').toString('base64url')}`],
      ['cursor', `cursor=${'A'.repeat(5000)}`],
      ['colour', 'colour=red'],
      ['__proto__', '__proto__=x'],
    ];
    for (const operation of withQuery()) {
      for (const [name, query] of queries) {
        const path = fill(operation);
        const answer = await send(
          operation,
          {},
          `${path}${path.includes('?') ? '&' : '?'}${query}`,
        );
        expectProblem(answer, 422, `${titleOf(operation)} ${query}`);
        expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(name);
      }
    }
  });

  test('with dates in its query answers 422 to what is no moment', async () => {
    const dates = [
      '',
      'yesterday',
      '2024-01-15',
      '2024-01-15T12:00:00',
      '2024-02-30T00:00:00Z',
      '2024-13-01T00:00:00Z',
      '275760-09-13T00:00:00Z',
      '0000-01-01T00:00:00Z',
      '1969-12-31T23:59:59Z',
      '2101-01-01T00:00:00Z',
      '2024-01-15T24:00:00Z',
      '2024-01-15T12:00:60Z',
      '1e9',
      '١٩٩٩-01-01T00:00:00Z',
      '2024-01-15T12:00:00+99:00',
    ];
    const dated = all.filter(({ parameters }) => parameters.some(({ name }) => name === 'from'));
    expect(dated.map(titleOf)).toEqual(
      expect.arrayContaining([
        'GET /v1/search',
        'GET /v1/analytics/messages',
        'GET /v1/ops/dead_letters',
      ]),
    );
    for (const operation of dated) {
      for (const date of dates) {
        const path = fill(operation);
        const answer = await send(
          operation,
          {},
          `${path}${path.includes('?') ? '&' : '?'}from=${encodeURIComponent(date)}`,
        );
        expectProblem(answer, 422, `${titleOf(operation)} ${date}`);
      }
    }
  });

  test('is found by one regular expression for all of them, not step by step', async () => {
    const app = api.another();
    await app.request('/healthz');
    expect(app.router.name).toBe('SmartRouter + RegExpRouter');
  });

  test('answers 405 with Allow to another method, and the methods to OPTIONS', async () => {
    for (const path of new Set(all.map((operation) => operation.path))) {
      const operation = all.find((candidate) => candidate.path === path)!;
      const filled = fill(operation).split('?')[0]!;
      const methods = all.filter((one) => one.path === path).map(({ method }) => method);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACEROUTE'].filter(
        (m) => !methods.includes(m),
      )) {
        for (const key of [api.key, null]) {
          const answer = await request(api.app, method, filled, { key });
          expectProblem(answer, 405, `${method} ${path}`);
          for (const allowed of methods) expect(answer.headers.get('allow')).toContain(allowed);
        }
      }
      const options = await request(api.app, 'OPTIONS', filled);
      expect(options.status).toBe(204);
      for (const allowed of methods) expect(options.headers.get('allow')).toContain(allowed);
      expect(options.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('to be read answers HEAD like GET, without a body', async () => {
    for (const operation of all.filter(({ method }) => method === 'GET')) {
      const get = await send(operation);
      const head = await request(api.app, 'HEAD', fill(operation), { key: keyFor(operation) });
      expect(head).toMatchObject({ status: get.status, body: '' });
    }
  });

  test('answers 503 with Retry-After while the database is away', async () => {
    const away = connectDatabase('postgres://nobody@127.0.0.1:9/none');
    const app = api.another({
      database: away,
      writer: createMessageWriter({ pg: away.pg, onStored: () => {} }),
      eventTypes: new EventTypeRegistry({ pg: away.pg }),
    });
    // The doctor says so in its answer; who has the operator's key is known without it.
    for (const operation of all.filter(
      ({ path }) => !['/v1/ops/doctor', '/v1/ops/session'].includes(path),
    )) {
      const path = fill(operation, { handle: 'ada', name: 'crm' });
      const answer = await request(app, operation.method, path, {
        key: keyFor(operation),
        body: bodies[titleOf(operation)],
      });
      expectProblem(answer, 503, titleOf(operation));
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    await away.close();
  });
});

test('what is still to come, and what never was, answers 404, with a key and without', async () => {
  const absent = [
    '/v1',
    '/v1/',
    '/v2/channels',
    '/v1/channels/',
    '/v1/ops/nothing',
    '/v1/nothing',
    '/docs/../package.json',
    '/docs/index.html',
  ];
  for (const key of [api.key, null]) {
    for (const path of absent)
      expectProblem(await request(api.app, 'GET', path, { key }), 404, path);
  }
});

test('without an operator key nobody is the operator', async () => {
  const app = api.another({ adminKey: undefined });
  for (const key of ['undefined', '', OPERATOR]) {
    expectProblem(
      await request(app, 'POST', '/v1/workspaces', { key, body: { name: 'Acme' } }),
      401,
      key,
    );
  }
});
