import { expect, test } from 'vitest';
import type { LogLine } from '../../../src/cli/chat-log/message.ts';
import { type ReadOptions, readChatLog } from '../../../src/cli/chat-log/read.ts';

/** Logs as people have them, and what is right for each. */

async function read(text: string | Buffer, name: string, options: Partial<ReadOptions> = {}) {
  const formats: string[] = [];
  const lines: LogLine[] = [];
  async function* chunks() {
    yield Buffer.from(text);
  }
  const onFormat = (format: string) => void formats.push(format);
  for await (const line of readChatLog(chunks(), { name, onFormat, ...options })) lines.push(line);
  return { format: formats[0], lines };
}

/** In short: `time author: text`, or what was skipped. */
function short(line: LogLine): string {
  if ('skip' in line) return line.system ?? line.skip;
  const { author, text, sent_at = '', voice } = line.message;
  const time = sent_at.replace(/(:00)?\.000Z$/, '').replace('T', ' ');
  return `${time} ${voice === 'said' ? '' : `(${voice}) `}${author}: ${text}`;
}

const shorts = async (...given: Parameters<typeof read>) => (await read(...given)).lines.map(short);

const notesOf = async (...given: Parameters<typeof read>) =>
  (await read(...given)).lines.map(({ notes = [] }) => notes);

test('a file of one day stays in that day, and a clock that was set back is told', async () => {
  const log = [
    '[13:58:10] <ada> before',
    '[14:00:02] <bob> still before',
    '[12:01:30] <ada> the clock was set back two hours',
    '[12:05:00] <bob> lunch',
    '[15:00:00] <ada> later the same day',
  ].join('\n');
  expect(await shorts(log, '#chan_20120921.log')).toEqual([
    '2012-09-21 13:58:10 ada: before',
    '2012-09-21 14:00:02 bob: still before',
    '2012-09-21 12:01:30 ada: the clock was set back two hours',
    '2012-09-21 12:05 bob: lunch',
    '2012-09-21 15:00 ada: later the same day',
  ]);
  expect(await notesOf(log, '#chan_20120921.log')).toEqual([[], [], ['clock_back'], [], []]);
});

test('what a bouncer played back from earlier stays in its day', async () => {
  const log =
    '[21:00] <ada> evening\n[08:15] <bob> played back\n[08:16] <bob> another\n[21:02] <ada> good';
  expect(await shorts(log, 'playback-2009-02-23.log')).toEqual([
    '2009-02-23 21:00 ada: evening',
    '2009-02-23 08:15 bob: played back',
    '2009-02-23 08:16 bob: another',
    '2009-02-23 21:02 ada: good',
  ]);
});

test('a file whose name has two days begins on the first, and a clock that goes back is of the next', async () => {
  const log = ['[22:00]', '[09:00]', '[21:00]', '[08:00]'].map((time) => `${time} <ada> hi`);
  const read = await shorts(log.join('\n'), 'range-2012-09-01_2012-09-03.log');
  expect(read.map((line) => line.slice(0, 10))).toEqual([
    '2012-09-01',
    '2012-09-02',
    '2012-09-02',
    '2012-09-03',
  ]);
});

test.each([
  ['just before midnight', ['23:30', '00:15', '23:31', '23:59', '00:02'], '23 24 23 23 24'],
  ['from the night, in the evening', ['22:00', '00:30', '22:01'], '23 24 23'],
  ['in the morning', ['09:00', '07:00', '09:01'], '23 23 23'],
])('what was played back %s does not move what comes after it', async (_name, times, days) => {
  const log = times.map((time) => `[${time}] <ada> hi`).join('\n');
  const read = await shorts(log, 'x-2009-02-23.log');
  expect(read.map((line) => line.slice(8, 10)).join(' ')).toBe(days);
});

