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
