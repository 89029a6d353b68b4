import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compose } from '../../../src/activities/notifications/mails.ts';
import { canonicalJson } from '../../../src/canonical-json.ts';
import { jsonParser, ownReader } from '../../../src/cli/chat-log/json.ts';
import { DIALECTS, logParser } from '../../../src/cli/chat-log/layouts.ts';
import { resolved } from '../../../src/cli/chat-log/slack.ts';
import { withoutFormatting } from '../../../src/text/formatting.ts';
import { findMentions } from '../../../src/text/mentions/mentions.ts';
import { highlight } from '../../../src/text/search/highlight.ts';
import { documentOf } from '../../../src/text/search/postgres.ts';
import { readQuery } from '../../../src/text/search/query.ts';
import { processorTime } from '../../harness/processor-time.ts';

const parserOf = (name: string) =>
  logParser(DIALECTS.find((dialect) => dialect.name === name)!, [], { name: 'log-2020-01-01' });
const [irc, dated] = [parserOf('irc'), parserOf('irc-dated')];
const [mirc, eggdrop, weechat] = [parserOf('mirc'), parserOf('eggdrop'), parserOf('weechat')];
const lines = jsonParser(ownReader());

/** Everything that reads what people write. */
const readers: Record<string, (text: string) => unknown> = {
  findMentions,
  documentOf: (text) => documentOf({ text, author: text }),
  readQuery,
  highlight: (text) => highlight(text, everything),
  withoutFormatting,
  'the excerpt of a mail': (text) => compose({ ...mail, text }),
  'the names in a mail': (text) =>
    compose({ ...mail, author: text, channel: text, display_name: text }),
  canonicalJson: (text) => canonicalJson({ text, list: [...text.slice(0, 10_000)] }),
  'a line of an IRC log': (text) => [
    irc(`[10:00] ${text}`),
    irc(`[10:00] <${text}> ${text}`),
    irc(`[10:00] -${text}`),
    irc(`[10:00] * ${text}`),
  ],
  'a line of a dated IRC log': (text) => [
    dated(text),
    dated(`${text} 2020-01-01 [10:00] <a> ${text}`),
  ],
  "a line of a client's log": (text) => [
    mirc(`Session Start: ${text}`),
    mirc(`[10:00] * bob (${text}) ${text}`),
    eggdrop(`[10:00] bob (${text}) ${text}`),
    weechat(`2020-01-01 10:00:00\t${text}\t${text}`),
  ],
  'a text of Slack': (text) => resolved(text, new Map()),
  'a JSON line': (text) => lines(JSON.stringify({ author: text, text, sent_at: text })),
};

const everything = readQuery('a* 名 "a a" 🎉 é -x');

const mail = {
  notification_id: 'n',
  recipient: 'bob',
  email: 'b@example.com',
  display_name: null,
  author: 'a',
  channel: 'c',
  text: '',
};

/** What is repeated, and what stands before and after it. */
type Shape = [before: string, piece: string, after: string];

const pieces = [
  '@',
  'a',
  'A',
  'aA',
  'Aa',
  '1',
  '.',
  ']',
  '[',
  '}',
  '`',
  '_',
  '-',
  ':',
  ',',
  ' ',
  '/',
  '\\',
  '|',
  '\n',
  '\t',
  '"',
  '&',
  '<',
  '>',
  '*',
];
const longer = [
  '@a',
  '@a.',
  '@a@',
  'a@a',
  'a.',
  '.a',
  'a.A',
  'a_',
  '_@',
  'x: ',
  'x y',
  ', ',
  'http://',
  'www.',
  'a:/',
  '\u0003',
  '\u00031,2',
  '\u001b[',
  '\u001b]',
  '\u0301',
  'é',
  'é\u0301',
  '名',
  '🎉',
  '\u2028',
  '\u200b',
  '-a-',
  '> ',
  '{}',
  'a, ',
  '@a/',
  '@a ',
  '\\@',
  '@小明来做，',
  '小',
  'カ',
  '@민수님 ',
  '＠',
  '：',
  '@🟢',
  '🇩🇪',
  '👩‍💻',
  '\u0301\u0323',
  '\u1100\u1161',
  '```\n',
  '````\n```\n',
  '~~~\n',
  '``a`',
  '@a:b.',
  '@a\nclass ',
  'ada & ',
  'a.bc/@',
  '"@',
  '\u202e@',
];
const ends = ['', '@', '@a', 'a', '[', '(@', ']', ':', '@@', ' ', '\n', '.', '🎉'];

const known: Shape[] = [
  ['@a', ']', ''],
  ['[@a', ']', ''],
  ['@', 'a', '@'],
  ['@', 'a.', '@'],
  ['', 'a', ':'],
  ['', ' ', 'a'],
  ...[...pieces, ...longer].map((piece): Shape => ['', piece, '']),
  ...[...pieces, ...longer].map((piece): Shape => ['@a', piece, '@']),
];

const grown = ([before, piece, after]: Shape, units: number) =>
  before + piece.repeat(Math.ceil(units / piece.length)) + after;

/** Processor time of the quickest of so many goes, in ms. */
function cost(read: (text: string) => unknown, text: string, goes: number): number {
  return Math.min(...Array.from({ length: goes }, () => processorTime(() => read(text)).ms));
}

/**
 * A text of sixteen times the length may cost three times the sixteenfold and a little; with its
 * square it would be 256 times as much.
 */
function expectLinear(read: (text: string) => unknown, shape: Shape): void {
  const large = grown(shape, 80_000);
  const first = cost(read, large, 1);
  if (first < 10) return;
  const bound = 50 * Math.max(0.4, cost(read, grown(shape, 5000), 5));
  // The quickest of several is no slower than the first.
  const quickest = first < bound ? first : cost(read, large, 3);
  expect(quickest, `of ${JSON.stringify(shape)}`).toBeLessThan(bound);
}

describe.each(Object.entries(readers))(
  '%s takes time that grows with the length of its text and no faster',
  (_name, read) => {
    test('in texts made to be slow', () => {
      for (const shape of known) expectLinear(read, shape);
    });

    test('whatever is repeated', () => {
      const shape = fc.tuple(
        fc.constantFrom(...ends),
        fc
          .array(fc.constantFrom(...pieces, ...longer), { minLength: 1, maxLength: 4 })
          .map((some) => some.join('')),
        fc.constantFrom(...ends),
      );
      fc.assert(
        fc.property(shape, (some) => expectLinear(read, some)),
        { numRuns: 30 },
      );
    });
  },
);
