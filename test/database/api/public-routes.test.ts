import { describe, expect, test } from 'vitest';
import { OPERATOR, request, useApi } from './test-api.ts';

const api = useApi();
const get = (path: string, app = api.app) => request(app, 'GET', path);

describe('without a key', () => {
  test('/healthz says that the process answers', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200, body: { ok: true } });
  });

  test('/readyz is 503 with the detail while events make no progress, or nobody can tell', async () => {
    expect(await get('/readyz')).toMatchObject({ status: 200, body: { ok: true } });
    const stuck = { ok: false, detail: { oldest_seconds: 90 } };
    expect(await get('/readyz', api.another({ readiness: async () => stuck }))).toMatchObject({
      status: 503,
      body: stuck,
    });
    const broken = api.another({
      readiness: async () => Promise.reject(new Error('no connection')),
    });
    expect(await get('/readyz', broken)).toMatchObject({ status: 503, body: { ok: false } });
  });

  test('/metrics counts requests by route and not by id, and folds unknown paths into one', async () => {
    for (const path of ['/v1/channels/a', '/v1/channels/b', '/nowhere', '/nothing'])
      await api.call('GET', path);
    const { body, headers } = await get('/metrics');
    expect(headers.get('content-type')).toContain('text/plain');
    expect(body).toMatch(
      /knockon_http_request_duration_seconds_count\{method="GET",route="\/v1\/channels\/:id",status="404"\} 2/,
    );
    expect(body).toMatch(/_count\{method="GET",route="unmatched",status="404"\} 2/);
  });

  test('/metrics knows the routes of operators and of the operator too, whatever middleware matches beside them', async () => {
    const app = api.another();
    await request(app, 'GET', '/v1/ops/subscribers/search', { key: OPERATOR });
    await request(app, 'POST', '/v1/workspaces', { key: OPERATOR, body: { name: 'Acme' } });
    await request(app, 'GET', '/v1/ops/log');
    const { body } = await get('/metrics', app);
    for (const [method, route, status] of [
      ['GET', '/v1/ops/subscribers/:name', 404],
      ['POST', '/v1/workspaces', 201],
      ['GET', '/v1/ops/log', 401],
    ])
      expect(body).toContain(
        `knockon_http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"} 1`,
      );
  });

  test('the documentation page loads nothing from elsewhere, and everything it names is there', async () => {
    const { status, body, headers } = await get('/docs');
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(body).not.toMatch(/https?:\/\//);
    const named = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    expect(named).toHaveLength(4);
    for (const path of named)
      expect({ path, status: (await get(path)).status }).toEqual({ path, status: 200 });
    const start = (await get('/docs/start.js')).body;
    expect(start).toContain("url: '/openapi.json'");
    // A key that was typed there must not lie in the browser for the next one who sits down.
    expect(start).toContain('persistAuthorization: false');
    for (const path of ['/docs/package.json', '/docs/%2e%2e/package.json'])
      expect((await get(path)).status).toBe(404);
  });
});

describe('the OpenAPI document', () => {
  test('is made from the schemas: security, bodies, answers and problem documents', async () => {
    const { body: document } = await get('/openapi.json');
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.components.securitySchemes)).toEqual(['key', 'operator']);
    const post = document.paths['/v1/channels/{id}/messages'].post;
    expect(post.security).toEqual([{ key: [] }]);
    expect(post.requestBody.content['application/json'].schema.$ref).toBe(
      '#/components/schemas/NewMessage',
    );
    expect(post.responses['422'].content['application/problem+json'].schema.$ref).toBe(
      '#/components/schemas/Problem',
    );
    expect(document.components.schemas.NewMessage).toMatchObject({
      additionalProperties: false,
      required: ['author', 'text'],
      properties: {
        text: { maxLength: 40_000 },
        sent_at: { format: 'date-time' },
        metadata: { type: 'object' },
      },
    });
  });

  test('says something of every operation, and gives each query parameter a type', async () => {
    const { body: document } = await get('/openapi.json');
    for (const [path, methods] of Object.entries<
      Record<
        string,
        { summary?: string; tags?: string[]; parameters?: { name: string; schema: object }[] }
      >
    >(document.paths)) {
      for (const [method, { summary, tags, parameters = [] }] of Object.entries(methods)) {
        expect({ path, method, summary, tags }).toMatchObject({
          summary: expect.any(String),
          tags: [expect.any(String)],
        });
        for (const { name, schema } of parameters)
          expect({ path, name, schema }).toMatchObject({ schema: { type: expect.any(String) } });
      }
    }
  });

  test('tells the answers that do not follow from what a request takes, and what may be null', async () => {
    const { body: document } = await get('/openapi.json');
    const wanted: [string, string, string][] = [
      ['/v1/events', 'get', '404'],
      ['/v1/search', 'get', '404'],
      ['/v1/analytics/messages', 'get', '404'],
      ['/v1/ops/backfills', 'post', '404'],
      ['/v1/api_keys/{id}', 'delete', '409'],
      ...['pause', 'resume', 'cancel'].map((verb): [string, string, string] => [
        `/v1/ops/jobs/{id}/${verb}`,
        'post',
        '409',
      ]),
      ['/v1/ops/workflows/{id}/reset', 'post', '409'],
    ];
    for (const [path, method, status] of wanted)
      expect([path, Object.keys(document.paths[path][method].responses[status].content)]).toEqual([
        path,
        ['application/problem+json'],
      ]);
    const { ChannelSummary, NewEndpoint, EndpointChange, MemberSettings } =
      document.components.schemas;
    expect(ChannelSummary.properties.last_message).toEqual({
      anyOf: [{ $ref: '#/components/schemas/Message' }, { type: 'null' }],
    });
    for (const { properties } of [NewEndpoint, EndpointChange])
      expect(properties.description.type).toEqual(['string', 'null']);
    expect(MemberSettings.properties.display_name.type).toEqual(['string', 'null']);
  });

  test('has references that all lead somewhere', async () => {
    const { body: document } = await get('/openapi.json');
    const references = [
      ...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g),
    ].map(([, name]) => name!);
    expect(references.length).toBeGreaterThan(50);
    for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name);
  });
});
