import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { datesInName } from '../../../src/cli/chat-log/calendar.ts';
import { wideEncoding } from '../../../src/cli/chat-log/encoding.ts';
import { readLines } from '../../../src/cli/chat-log/lines.ts';
import type { LogLine } from '../../../src/cli/chat-log/message.ts';
import { FORMATS, type ReadOptions, readChatLog } from '../../../src/cli/chat-log/read.ts';

async function* chunksOf(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part;
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const entry of source) all.push(entry);
  return all;
}

const read = (text: string, options: Partial<ReadOptions> = {}) =>
  collect(readChatLog(chunksOf(text), { name: 'log-2009-02-23.txt', ...options }));

/** A document is told apart from lines in these only if nobody says what it is. */
const LINE_FORMATS = FORMATS.filter((format) => !['slack', 'json'].includes(format));

/** A line in short: `author|text|time|voice` or the reason it is skipped. */
function short(line: LogLine | undefined): string {
  if (!line) return 'no line';
  if ('skip' in line) return line.skip;
  const { author, text, sent_at = '', voice } = line.message;
  return [author, text, sent_at.replace('.000Z', 'Z'), ...(voice === 'said' ? [] : [voice])].join(
    '|',
  );
}

const day = '2009-02-23T';

describe('"[hh:mm] <nick> text"', () => {
  test.each([
    ['[07:35] <ada> hello there', `ada|hello there|${day}07:35:00Z`],
    ['[07:35:59] <ada> with seconds', `ada|with seconds|${day}07:35:59Z`],
    ['[07:35] <ada> trailing space ', `ada|trailing space|${day}07:35:00Z`],
    ['[07:35] <ada>   indented', `ada|  indented|${day}07:35:00Z`],
    ['[07:35] <|trey|> a nick with bars', `|trey||a nick with bars|${day}07:35:00Z`],
    ['[07:35] <@op> an operator', `op|an operator|${day}07:35:00Z`],
    ['[07:35] <ada> a > b <c>', `ada|a > b <c>|${day}07:35:00Z`],
    ['[07:35] <ada> NUL\0 and \u0002bold\u0002', `ada|NUL and bold|${day}07:35:00Z`],
    // Bridges put such a character into nicks, so that nobody is highlighted; the API refuses it.
    ['[07:35] <a\u200bda\u202e> \u200bas it is', `ada|\u200bas it is|${day}07:35:00Z`],
    ['[07:35]  * ada waves', `ada|waves|${day}07:35:00Z|action`],
    ['[07:35] -bot- news', `bot|news|${day}07:35:00Z|notice`],
    ['[07:35] <ada> ', 'empty'],
    ['[07:35] <ada>', 'empty'],
    ['[07:35]  * ada', 'empty'],
    ['[07:35] <> who?', 'no_author'],
    ['[25:00] <ada> too late', 'bad_time'],
    ['[07:60] <ada> too late', 'bad_time'],
    ['=== ada [n=ada@host] has joined #ubuntu', 'system'],
    ['[07:35] === ada has left', 'system'],
    ['[07:35] -!- ada is now known as lovelace', 'system'],
    ['   ', 'blank'],
    ['just some text', 'unrecognised'],
    ['[07:35] just some text', 'unrecognised'],
  ])('reads %j', async (line, expected) => {
    expect((await read(line, { format: 'irc' })).map(short)).toEqual([expected]);
  });

  test('takes the day from the name of the file', async () => {
    const [line] = await read('[07:35] <ada> hi', { name: 'ubuntu-2004-11-15_03.txt' });
    expect(short(line)).toBe('ada|hi|2004-11-15T07:35:00Z');
  });

  test('takes the given day before the one in the name', async () => {
    const [line] = await read('[07:35] <ada> hi', { date: '2020-02-29' });
    expect(short(line)).toBe('ada|hi|2020-02-29T07:35:00Z');
  });

  test.each([
    [
      'advances the day when the clock passes midnight',
      ['23:59', '00:00', '12:00', '00:01'],
      ['23T23:59', '24T00:00', '24T12:00', '25T00:01'],
    ],
    [
      'keeps the day when the clock is set back by an hour',
      ['02:59', '02:00', '03:00'],
      ['23T02:59', '23T02:00', '23T03:00'],
    ],
    [
      'passes noon, not midnight, on a twelve-hour clock',
      ['11:30', '12:59', '01:00', '12:30'],
      ['23T11:30', '23T12:59', '23T13:00', '24T00:30'],
    ],
    [
      'counts from the furthest moment after the clock was set back',
      ['23:50', '23:00', '00:10'],
      ['23T23:50', '23T23:00', '24T00:10'],
    ],
  ])('without a day in its name %s', async (_name, times, expected) => {
    const lines = await read(times.map((time) => `[${time}] <ada> hi`).join('\n'), {
      name: 'log.txt',
      date: '2009-02-23',
    });
    expect(
      lines.map((line) => ('message' in line ? line.message.sent_at?.slice(8, 16) : line.skip)),
    ).toEqual(expected);
  });

  test('asks for a day where there is none, and names the option', async () => {
    await expect(read('[07:35] <ada> hi', { name: '-' })).rejects.toThrow(/stdin.*--date/s);
  });
});