test('mIRC: sessions set the day, an action counts, and what the channel did is counted', async () => {
  const log = `Session Start: Mon Jan 02 16:07:49 2017
Session Ident: #foo
[16:07] * Now talking in #foo
[16:07] * Topic is 'foo bar'
[16:07] * Set by chanop!chanop@host.example on Tue Oct 25 10:19:06 2016
[16:08] <ada> happy new year
[16:09] * bob (bob@host.example) has joined #foo
[16:10] * ChanServ sets mode: +o bob
[16:11] * bob is now known as bob_away
[16:12] * bob_away waves
[16:20] * bob_away (bob@host.example) Quit (Ping timeout)
[18:33] * Disconnected
Session Close: Mon Jan 02 18:33:05 2017

Session Start: Fri Jan 20 19:00:00 2017
Session Ident: #foo
[19:00] * Now talking in #foo
[19:01] <ada> back after the holidays
Session Close: Fri Jan 20 19:05:00 2017`;
  const { format, lines } = await read(log, 'mirc-sessions-with-dates.log');
  expect(format).toBe('mirc');
  expect(lines.flatMap((line) => ('message' in line ? short(line) : []))).toEqual([
    '2017-01-02 16:08 ada: happy new year',
    '2017-01-02 16:12 (action) bob_away: waves',
    '2017-01-20 19:01 ada: back after the holidays',
  ]);
  expect(lines.flatMap((line) => ('skip' in line ? short(line) : []))).toEqual(
    'session session other topic other join mode rename quit other session blank session session other session'.split(
      ' ',
    ),
  );
});

test('mIRC: a session goes past midnight, and old versions mark what the channel did by three stars', async () => {
  const log = `Session Start: Sat Dec 31 23:50:00 2016
[11:58pm] <@ada> 3\u000304,01 2\u0003 1
[12:01am] <+bob> \u0002happy\u0002 new year
[12:02am] *** eve (eve@host.example) has joined #foo
[12:03am] -eve- psst
[12:03am] * Parts: eve (eve@host.example) (bye)`;
  expect(await shorts(log, 'old.log')).toEqual([
    'session',
    '2016-12-31 23:58 ada: 3 2 1',
    '2017-01-01 00:01 bob: happy new year',
    'join',
    '2017-01-01 00:03 (notice) eve: psst',
    'part',
  ]);
});

test("eggdrop: the day's mark is skipped, and an action is hers", async () => {
  const log = `[00:00] --- Mon Aug 20 2001
[00:02] <jenny> Hello world
[00:03] Action: jenny waves
[00:04] bob (~bob@host.example) joined #chan.
[00:05] Nick change: bob -> bobby
[00:06] #chan: mode change '+o bobby' by Q!q@host.example`;
  const { format, lines } = await read(log, 'eggdrop.log');
  expect(format).toBe('eggdrop');
  expect(lines.map(short)).toEqual([
    'day',
    '2001-08-20 00:02 jenny: Hello world',
    '2001-08-20 00:03 (action) jenny: waves',
    'join',
    'rename',
    'mode',
  ]);
});

test("eggdrop: the day of a log that was cut off is the one before its next, or its name's", async () => {
  const log = `[23:58:01] <jenny> late
[23:58:30] bob (~bob@host.example) left irc: Quit: bye
[23:59:00] Topic changed on #chan by jenny!j@host.example: x
[23:59:01] bob kicked from #chan by Q: no
[00:00:00] --- Tue Aug 21 2001
[00:00:09] <jenny> a new day`;
  const right = [
    '2001-08-20 23:58:01 jenny: late',
    ...['quit', 'topic', 'kick', 'day'],
    '2001-08-21 00:00:09 jenny: a new day',
  ];
  expect(await shorts(log, 'x.log')).toEqual(right);
  expect(await shorts(log, '#chan.log.20Aug2001')).toEqual(right);
});

test('irssi: marks set the day, and what the channel did is skipped', async () => {
  const log = `--- Log opened Mon Jun 01 00:00:19 2015
00:02 < ada> good morning
04:00  * bob posts news
--- Day changed Tue Jun 02 2015
02:06 -!- Irssi: #sea: Total of 14 nicks
11:51 <@eve> all is calm
--- Log closed Wed Jun 03 00:00:20 2015`;
  const { format, lines } = await read(log, 'irssi-default.log');
  expect(format).toBe('irssi');
  expect(lines.map(short)).toEqual([
    'session',
    '2015-06-01 00:02 ada: good morning',
    '2015-06-01 04:00 (action) bob: posts news',
    'day',
    'other',
    '2015-06-02 11:51 eve: all is calm',
    'session',
  ]);
});

