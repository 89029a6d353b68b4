import { describe, expect, it } from 'vitest';
import { OPERATOR, useApi } from './test-api.ts';

const api = useApi();

const amount = {
  type: 'object',
  properties: { amount: { type: 'integer' } },
  required: ['amount'],
};

const put = (name: string, body: unknown, query = '') =>
  api.call('PUT', `/v1/ops/event_types/${name}${query}`, { key: OPERATOR, body });
const read = (name: string, query = '') => api.call('GET', `/v1/event_types/${name}${query}`);

describe('PUT /v1/ops/event_types/{name}', () => {
  it('makes a type that everybody knows at once', async () => {
    const given = { description: 'Paid.', schema: amount, examples: [{ amount: 3 }] };
    const { status, body } = await put('invoice.paid', given);
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: 'invoice.paid', version: 1, source: 'api', ...given });
    expect((await read('invoice.paid')).body).toMatchObject({
      ...body,
      versions: [{ version: 1 }],
    });
    const endpoint = { url: 'https://example.com/hook', event_types: ['invoice.paid'] };
    expect((await api.call('POST', '/v1/endpoints', { body: endpoint })).status).toBe(201);
  });

  it.each(['endpoint.made', 'message.created'])(
    'refuses %s, which only Knock-on emits',
    async (name) => {
      const { status, body } = await put(name, { schema: amount });
      expect([409, 422]).toContain(status);
      expect(JSON.stringify(body)).toMatch(/Knock-on's own|declared in code/);
    },
  );

  it('makes another schema the next version, and the same one none', async () => {
    await put('bill.sent', { schema: amount });
    expect((await put('bill.sent', { schema: amount })).body.version).toBe(1);
    const words = await put('bill.sent', { schema: amount, description: 'Sent.' });
    expect(words.body).toMatchObject({ version: 1, description: 'Sent.' });
    const wider = { ...amount, required: [] };
    expect((await put('bill.sent', { schema: wider })).body).toMatchObject({ version: 2 });
    const { body } = await read('bill.sent');
    expect(body).toMatchObject({ version: 2, versions: [{ version: 2 }, { version: 1 }] });
    expect((await read('bill.sent', '?version=1')).body).toMatchObject({
      version: 1,
      schema: amount,
    });
    expect((await read('bill.sent', '?version=3')).status).toBe(404);
  });

  it('refuses what may not take old payloads, with each reason, unless it is breaking', async () => {
    await put('order.placed', { schema: amount });
    const narrower = {
      ...amount,
      properties: { amount: { type: 'integer', minimum: 1 }, to: {} },
      required: ['amount', 'to'],
    };
    const { status, body } = await put('order.placed', { schema: narrower });
    expect(status).toBe(409);
    expect(body.errors).toEqual([
      { path: 'schema.properties.to', message: expect.stringContaining('required') },
      { path: 'schema.properties.amount.minimum', message: expect.stringContaining('less') },
    ]);
    expect((await read('order.placed')).body.version).toBe(1);
    const forced = await put('order.placed', { schema: narrower }, '?breaking=true');
    expect(forced.body).toMatchObject({ version: 2 });
  });

  it('makes as many versions as there are changes, also of those that come at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        put('race.won', { schema: { type: 'object', title: `${i}` } }),
      ),
    );
    const versions = answers.map(({ body }) => body.version).sort();
    expect(versions).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('leaves alone what is declared in code', async () => {
    const { body: type } = await read('message.created');
    expect(type.source).toBe('code');
    const all = '?breaking=true&take_over=true';
    const { status, body } = await put('message.created', { schema: amount }, all);
    expect(status).toBe(409);
    expect(body).toMatchObject({ type: 'urn:knockon:problem:declared-in-code' });
    expect(body.detail).toContain('version: 2');
    const same = { schema: type.schema, description: type.description, examples: type.examples };
    expect((await put('message.created', same)).status).toBe(200);
  });

  it('takes over what code has declared that is gone, and is no less careful with it', async () => {
    await api.database.pg`
      insert into knockon.event_types (name, version, schema, source)
      values ('code.gone', 3, ${api.database.pg.json(amount)}, 'code')`;
    const wider = { schema: { ...amount, required: [] } };
    const narrower = { schema: { ...amount, required: ['amount', 'to'] } };
    const refused = await put('code.gone', wider);
    expect(refused.body.detail).toContain('take_over=true');
    expect((await put('code.gone', narrower, '?take_over=true')).status).toBe(409);
    const taken = await put('code.gone', wider, '?take_over=true');
    expect(taken.body).toMatchObject({ version: 4, source: 'api', ...wider });
    expect((await put('code.gone', { ...wider, description: 'Changed since.' })).status).toBe(200);
  });

  it('takes over a schema that stays as it is', async () => {
    await api.database.pg`
      insert into knockon.event_types (name, version, schema, source)
      values ('code.left', 1, ${api.database.pg.json(amount)}, 'code')`;
    const { body } = await put('code.left', { schema: amount }, '?take_over=true');
    expect(body).toMatchObject({ version: 1, source: 'api' });
    expect((await put('code.left', { schema: { ...amount, required: [] } })).status).toBe(200);
  });

  it.each([
    ['a command', 'send.invoice', { schema: amount }, 'name'],
    ['no schema', 'job.done', {}, 'schema'],
    [
      'what is no schema',
      'job.done',
      { schema: { type: 'object', required: 7 } },
      'schema.required',
    ],
    [
      'a pattern of JavaScript’s',
      'job.done',
      { schema: { type: 'object', properties: { a: { pattern: '(?!a)' } } } },
      'schema.properties.a.pattern',
    ],
    [
      'a remote reference',
      'job.done',
      { schema: { type: 'object', $ref: 'https://example.com/s' } },
      'schema.$ref',
    ],
    [
      'an example that does not fit',
      'job.done',
      { schema: amount, examples: [{ amount: 1 }, {}] },
      'examples.1.amount',
    ],
    ['an example with NUL', 'job.done', { schema: amount, examples: [{ a: '\0' }] }, 'examples'],
    ['a field that is none', 'job.done', { schema: amount, shema: 1 }, 'shema'],
    [
      'a large schema',
      'job.done',
      { schema: { type: 'object', title: 'x'.repeat(65_536) } },
      'schema',
    ],
  ])('refuses %s', async (_, name, given, path) => {
    const { status, body } = await put(name, given);
    expect(status).toBe(422);
    expect(body.errors.map((error: { path: string }) => error.path)).toContain(path);
    expect((await read('job.done')).status).toBe(404);
  });

  it('is not for viewers, and is written into the action log', async () => {
    const made = await api.call('POST', '/v1/ops/operators', {
      key: OPERATOR,
      body: { name: 'vera', role: 'viewer' },
    });
    const refused = await api.call('PUT', '/v1/ops/event_types/a.done', {
      key: made.body.key ?? made.body.api_key,
      body: { schema: amount },
    });
    expect(refused.status).toBe(403);
    await put('log.written', { schema: amount });
    const log = await api.call('GET', '/v1/ops/log?subject=log.written', { key: OPERATOR });
    expect(log.body.data).toMatchObject([{ verb: 'set event type', detail: { version: 1 } }]);
  });
});