describe('"channel yyyy-mm-dd [hh:mm] <nick> text"', () => {
  test.each([
    ['stripe 2019-09-04 [22:44:46] <w1z> add a coupon ', 'w1z|add a coupon|2019-09-04T22:44:46Z'],
    ['#chan 2021-02-28 [10:02 PM] <x> pm', 'x|pm|2021-02-28T22:02:00Z'],
    ['meeting 2009-10-20 [12:01] <mdz> hi', 'mdz|hi|2009-10-20T12:01:00Z'],
    ['rust 2018-12-26 [22:09:07] * nagisa laughs ', 'nagisa|laughs|2018-12-26T22:09:07Z|action'],
    [
      'meeting 2009-10-20 [12:05]  * dholbach removes is ',
      'dholbach|removes is|2009-10-20T12:05:00Z|action',
    ],
    ['rust 2018-12-26 [12:37:11] -eval- result ', 'eval|result|2018-12-26T12:37:11Z|notice'],
    ['meeting 2009-10-20 === simon|lunch is now known as simon ', 'system'],
    ['meeting 2009-02-30 [12:01] <mdz> no such day', 'bad_time'],
    ['meeting 2009-10-20 <mdz> no time', 'unrecognised'],
  ])('reads %j', async (line, expected) => {
    expect((await read(line, { format: 'irc-dated' })).map(short)).toEqual([expected]);
  });
});

describe('JSON lines', () => {
  test.each([
    [{ author: 'ada', text: 'hi', sent_at: '2024-01-15T12:00:00Z' }, 'ada|hi|2024-01-15T12:00:00Z'],
    [
      { author: 'ada', text: 'hi', sent_at: '2024-01-15T12:00:00.123+02:00' },
      'ada|hi|2024-01-15T10:00:00.123Z',
    ],
    [
      { author: 'ada', text: 'hi', timestamp: '2024-01-15 12:00:00' },
      'ada|hi|2024-01-15T12:00:00Z',
    ],
    [{ author: 'ada', text: 'hi', timestamp: 1705320000 }, 'ada|hi|2024-01-15T12:00:00Z'],
    [{ author: 'ada', text: 'hi', timestamp: 1705320000000 }, 'ada|hi|2024-01-15T12:00:00Z'],
    [{ author: 'ada', text: 'hi', timestamp: 1705320000000000 }, 'ada|hi|2024-01-15T12:00:00Z'],
    [
      { author: 'ada', text: 'hi', timestamp: '1705320000000000000' },
      'ada|hi|2024-01-15T12:00:00Z',
    ],
    [{ author: 'ada', text: 'hi', timestamp: 1e30 }, 'bad_time'],
    [{ author: 'ada', text: 'hi', timestamp: 5e10 }, 'bad_time'],
    [{ author: 'ada', text: 'hi', timestamp: -1 }, 'bad_time'],
    [{ author: 'ada', text: 'hi', sent_at: '1969-12-31T23:00:00Z' }, 'bad_time'],
    [{ author: 'ada', text: 'hi', sent_at: '2101-01-01T00:00:00Z' }, 'bad_time'],
    [{ author: 'ada', text: 'hi', sent_at: null }, 'ada|hi|'],
    [{ author: ' ada ', text: ' as it is \n' }, 'ada| as it is \n|'],
    [{ author: 'ada', text: 'a\0b' }, 'ada|ab|'],
    [{ author: 'ada', text: 'x'.repeat(40_001) }, 'too_long'],
    [{ author: 'ada', text: '' }, 'empty'],
    [{ author: 'ada' }, 'empty'],
    [{ text: 'hi' }, 'no_author'],
    [{ author: 7, text: 'hi' }, 'no_author'],
    [{ author: 'ada', text: 'hi', sent_at: 'yesterday' }, 'bad_time'],
    [{ author: 'ada', text: 'hi', sent_at: '2024-02-31T00:00:00Z' }, 'bad_time'],
    [{ author: 'ada', text: 'hi', metadata: [] }, 'bad_metadata'],
  ])('reads %j', async (object, expected) => {
    expect((await read(JSON.stringify(object), { format: 'jsonl' })).map(short)).toEqual([
      expected,
    ]);
  });

  test.each([
    ['{"author":"ada","text":"hi","metadata":{"id":9007199254740993}}', 'inexact'],
    [
      '{"author":"ada","text":"hi","metadata":{"id":"9007199254740993"},"timestamp":1705320000.000000001}',
      'ada|hi|2024-01-15T12:00:00Z',
    ],
  ])(
    'skips metadata with numbers that would be rounded, and nothing else: %s',
    async (line, expected) => {
      expect((await read(line, { format: 'jsonl' })).map(short)).toEqual([expected]);
    },
  );

  test('takes 40,000 characters outside the BMP', async () => {
    const [line] = await read(JSON.stringify({ author: 'ada', text: '😀'.repeat(40_000) }));
    expect(line).toHaveProperty('message');
  });

  test('replaces a lone surrogate', async () => {
    expect((await read('{"author":"ada","text":"a\\ud800b"}')).map(short)).toEqual([
      'ada|a\ufffdb|',
    ]);
  });

  test.each(['{"author":', '[1]', 'null', '"text"', `${'['.repeat(100_000)}`])(
    'skips %.20j',
    async (line) => {
      expect((await read(line, { format: 'jsonl' })).map(short)).toEqual(['bad_json']);
    },
  );
});

