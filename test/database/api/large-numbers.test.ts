import { beforeAll, describe, expect, test } from 'vitest';
import { useApi } from './test-api.ts';

const api = useApi();
let channel: string;
beforeAll(async () => {
  channel = await api.channel();
});

const big = '9007199254740993';
const message = (metadata: string) => `{"author":"ada","text":"hi","metadata":${metadata}}`;

describe('a number that would be rounded', () => {
  test('is refused by its place wherever a body is taken, and says what to do', async () => {
    const posted = await api.post(channel);
    const bodies: [string, string, string, string][] = [
      [
        'POST',
        `/v1/channels/${channel}/messages`,
        message(`{"order":{"ids":[1,${big}]}}`),
        'metadata.order.ids.1',
      ],
      ['PATCH', `/v1/messages/${posted.body.id}`, `{"metadata":{"id":${big}}}`, 'metadata.id'],
      [
        'POST',
        '/v1/endpoints',
        `{"url":"https://example.com","event_types":["*"],"max_per_second":1.00000000000000000001}`,
        'max_per_second',
      ],
    ];
    for (const [method, path, body, place] of bodies) {
      const answer = await api.call(method, path, { body });
      expect(answer).toMatchObject({
        status: 422,
        body: { type: 'urn:knockon:problem:validation', errors: [{ path: place }] },
      });
      expect(answer.body.errors[0].message).toMatch(
        /^is [\d.]+, which can't be kept exactly as a number: send it as a string$/,
      );
    }
  });

  test.each(['1e400', '-1e400', '1e-400', '3.14159265358979323846', '1'.repeat(10_000)])(
    'is refused: %.30s',
    async (literal) => {
      const { status, body } = await api.call('POST', `/v1/channels/${channel}/messages`, {
        body: message(`{"n":${literal}}`),
      });
      expect([status, body.errors.map(({ path }: { path: string }) => path)]).toEqual([
        422,
        ['metadata.n'],
      ]);
      expect(body.errors[0].message.length).toBeLessThan(150);
    },
  );

  test('is told once each, the first twenty of them', async () => {
    const many = `[${Array(50).fill(big).join(',')}]`;
    const { status, body } = await api.call('POST', `/v1/channels/${channel}/messages`, {
      body: message(`{"n":${many}}`),
    });
    expect([status, body.errors.length, body.detail]).toEqual([
      422,
      20,
      expect.stringContaining('The first 20 of 50'),
    ]);
  });

  test('does not make a message of what is no JSON', async () => {
    const { status } = await api.call('POST', `/v1/channels/${channel}/messages`, {
      body: `{"metadata":{"n":${big}}`,
    });
    expect(status).toBe(400);
  });
});

test('the documents say which integers beyond 2^53 are kept', async () => {
  const { body } = await api.call('GET', '/openapi.json');
  const { metadata } = body.components.schemas.NewMessage.properties;
  const kept = ['9007199254740992', '100000000000000000000'];
  for (const text of [body.info.description, metadata.description])
    for (const literal of kept) expect(text).toContain(literal);
  const { status } = await api.call('POST', `/v1/channels/${channel}/messages`, {
    body: message(`{"n":[${kept.join(',')}]}`),
  });
  expect(status).toBe(201);
});

test('every number that is taken has the same value everywhere it comes out', async () => {
  const given =
    '{"max":9007199254740991,"min":-9007199254740991,"even":100000000000000000000,"one":1.0,"none":-0,"tiny":5e-324,"huge":1.7976931348623157e308,"pi":3.141592653589793}';
  const posted = await api.call('POST', `/v1/channels/${channel}/messages`, {
    body: message(given),
  });
  const { id, event_id } = posted.body;
  const wanted = JSON.stringify(JSON.parse(given));
  const read = await api.call('GET', `/v1/messages/${id}`);
  const event = await api.call('GET', `/v1/events/${event_id}`);
  for (const metadata of [posted.body.metadata, read.body.metadata, event.body.payload.metadata])
    expect(sorted(metadata)).toEqual(sorted(JSON.parse(wanted)));
});

test('of a key that comes twice the last one counts, as JavaScript and Postgres have it', async () => {
  const posted = await api.call('POST', `/v1/channels/${channel}/messages`, {
    body: message('{"a":1,"b":{"c":1,"c":2},"a":3}'),
  });
  const { body } = await api.call('GET', `/v1/messages/${posted.body.id}`);
  expect([posted.body.metadata, body.metadata]).toEqual([
    { a: 3, b: { c: 2 } },
    { a: 3, b: { c: 2 } },
  ]);
});

/** As text, so that -0 and 0 are what JSON makes of them. */
const sorted = (value: Record<string, unknown>) => JSON.stringify(Object.entries(value).sort());
