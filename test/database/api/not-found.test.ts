import { describe, expect, test } from 'vitest';
import { OPERATOR, request, useApi } from './test-api.ts';

const api = useApi();

type FieldError = { path: string; message: string };
const errorsOf = (body: { errors: FieldError[] }) =>
  Object.fromEntries(body.errors.map(({ path, message }) => [path, message]));

describe('what is missing is said to be so', () => {
  test.each([
    ['/v1/search', ['q']],
    ['/v1/notifications', ['recipient']],
  ])('a parameter of GET %s', async (path, missing) => {
    const { status, body } = await api.call('GET', path);
    expect([status, errorsOf(body)]).toEqual([
      422,
      Object.fromEntries(missing.map((name) => [name, 'is missing'])),
    ]);
  });

  test.each([
    ['/v1/channels/01995b0e-0000-7000-8000-000000000000/messages', ['author', 'text']],
    ['/v1/endpoints', ['url', 'event_types']],
    ['/v1/ops/operators', ['name', 'role']],
    ['/v1/ops/rebuilds', ['subscriber']],
    ['/v1/ops/subscribers/search/pause', ['reason']],
    ['/v1/ops/dead_letters/discard', ['reason']],
  ])('a field of POST %s', async (path, missing) => {
    const key = path.startsWith('/v1/ops') ? OPERATOR : api.key;
    const { status, body } = await request(api.app, 'POST', path, { key, body: {} });
    expect([status, errorsOf(body)]).toEqual([
      422,
      expect.objectContaining(Object.fromEntries(missing.map((name) => [name, 'is missing']))),
    ]);
  });

  test('a field within a field', async () => {
    const body = { filter: { workspace_id: null }, reason: 'a test' };
    const answer = await request(api.app, 'POST', '/v1/ops/dead_letters/discard', {
      key: OPERATOR,
      body,
    });
    expect(errorsOf(answer.body)).toEqual({ 'filter.workspace_id': 'must be a UUID' });
  });

  test('the body', async () => {
    const { status, body } = await api.call('POST', '/v1/channels', { body: '' });
    expect([status, body.detail]).toEqual([400, 'The body is missing: send a JSON object.']);
  });
});

test('what is of another kind is told which it must be', async () => {
  const path = `/v1/channels/${await api.channel()}/messages`;
  const wrong = await api.call('POST', path, { body: { author: 5, text: null, metadata: [] } });
  expect(errorsOf(wrong.body)).toEqual({
    author: 'must be text',
    text: 'must be text',
    metadata: 'must be a JSON object',
  });
  for (const body of ['null', '[]', '7', '"text"'])
    expect(errorsOf((await api.call('POST', path, { body })).body)).toEqual({
      '': 'must be a JSON object',
    });
  const member = await api.call('PUT', '/v1/members/ada', { body: { emails: 'sometimes' } });
  expect(errorsOf(member.body)).toEqual({ emails: 'must be mentions or none' });
});

describe('the address of the API itself', () => {
  const open = (accept?: string) =>
    request(api.app, 'GET', '/', { headers: accept === undefined ? {} : { accept } });

  test('leads programs to the documentation and the console', async () => {
    for (const accept of [undefined, '*/*', 'application/json']) {
      const { status, body, headers } = await open(accept);
      expect([status, body]).toEqual([
        200,
        { docs: '/docs', openapi: '/openapi.json', console: '/console' },
      ]);
      expect(headers.get('vary')).toBe('accept');
    }
  });

  test('leads browsers there with a page that loads nothing', async () => {
    const { status, body, headers } = await open(
      'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    );
    expect([status, headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('text/html'),
    ]);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    for (const path of [...String(body).matchAll(/href="([^"]+)"/g)].map(([, to]) => to!)) {
      // The console answers 503 where it has not been built.
      expect([path, (await request(api.app, 'GET', path)).status]).not.toEqual([path, 404]);
    }
  });

  test('takes nothing', async () => {
    const { status, headers } = await request(api.app, 'POST', '/');
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });
});