test.each([
  ['--- Log opened Di Mär 03 09:00:00 2015', '09:01 <+ada> hallo', '2015-03-03 09:01 ada: hallo'],
  [
    '--- Log opened lun. août 03 09:00:00 2015',
    '09:01 <%ada> salut',
    '2015-08-03 09:01 ada: salut',
  ],
  [
    '--- Log opened Пн май 04 09:00:00 2015',
    '09:01:07 < ada> привет',
    '2015-05-04 09:01:07 ada: привет',
  ],
  [
    '--- Log opened Mon Jun 01 09:00:00 2015',
    '09:01 -bot:#sea- news',
    '2015-06-01 09:01 (notice) bot: news',
  ],
  [
    '--- Log opened Mon Jun 01 09:00:00 2015',
    '[09:01] <ada> in brackets',
    '2015-06-01 09:01 ada: in brackets',
  ],
  [
    '--- Log opened Mon Jun 01 09:00:00 2015',
    '2015-06-01 09:01:59 <ada> with a date',
    '2015-06-01 09:01:59 ada: with a date',
  ],
])('irssi in other languages and settings: %s', async (opened, line, expected) => {
  expect(await shorts(`${opened}\n${line}`, 'irssi.log')).toEqual(['session', expected]);
});

test.each([
  ['月  6月 01', '金  6月 05', '2015-06-05'],
  ['월 12월 28', '금  1월 01', '2015-01-01'],
  ['一 6月 01', '五 6月 05', '2015-06-05'],
  ['Po čen 01', 'Po čec 06', '2015-07-06'],
  ['Po čec 06', 'Po čen 01', '2015-06-01'],
  ['T2 Th06 01', 'T6 Th06 05', '2015-06-05'],
  ['T2 Thg 6 01', 'T6 Thg 6 05', '2015-06-05'],
  ['Pn cze 01', 'Nie lis 01', '2015-11-01'],
  ['Pon lip 01', 'Čet lis 01', '2015-10-01'],
  ['Po čen 01', 'So srp 01', '2015-08-01'],
  ['Pon lip 01', 'Sri srp 01', '2015-07-01'],
  ['Pir birž. 01', 'Pen lapkr. 06', '2015-11-06'],
  ['จ. มิ.ย. 01', 'ศ. มิ.ย. 05', '2015-06-05'],
  ["ב' יונ 01", "ו' יונ 05", '2015-06-05'],
  ['Дүй мау 01', 'Жұм мау 05', '2015-06-05'],
  ['dl. juny 01', 'dv. juny 05', '2015-06-05'],
])('irssi: sessions of %s and %s are of their own days', async (first, second, right) => {
  const log = `--- Log opened ${first} 00:00:19 2015
09:02 < ada> monday
--- Log opened ${second} 09:00:00 2015
09:03 < ada> friday`;
  expect((await shorts(log, 'irssi.log')).at(-1)).toBe(`${right} 09:03 ada: friday`);
  expect((await notesOf(log, 'irssi.log')).flat()).toEqual([]);
});

const UNREAD = '--- Log opened xx yyy 05 09:00:00 2016';

test('a session of a day that can not be read is told, and nothing of it gets another day', async () => {
  const log = `--- Log opened Mon Jun 01 09:00:00 2015
09:01 < ada> one
${UNREAD}
09:02 < ada> two
--- Log opened Tue Jun 07 09:00:00 2016
09:03 < ada> three`;
  expect(await shorts(log, 'irssi.log')).toEqual([
    'session',
    '2015-06-01 09:01 ada: one',
    'session',
    'bad_time',
    'session',
    '2016-06-07 09:03 ada: three',
  ]);
  expect((await notesOf(log, 'irssi.log')).flat()).toEqual(['day_unread']);
  const mirc = log
    .replaceAll('--- Log opened', 'Session Start:')
    .replaceAll(/^(09:..) < ada/gm, '[$1] <ada');
  expect((await shorts(mirc, 'mirc.log'))[3]).toBe('bad_time');
  expect((await notesOf(mirc, 'mirc.log')).flat()).toEqual(['day_unread']);
});

test('a log that begins with a session of a day that can not be read needs a date', async () => {
  const log = `${UNREAD}\n09:02 < ada> two\n--- Log opened Tue Jun 07 09:00:00 2017\n09:03 < ada> 3`;
  await expect(shorts(log, 'irssi.log')).rejects.toThrow(/none that can be read.*--date/s);
  const right = ['session', '2016-06-05 09:02 ada: two', 'session', '2017-06-07 09:03 ada: 3'];
  expect(await shorts(log, 'irssi.log', { date: '2016-06-05' })).toEqual(right);
  expect(await shorts(log, 'irssi-2016-06-05.log')).toEqual(right);
});

test('eggdrop: a day that is marked in a language that nobody reads is the next one', async () => {
  const log =
    '[00:00] --- Mon Aug 20 2001\n[09:00] <ada> one\n[00:00] --- xx yyy 21 2001\n[08:00] <ada> two';
  expect(await shorts(log, 'egg.log')).toEqual([
    'day',
    '2001-08-20 09:00 ada: one',
    'day',
    '2001-08-21 08:00 ada: two',
  ]);
});

