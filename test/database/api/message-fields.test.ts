import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { author, handle, metadata, moment, name, text } from '../../../src/api/fields.ts';
import { useApi } from './test-api.ts';

const storable = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 200 })
  .filter((value) => !value.includes('\0'));
const api = useApi();

describe('a posted message', () => {
  test('comes back as it was sent, whatever text and metadata are made of', async () => {
    const channel = await api.channel();
    const json = fc.dictionary(storable, fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 }), {
      maxKeys: 5,
    });
    const sent = fc.record({
      text: storable,
      metadata: json.filter((value) => !JSON.stringify(value).includes('\\u0000')),
    });
    await fc.assert(
      fc.asyncProperty(sent, async ({ text, metadata }) => {
        const { status, body } = await api.post(channel, { text, metadata });
        expect(status).toBe(201);
        const read = await api.call('GET', `/v1/messages/${body.id}`);
        expect(read.body.text).toBe(text);
        expect(read.body.metadata).toEqual(JSON.parse(JSON.stringify(metadata)));
      }),
      { numRuns: 100 },
    );
  });

  test('is 201 or 422 and never anything else, whatever JSON it is', async () => {
    const channel = await api.channel();
    const anything = fc.oneof(
      fc.json({ stringUnit: 'binary' }),
      fc
        .record({
          author: fc.anything(),
          text: fc.anything(),
          metadata: fc.anything(),
          sent_at: fc.anything(),
        })
        .map((value) => {
          try {
            return JSON.stringify(value) ?? 'null';
          } catch {
            return 'null';
          }
        }),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (body) => {
        const { status } = await api.call('POST', `/v1/channels/${channel}/messages`, { body });
        expect([201, 422]).toContain(status);
      }),
      { numRuns: 200 },
    );
  });
});

test('NUL and lone surrogates are refused wherever they stand, in keys of metadata too', async () => {
  const channel = await api.channel();
  for (const bad of ['\\u0000', '\\ud800', '\\udc00x', 'a\\ud83d']) {
    const spoiled = [
      `{"author":"${bad}","text":"hi"}`,
      `{"author":"ada","text":"a${bad}b"}`,
      `{"author":"ada","text":"hi","metadata":{"a":"${bad}"}}`,
      `{"author":"ada","text":"hi","metadata":{"a":{"b${bad}":[1]}}}`,
      `{"author":"ada","text":"hi","metadata":{"a":["${bad}"]}}`,
      `{"author":"ada","text":"hi","${bad}":1}`,
    ];
    for (const body of spoiled) {
      const answer = await api.call('POST', `/v1/channels/${channel}/messages`, { body });
      expect({ body, status: answer.status }).toEqual({ body, status: 422 });
    }
  }
  for (const query of [
    '/v1/search?q=%00',
    '/v1/notifications?recipient=a%00',
    '/v1/channels?name=%00',
    '/v1/search?q=a&author=%00',
  ]) {
    expect((await api.call('GET', query)).status, query).toBe(422);
  }
});

describe('metadata', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });

  test('may be 32 levels deep and no deeper, in objects and in lists', () => {
    expect(metadata.safeParse(nested(32)).success).toBe(true);
    expect(metadata.safeParse(nested(33)).success).toBe(false);
    expect(metadata.safeParse({ a: JSON.parse('['.repeat(31) + ']'.repeat(31)) }).success).toBe(
      true,
    );
    expect(metadata.safeParse({ a: JSON.parse('['.repeat(32) + ']'.repeat(32)) }).success).toBe(
      false,
    );
  });

  test('may be 16 KiB of JSON and not a byte more, counted in bytes', () => {
    const sized = (bytes: number) => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) });
    expect(metadata.safeParse(sized(16_384)).success).toBe(true);
    expect(metadata.safeParse(sized(16_385)).success).toBe(false);
    expect(metadata.safeParse({ a: 'é'.repeat(8_189) }).success).toBe(false);
  });

  test('is an object: no list, no text, no null', () => {
    for (const value of [[], 'a', 1, null, true])
      expect(metadata.safeParse(value).success).toBe(false);
  });

  test('has no number that JSON can not give back', () => {
    expect(metadata.safeParse(JSON.parse('{"a":1e400}')).success).toBe(false);
  });
});

