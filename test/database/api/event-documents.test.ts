import specs from '@asyncapi/specs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { OPERATOR, useApi } from './test-api.ts';

const api = useApi();

/** With a part of its own, and one that leads back to it. */
const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: { lines: { type: 'array', items: { $ref: '#/$defs/line' } }, before: { $ref: '#' } },
  $defs: { line: { type: 'object', properties: { amount: { type: 'integer' } } } },
};
const put = (name: string, given: Record<string, unknown> = {}) =>
  api.call('PUT', `/v1/ops/event_types/${name}`, {
    key: OPERATOR,
    body: { schema, description: 'It was paid.', examples: [{ lines: [{ amount: 3 }] }], ...given },
  });
const open = (path: string) => api.call('GET', path, { headers: { authorization: '' } });

/** What a reference of a document leads to. */
const at = (document: unknown, ref: string): unknown =>
  ref
    .split('/')
    .slice(1)
    .reduce((value, step) => (value as Record<string, unknown>)[step], document);

describe('/openapi.json', () => {
  it('has a webhook for each event type, also for one that was made a moment ago', async () => {
    await put('invoice.paid');
    const { status, body } = await open('/openapi.json');
    expect(status).toBe(200);
    expect(Object.keys(body.webhooks)).toEqual(
      expect.arrayContaining(['invoice.paid', 'message.created']),
    );
    const { post } = body.webhooks['invoice.paid'];
    expect(post).toMatchObject({
      operationId: 'webhook__invoice__paid',
      description: 'It was paid.',
    });
    const { examples } = post.requestBody.content['application/json'];
    expect(examples['example 1'].value).toMatchObject({ payload: { lines: [{ amount: 3 }] } });
    const payload = body.components.schemas['invoice.paid'];
    expect(at(body, payload.properties.lines.items.$ref)).toEqual(schema.$defs.line);
    expect(at(body, payload.properties.before.$ref)).toEqual(payload);
  });
});

describe('/asyncapi.json', () => {
  it('has a message for each event type, as AsyncAPI 3 wants it', async () => {
    await put('bill.paid');
    // Its references could not be kept in the middle of a document.
    const anchored = {
      type: 'object',
      properties: { a: { $ref: '#a' } },
      $defs: { a: { $anchor: 'a' } },
    };
    await put('bill.anchored', { schema: anchored, examples: [] });
    const { status, body } = await open('/asyncapi.json');
    expect(status).toBe(200);
    expect(body.asyncapi).toBe('3.0.0');
    expect(body.components.messages['bill.paid']).toMatchObject({ summary: 'It was paid.' });
    expect(body.components.schemas['bill.anchored']).toMatchObject({ type: 'object' });
    expect(body.components.schemas['bill.anchored'].properties).toBeUndefined();
    const ajv = new Ajv({ strict: false, validateFormats: false, logger: false });
    const isAsyncApi = ajv.compile(specs.schemasWithoutId['3.0.0']);
    isAsyncApi(body);
    expect(isAsyncApi.errors).toBeNull();
  });

  const part = (given: object) => ({ type: 'object', ...given });
  const integer = { type: 'integer' };
  it.each<[string, string, object]>([
    ['a value that looks like a reference', 'listed', { enum: [{ $ref: 'http://x' }, 1] }],
    ['a default that looks like one', 'defaulted', { default: { $ref: '#/x' } }],
    ['a keyword of its own that looks like one', 'owned', { 'x-of': { $ref: 'http://x' } }],
    ['a field $ref', 'named', { properties: { $ref: { type: 'string' } } }],
    ['a field __proto__', 'inherited', { properties: JSON.parse('{"__proto__":{}}') }],
    [
      'definitions',
      'defined',
      { properties: { a: { $ref: '#/definitions/a' } }, definitions: { a: integer } },
    ],
    [
      'a list of lists like it',
      'nested',
      {
        properties: { a: { $ref: '#/$defs/a' } },
        $defs: { a: { type: 'array', items: { $ref: '#/$defs/a' } } },
      },
    ],
    [
      'a part that has the whole, which must fit it',
      'merged',
      { allOf: [{ $ref: '#/$defs/a' }], $defs: { a: { properties: { b: { $ref: '#' } } } } },
    ],
  ])('leaves out a schema that generators and parsers misread: %s', async (_, name, given) => {
    await put(`misread.${name}`, { schema: part(given), examples: [] });
    for (const path of ['/asyncapi.json', '/openapi.json']) {
      const { body } = await open(path);
      expect(body.components.schemas[`misread.${name}`]).toEqual({
        type: 'object',
        description: `\`GET /v1/event_types/misread.${name}\` has its schema.`,
      });
    }
  });

  it('has trees, and says of any value and of none what generators understand', async () => {
    const tree = part({
      properties: { a: { $ref: '#/$defs/a' }, any: true, none: false, $schema: integer },
      $defs: { a: part({ properties: { b: { $ref: '#/$defs/a' } } }) },
    });
    await put('tree.grown', { schema: tree, examples: [] });
    const { body } = await open('/asyncapi.json');
    const { properties, $defs } = body.components.schemas['tree.grown'];
    expect(properties).toMatchObject({ any: {}, none: { not: {} }, $schema: integer });
    expect($defs.a.properties.b.$ref).toBe('#/components/schemas/tree.grown/$defs/a');
  });

  it('leaves out examples that look like references', async () => {
    await put('example.given', { schema: part({}), examples: [{ $ref: 'http://x' }, { a: 1 }] });
    const { body } = await open('/asyncapi.json');
    expect(
      body.components.messages['example.given'].examples.map(
        ({ payload }: { payload: { payload: unknown } }) => payload.payload,
      ),
    ).toEqual([{ a: 1 }]);
  });

  it('stays as it was while the database is away', async () => {
    const app = api.another({
      eventTypes: {
        fingerprint: () => Promise.reject(new Error('away')),
        current: () => Promise.reject(new Error('away')),
      } as never,
    });
    expect((await app.request('/asyncapi.json')).status).toBe(200);
    expect((await app.request('/openapi.json')).status).toBe(200);
  });
});