test('irssi: a day that is marked in a language that nobody reads is the next one', async () => {
  const log = (days: string[]) => `--- Log opened Mon Nov 30 09:00:00 2015
09:01 < ada> one
--- Day changed ${days[0]}
09:02 < ada> two
--- Day changed ${days[1]}
09:03 < ada> three`;
  const right = [
    'session',
    '2015-11-30 09:01 ada: one',
    'day',
    '2015-12-01 09:02 ada: two',
    'day',
    '2015-12-02 09:03 ada: three',
  ];
  expect(await shorts(log(['ti. des. 01 2015', 'on. des. 02 2015']), 'irssi.log')).toEqual(right);
  expect(await shorts(log(['xx yyy 01 2015', 'xx yyy 02 2015']), 'irssi.log')).toEqual(right);
});

test('WeeChat: known by its tabs', async () => {
  const log =
    '2014-05-01 23:09:40\tada\tHi everybody\n' +
    '2014-05-01 23:09:41\t-->\tbob (bob@host.example) has joined #test\n' +
    '2014-05-01 23:09:50\t *\tada waves\n' +
    '2014-05-01 23:10:00\t--\tMode #test [+o ada] by ChanServ\n' +
    '2014-05-01 23:10:01\t<--\tbob (bob@host.example) has quit (bye)\n' +
    '2014-05-01 23:10:02\t--\tbob is now known as bobby\n' +
    '2014-05-01 23:10:03\t@ada\ta\ttab\n' +
    '2014-05-01 23:10:04\t--\tNotice(bot): news\n';
  const { format, lines } = await read(log, 'weechat.log');
  expect(format).toBe('weechat');
  expect(lines.map(short)).toEqual([
    '2014-05-01 23:09:40 ada: Hi everybody',
    'join',
    '2014-05-01 23:09:50 (action) ada: waves',
    'mode',
    'quit',
    'rename',
    '2014-05-01 23:10:03 ada: a\ttab',
    '2014-05-01 23:10:04 (notice) bot: news',
  ]);
});

test('ZNC: what the channel did begins with three stars', async () => {
  const log = `[13:58:10] *** Joins: ada (~ada@host.example)
[13:58:11] *** ChanServ sets mode: +o ada
[13:58:12] <ada> hello
[13:58:13] * ada waves
[13:58:14] *** ada changes topic to 'x'
[13:58:15] *** bob is now known as bobby
[13:58:16] *** bob was kicked by ada (no)
[13:58:17] *** Parts: ada (~ada@host.example) (bye)
[13:58:18] *** Quits: ada (~ada@host.example) (bye)
[13:58:19] -NickServ- please identify`;
  const { format, lines } = await read(log, '2012-09-21.log');
  expect(format).toBe('znc');
  expect(lines.map(short)).toEqual([
    'join',
    'mode',
    '2012-09-21 13:58:12 ada: hello',
    '2012-09-21 13:58:13 (action) ada: waves',
    ...['topic', 'rename', 'kick', 'part', 'quit'],
    '2012-09-21 13:58:19 (notice) NickServ: please identify',
  ]);
});

test.each([
  ['[11:58 PM] <ada> a', '[12:01 AM] <bob> b', '2009-12-31 23:58', '2010-01-01 00:01'],
  ['[11:58pm] <ada> a', '[12:01am] <bob> b', '2009-12-31 23:58', '2010-01-01 00:01'],
  ['[11:58:30 a.m.] <ada> a', '[12:01:00 p.m.] <bob> b', '2009-12-31 11:58:30', '2009-12-31 12:01'],
  ['[12:30 AM] <ada> a', '[1:05 AM] <bob> b', '2009-12-31 00:30', '2009-12-31 01:05'],
])('a twelve-hour clock: %s', async (first, second, a, b) => {
  expect(await shorts(`${first}\n${second}`, 'ampm-2009-12-31.log')).toEqual([
    `${a} ada: a`,
    `${b} bob: b`,
  ]);
});

test('an hour that no twelve-hour clock has is none', async () => {
  expect(await shorts('[01:00 PM] <ada> a\n[13:00 PM] <ada> b', 'x-2009-12-31.log')).toEqual([
    '2009-12-31 13:00 ada: a',
    'bad_time',
  ]);
});