describe('a moment', () => {
  test('is read exactly, whatever its offset', () => {
    expect(moment.parse('2024-02-29T23:30:00-02:30').toISOString()).toBe(
      '2024-03-01T02:00:00.000Z',
    );
    expect(moment.parse('1970-01-01T00:00:00Z').getTime()).toBe(0);
    expect(moment.parse('2100-12-31T23:59:59.999999999Z').toISOString()).toBe(
      '2100-12-31T23:59:59.999Z',
    );
  });

  test('reads every date of its years back', () => {
    const years = {
      min: new Date(0),
      max: new Date('2100-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    };
    fc.assert(
      fc.property(
        fc.date(years),
        (date) => moment.parse(date.toISOString()).getTime() === date.getTime(),
      ),
    );
  });

  test('is nothing that any other text could mean', () => {
    fc.assert(fc.property(fc.string(), (value) => !moment.safeParse(value).success));
  });
});

test('names and authors lose the spaces around them, and are something afterwards', () => {
  expect(name.parse(' general ')).toBe('general');
  for (const schema of [name, author]) {
    for (const empty of ['', ' ', '\t\n ', '\u00a0'])
      expect(schema.safeParse(empty).success).toBe(false);
    expect(schema.safeParse('é'.repeat(255)).success).toBe(true);
    expect(schema.safeParse('é'.repeat(256)).success).toBe(false);
  }
  expect(name.safeParse('two\nlines').success).toBe(false);
});

describe('a name or an author', () => {
  const people = [
    '👩‍👩‍👧',
    '👨🏽‍💻 Ada',
    '🏴󠁧󠁢󠁥󠁮󠁧󠁿',
    '❤️',
    '1️⃣ first',
    '🏳️‍🌈',
    'علی‌رضا',
    'محمد',
    'משה',
    'משה\u200f (admin)',
    'ශ්‍රී',
    '葛\u{e0100}城',
    'Zoë',
    "O'Brien",
  ];

  test('may be in any script, with emoji of several parts and what scripts need between letters', () => {
    for (const given of people)
      for (const schema of [name, author])
        expect([given, schema.safeParse(given).data]).toEqual([given, given]);
  });

  test('holds nothing that can not be seen or turns the text around it, and the answer says what', async () => {
    const hidden = [
      '\u0000',
      '\u001b',
      '\n',
      '\u007f',
      '\u00ad',
      '\u061c',
      '\u200b',
      '\u200d',
      '\u200e',
      '\u202e',
      '\u2028',
      '\u2060',
      '\u2066',
      '\u3164',
      '\ufe0f',
      '\ufeff',
      '\u{e0041}',
    ];
    for (const character of hidden)
      for (const schema of [name, author])
        expect([character, schema.safeParse(`ad${character}a`).success]).toEqual([
          character,
          false,
        ]);
    for (const blank of ['\u2800', '\u2800 \u2800'])
      expect(name.safeParse(blank).success).toBe(false);
    expect(name.safeParse('\u2801\u2800\u2803').success).toBe(true);
    const answer = await api.post(await api.channel(), { author: 'ada\u202egro.elpmaxe' });
    expect(answer).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'author', message: expect.stringContaining('U+202E') }] },
    });
  });
});

test('a handle has 1 to 64 characters, no spaces, no control characters and no @ in front', () => {
  for (const good of ['ada', 'Ada_L', 'a@b', 'ädä', '日本', '|away|', 'x'.repeat(64)])
    expect(handle.safeParse(good).success).toBe(true);
  for (const bad of ['', '@ada', 'a b', 'a\tb', 'a\u200bb', 'x'.repeat(65), '\0'])
    expect(handle.safeParse(bad).success).toBe(false);
});

test('text is counted in code points at both ends', () => {
  const two = text(2, 3);
  expect([
    two.safeParse('a').success,
    two.safeParse('ab').success,
    two.safeParse('😀😀😀').success,
  ]).toEqual([false, true, true]);
  expect([two.safeParse('abcd').success, two.safeParse('😀😀😀a').success]).toEqual([false, false]);
});

test('what an endpoint says of itself may have several lines, and nothing that is hidden or turns text round', async () => {
  const make = (description: string) =>
    api.call('POST', '/v1/endpoints', {
      body: { url: 'https://example.com/', event_types: ['message.created'], description },
    });
  expect(await make('Orders\n\tof the shop')).toMatchObject({ status: 201 });
  for (const [text, found] of [
    ['a\u202eb', 'U+202E'],
    ['a\u001b[31mb', 'U+001B'],
  ] as const)
    expect(await make(text)).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'description', message: expect.stringContaining(found) }] },
    });
});