describe('GET /v1/event_types', () => {
  it('lists types by name, page by page', async () => {
    for (const name of ['aa.done', 'ab.done', 'ac.done']) await put(name, { schema: amount });
    const names: string[] = [];
    let cursor = '';
    do {
      const { body } = await api.call('GET', `/v1/event_types?limit=2${cursor}`);
      names.push(...body.data.map((type: { name: string }) => type.name));
      cursor = body.next_cursor && `&cursor=${body.next_cursor}`;
    } while (cursor);
    expect(names).toEqual([...new Set(names)].sort());
    expect(names).toEqual(
      expect.arrayContaining(['aa.done', 'ab.done', 'ac.done', 'message.created']),
    );
  });

  it('says what is near a name that there is not', async () => {
    await put('parcel.shipped', { schema: amount });
    const { status, body } = await read('parcel.shiped');
    expect(status).toBe(404);
    expect(body.detail).toContain('parcel.shipped');
    const endpoint = { url: 'https://example.com/hook', event_types: ['*', 'parcel.shiped'] };
    const refused = await api.call('POST', '/v1/endpoints', { body: endpoint });
    expect(refused.body.errors).toEqual([
      { path: 'event_types.1', message: 'is no event type; did you mean parcel.shipped?' },
    ]);
  });
});