test.each(['\n', '\r\n', '\r'])('lines may end in %j', async (end) => {
  const log = ['[10:00] <ada> a', '[10:01] <bob> b', '  more', ''].join(end);
  const right = ['2009-02-23 10:00 ada: a', '2009-02-23 10:01 bob: b\n  more'];
  expect(await shorts(log, 'x-2009-02-23.log')).toEqual(right);
  expect(await shorts(Buffer.from(log, 'utf16le'), 'x-2009-02-23.log')).toEqual(right);
});

test('the lines that follow belong to the message before', async () => {
  const log = `[10:00] <ada> Traceback (most recent call last):
  File "x.py", line 1, in <module>

ValueError: nope
[10:01] <bob> ouch

[10:02] <ada>
\`\`\`
--- a/x
[10:03] *** not a line of ours
after it`;
  expect(await shorts(log, 'multi-line-2009-02-23.log')).toEqual([
    '2009-02-23 10:00 ada: Traceback (most recent call last):\n  File "x.py", line 1, in <module>\n\nValueError: nope',
    '2009-02-23 10:01 bob: ouch',
    'blank',
    '2009-02-23 10:02 ada: \n```\n--- a/x',
    'other',
    'unrecognised',
  ]);
});

test('a line that is no UTF-8 is read in the fallback, and told', async () => {
  const log = Buffer.concat([
    Buffer.from('[20:32:39] <ada> d\xe9j\xe0 vu :) \x80\n', 'latin1'),
    Buffer.from('[20:38:43] <bob> schön, und danke\n'),
  ]);
  const name = 'mixed-2011-01-15.log';
  expect(await shorts(log, name)).toEqual([
    '2011-01-15 20:32:39 ada: déjà vu :) €',
    '2011-01-15 20:38:43 bob: schön, und danke',
  ]);
  expect(await notesOf(log, name)).toEqual([['fallback_encoding'], []]);
});

test.each([
  ['shift_jis', Buffer.from([0x93, 0xfa, 0x96, 0x7b, 0x5c]), '日本\\'],
  ['koi8-r', Buffer.from([0xd0, 0xd2, 0xc9]), 'при'],
  ['gb18030', Buffer.from([0xc4, 0xe3, 0xba, 0xc3]), '你好'],
  ['windows-1251', Buffer.from([0xcf, 0xf0, 0xe8]), 'При'],
  ['iso-8859-2', Buffer.from([0xb3, 0xf3, 0x64, 0xbc]), 'łódź'],
])('a told encoding, %s, is for the lines that need it', async (encoding, bytes, text) => {
  const log = Buffer.concat([Buffer.from('[10:00] <ada> '), bytes, Buffer.from('\n[10:01] <b> é')]);
  expect(await shorts(log, 'x-2011-01-15.log', { encoding })).toEqual([
    `2011-01-15 10:00 ada: ${text}`,
    '2011-01-15 10:01 b: é',
  ]);
});

/** おはよう in ISO-2022-JP. */
const OHAYO = '\x1b$B$*$O$h$&\x1b(B';

test.each([
  ['JIS X 0208', OHAYO, 'おはよう'],
  ['JIS C 6226', OHAYO.replace('$B', '$@'), 'おはよう'],
  ['JIS X 0201', '\x1b(Ja\\b\x1b(B', 'a¥b'],
])('a line in ISO-2022-JP is found out by %s, and told', async (_name, written, text) => {
  const log = `[10:00] <ada> é\n[10:01] <bob> ${written} ok\n`;
  expect(await shorts(log, 'x-2011-01-15.log')).toEqual([
    '2011-01-15 10:00 ada: é',
    `2011-01-15 10:01 bob: ${text} ok`,
  ]);
  expect(await notesOf(log, 'x-2011-01-15.log')).toEqual([[], ['fallback_encoding']]);
});

test('the codes of a terminal are not taken for ISO-2022-JP', async () => {
  const log = '[10:00] <ada> \x1b[1mbold\x1b(B\x1b[m, plain';
  expect(await notesOf(log, 'x-2011-01-15.log')).toEqual([[]]);
});

test.each([
  ['with a mark', '\ufeff', undefined],
  ['without a mark', '', undefined],
  ['as told', '', 'utf-16le'],
])('UTF-16 %s is found out', async (_name, mark, encoding) => {
  const text = `${mark}[10:00] <ada> 你好, naïve\r\n[10:01] <bob> Ċ is no line end`;
  const little = Buffer.from(text, 'utf16le');
  const right = ['2011-01-15 10:00 ada: 你好, naïve', '2011-01-15 10:01 bob: Ċ is no line end'];
  expect(await shorts(little, 'x-2011-01-15.log', { encoding })).toEqual(right);
  if (encoding) return;
  expect(await shorts(little.swap16(), 'x-2011-01-15.log')).toEqual(right);
});