describe('any log', () => {
  test.each([
    ['irc', '=== x has joined\n[07:35] <ada> hi'],
    ['irc-dated', 'rust 2018-12-26 [10:19:00] <lp> hi\nnonsense'],
    ['jsonl', '\n\n{"author":"ada","text":"hi"}'],
  ])('is recognised as %s', async (format, text) => {
    const seen: string[] = [];
    await read(text, { onFormat: (found) => seen.push(found) });
    expect(seen).toEqual([format]);
  });

  test('in no known layout is refused with its first line and what is understood', async () => {
    await expect(read('\nDear diary')).rejects.toThrow(
      /line 2: "Dear diary".*JSON lines.*--format/s,
    );
  });

  test('that is empty has no lines', async () => {
    expect(await read('')).toEqual([]);
  });

  test('never throws in a given format, and gives each line once', async () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '[07:35] <ada> hi',
        '=== x',
        '{"author":"a","text":"b"}',
        'c 2009-10-20 [12:01] <m> hi',
        '[99:99] <',
        '\u0001',
        '',
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(nasty),
        fc.constantFrom(...LINE_FORMATS),
        async (written, format) => {
          const text = written.map((line) => line.replaceAll('\n', ' ')).join('\n');
          fc.pre(!wideEncoding(Buffer.from(text)));
          const expected =
            text === '' ? 0 : text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
          const lines = await read(text, { format });
          const numbers = lines.flatMap(({ line, lines }) =>
            Array.from({ length: lines }, (_, place) => line + place),
          );
          expect(numbers).toEqual(Array.from({ length: expected }, (_, place) => place + 1));
        },
      ),
    );
  });
});

describe('lines', () => {
  const texts = async (...parts: (string | Uint8Array)[]) =>
    (await collect(readLines(chunksOf(...parts)))).map((line) => line.text);

  test('may end in CRLF, and the last one in nothing', async () => {
    expect(await texts('a\r\nb\n\r\nc')).toEqual(['a', 'b', '', 'c']);
  });

  test('do not depend on how the bytes arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 5 }),
        async (text, size) => {
          const bytes = Buffer.from(text);
          const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
            bytes.subarray(n * size, (n + 1) * size),
          );
          expect(await texts(...parts)).toEqual(await texts(text));
        },
      ),
    );
  });

  test('lose their byte order mark, also of UTF-16', async () => {
    expect(await texts('\ufeffa\nb')).toEqual(['a', 'b']);
    expect(await texts(Buffer.from('\ufeffä\nb', 'utf16le'))).toEqual(['ä', 'b']);
  });

  test('that are no UTF-8 are read in windows-1252, or in the given encoding, and keep their bytes', async () => {
    const latin = Buffer.from('caf\xe9', 'latin1');
    expect(await collect(readLines(chunksOf('é\n', latin)))).toMatchObject([
      { text: 'é' },
      { text: 'café', foreign: latin },
    ]);
    const [line] = await collect(readLines(chunksOf(latin), { encoding: 'koi8-r' }));
    expect(line?.text).toBe('cafИ');
  });

  test('beyond the limit are cut off, and the next one is whole', async () => {
    const lines = await collect(
      readLines(chunksOf('abc', 'defgh', 'ijk\nxy\n', '12345\n123456\n'), { longest: 5 }),
    );
    expect(lines).toEqual([
      { number: 1, text: 'abcde', overlong: true },
      { number: 2, text: 'xy', overlong: false },
      { number: 3, text: '12345', overlong: false },
      { number: 4, text: '12345', overlong: true },
    ]);
  });
});

test.each([
  ['ubuntu-2009-02-23_10.txt', '2009-02-23'],
  ['20090223.log', '2009-02-23'],
  ['log_2009_02_23', '2009-02-23'],
  ['ubuntu-2009-02-31.txt', undefined],
  ['chat-1234567890.txt', undefined],
  ['chat.txt', undefined],
  ['range-2012-09-01_2012-09-03.log', '2012-09-01', '2012-09-03'],
  ['2012-09-01-20120901.log', '2012-09-01'],
])('the date in %s is %s', (name, ...dates) => {
  expect(datesInName(name)).toEqual(dates.filter((date) => date !== undefined));
});