test.each([
  ['Greek', 'καλημέρα σε όλους'],
  ['Russian', 'доброе утро всем'],
  ['Hebrew', 'בוקר טוב לכולם'],
  ['Hindi', 'सुप्रभात सभी को'],
  ['Japanese', 'おはようございます、皆さん'],
  ['Chinese', '大家早上好'],
  ['Korean', '여러분 좋은 아침'],
  ['Chinese with a low byte of zero', '一一一、一个\u3000一起上'],
  ['Korean with a low byte of zero', '가가가 어디로 가나요 ㅋㅋㅋㅋ'],
  ['Chinese of some length', '今天的天气真不错，我们一起去公园散步吧。'.repeat(150)],
  ['Japanese of some length', '今日は天気がいいから、散歩しましょう。「一緒に」　紀元'.repeat(150)],
  ['Korean of some length', '오늘은날씨가좋으니까같이공원에가요'.repeat(150)],
  ['a language of emoji', '😀'.repeat(500)],
])('UTF-16 without a mark is found out in %s', async (_language, text) => {
  const log = Buffer.from(`[10:00] <ada> ${text}\r\n[10:01] <bob> ${text}\r\n`, 'utf16le');
  const right = [`2011-01-15 10:00 ada: ${text}`, `2011-01-15 10:01 bob: ${text}`];
  expect(await shorts(log, 'x-2011-01-15.log')).toEqual(right);
  expect(await shorts(log.swap16(), 'x-2011-01-15.log')).toEqual(right);
});

test.each(['hi\0', 'h\0i', '\0hi'])('a NUL in a line makes no UTF-16 of it (%j)', async (hi) => {
  const log = `[10:00] <ada> ${hi}\n[10:01] <bob> 你好\0`;
  const texts = await shorts(log, 'x-2011-01-15.log');
  expect(texts.map((text) => text.replaceAll('\0', ''))).toEqual([
    '2011-01-15 10:00 ada: hi',
    '2011-01-15 10:01 bob: 你好',
  ]);
});

test('codes of colours are no text, and none of the rest is lost', async () => {
  const log =
    '[12:00:00] <bot> \x0304deploy\x03 of \x02payments\x02 \x034,1failed\x03\n' +
    '[12:00:01] <\x0305bot\x0f> \x1b[31mred\x1b[0m 5 < 6, \x1ditalic\x1d \x1funder\x1f \x16rev\x16 3\n' +
    '\x0314[12:00:02]\x03 <bot> a coloured time';
  expect(await shorts(log, 'colours-2021-05-31.log')).toEqual([
    '2021-05-31 12:00 bot: deploy of payments failed',
    '2021-05-31 12:00:01 bot: red 5 < 6, italic under rev 3',
    '2021-05-31 12:00:02 bot: a coloured time',
  ]);
});

test.each([
  [
    'Europe/Berlin',
    '2021-03-28',
    ['01:59', '02:30', '03:00'],
    ['00:59', '01:30', '01:00'],
    'time_skipped',
  ],
  [
    'Europe/Berlin',
    '2021-10-31',
    ['02:10', '02:50', '02:05', '02:50', '03:00'],
    ['00:10', '00:50', '01:05', '01:50', '02:00'],
    'time_twice',
  ],
  ['America/New_York', '2021-07-01', ['10:00'], ['14:00'], undefined],
  ['Asia/Kolkata', '2021-07-01', ['10:00'], ['04:30'], undefined],
  ['Australia/Lord_Howe', '2021-04-04', ['01:50', '01:40'], ['14:50', '15:10'], 'time_twice'],
])('times of %s on %s are right', async (zone, date, times, expected, note) => {
  const log = times.map((time) => `[${time}] <ada> hi`).join('\n');
  const { lines } = await read(log, `x-${date}.log`, { zone });
  expect(lines.map((line) => short(line).slice(11, 16))).toEqual(expected);
  const notes = lines.flatMap((line) => line.notes ?? []);
  if (note) expect(notes).toContain(note);
  else expect(notes).toEqual([]);
});

test('times with an offset are of no zone', async () => {
  expect(
    await shorts('[2021-07-01T10:00:00+02:00] <ada> hi', 'x.log', { zone: 'Asia/Tokyo' }),
  ).toEqual(['2021-07-01 08:00 ada: hi']);
});
