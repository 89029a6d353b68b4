import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runImport } from '../../../src/cli/import/import.ts';
import type { ImportOptions } from '../../../src/cli/import/options.ts';
import type { Summary } from '../../../src/cli/import/summary.ts';
import { type StandIn, startStandIn } from '../../harness/api-stand-in.ts';
import { aTerminal } from '../../harness/recording-terminal.ts';

let api: StandIn;
let folder: string;

beforeEach(async () => {
  api = await startStandIn();
  folder = mkdtempSync(join(tmpdir(), 'knockon-import-'));
});

afterEach(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

interface Ran {
  exitCode: number;
  summary: Summary;
  err: string[];
}

async function run(
  text: string | Buffer,
  options: Partial<ImportOptions> & { name?: string; abort?: AbortController } = {},
): Promise<Ran> {
  const { name = 'log-2009-02-23.txt', abort = new AbortController(), ...rest } = options;
  const file = join(folder, name);
  writeFileSync(file, text);
  const terminal = aTerminal();
  const given = {
    channel: 'general',
    apiUrl: api.url,
    apiKey: api.key,
    patience: 0,
    json: true,
    ...rest,
  };
  const exitCode = await runImport(name === '-' ? '-' : file, given, {
    terminal,
    signal: abort.signal,
    stdin: Readable.from([Buffer.from(text)]),
  });
  return { exitCode, summary: JSON.parse(terminal.said.join('\n')), err: terminal.complained };
}

const log = [
  '[07:35] <ada> one',
  '=== bob has joined',
  '[07:36] <bob> two',
  '[07:36] <bob> two',
  '[07:37]  * ada waves',
  '[07:38] <ada> ',
].join('\n');
const texts = () => api.messages.map((message) => message.text);

test('an import makes the channel, posts in the order of the lines and counts every line', async () => {
  const { exitCode, summary } = await run(log);
  expect(exitCode).toBe(0);
  expect(texts()).toEqual(['one', 'two', 'two', 'waves']);
  expect(api.messages[0]).toMatchObject({
    author: 'ada',
    sent_at: '2009-02-23T07:35:00.000Z',
    metadata: { import: { line: 1 } },
  });
  expect(api.messages[3]).toMatchObject({ author: 'ada', metadata: { action: true } });
  const skipped = { total: 2, reasons: { system: 1, empty: 1 }, system: { join: 1 } };
  expect(summary).toMatchObject({
    format: 'irc',
    finished: true,
    lines: 6,
    posted: 4,
    already_there: 0,
    actions: 1,
    skipped,
  });
  expect(summary.channel).toEqual(api.channels[0]);
});

test('a second import adds nothing, even after idempotency keys are forgotten', async () => {
  await run(log);
  api.forgetKeys();
  const { exitCode, summary } = await run(log);
  expect(exitCode).toBe(0);
  expect(summary).toMatchObject({ posted: 0, already_there: 4, skipped: { total: 2 } });
  expect(api.messages).toHaveLength(4);
});

test('a copy under another name adds nothing, a log that has grown adds what is new', async () => {
  await run(log);
  expect((await run(log, { name: 'copy-2009-02-23.txt' })).summary.posted).toBe(0);
  expect((await run(`[07:30] <eve> before\n${log}\n[07:39] <eve> after`)).summary).toMatchObject({
    posted: 2,
    already_there: 4,
  });
});

const GREW: [what: string, first: string | Buffer, then: string, texts: string[]][] = [
  [
    'a further line',
    '[10:00] <ada> trace:\n',
    '[10:00] <ada> trace:\n  at x\n[10:01] <bob> oh\n',
    ['trace:', 'oh'],
  ],
  [
    'a further line after a blank one',
    '[10:00] <ada> trace:\n\n',
    '[10:00] <ada> trace:\n\n  at x\n[10:01] <bob> oh\n',
    ['trace:', 'oh'],
  ],
  ['the rest of a line', '[10:00] <ada> hel', '[10:00] <ada> hello\n', ['hel']],
  [
    'the rest of a character',
    Buffer.from('[10:00] <ada> d\xc3', 'latin1'),
    '[10:00] <ada> dé\n',
    ['dÃ'],
  ],
  [
    'the rest of a line that looked like a further one',
    '[10:00] <ada> hi\n\n[10:0',
    '[10:00] <ada> hi\n\n[10:01] <bob> oh\n',
    ['hi\n\n[10:0', 'oh'],
  ],
];

test.each(GREW)(
  'a message whose log has grown by %s is not posted twice, and is told of',
  async (_what, first, then, right) => {
    await run(first);
    for (let again = 0; again < 2; again += 1) {
      expect((await run(then)).summary).toMatchObject({
        notes: { went_on: { count: 1, line: 1 } },
      });
      expect(texts()).toEqual(right);
    }
  },
);

test.each([
  ['[10:00] <ada> ok', '[10:00] <ada> ok\n[10:00] <ada> ok, go\n'],
  ['[10:00] <ada> ok\n', '[10:00] <ada> ok\n[10:00] <ada> ok, go\n'],
  ['[10:00] <ada> ok\n', '[10:00] <ada> ok, go\n'],
  ['[10:00] <ada> ok', '[10:00] <ada> ok\n[10:00] <ada> ok\n'],
  ['[10:00] <ada> ok\n[10:00] <bob> so', '[10:00] <ada> ok\n[10:00] <bob> so\n[10:00] <bob> so?'],
])('after %j, what comes in %j is posted', async (first, then) => {
  await run(first);
  const before = texts().length;
  const { summary } = await run(then);
  expect(texts()).toHaveLength(before + 1);
  expect(summary.notes).toEqual({});
});

test('the same words without a time in two files are two messages, in one file read twice they are one', async () => {
  const line = '{"author":"ada","text":"ok"}';
  await run(`${line}\n${line}`, { name: 'monday.jsonl' });
  await run(line, { name: 'tuesday.jsonl' });
  await run(line, { name: 'tuesday.jsonl' });
  expect(texts()).toEqual(['ok', 'ok', 'ok']);
});

test('one log can be imported into two channels', async () => {
  await run(log);
  expect((await run(log, { channel: 'copy' })).summary.posted).toBe(4);
});

test('more messages than a page of the log are all recognised', async () => {
  const long = Array.from({ length: 450 }, (_, n) => `{"author":"ada","text":"message ${n}"}`).join(
    '\n',
  );
  await run(long, { name: 'long.jsonl' });
  api.forgetKeys();
  expect((await run(long, { name: 'long.jsonl' })).summary).toMatchObject({
    posted: 0,
    already_there: 450,
  });
});

test('an import that breaks off says where, keeps its counts and goes on when it is run again', async () => {
  api.troubles.push('none', 'none', { status: 503 });
  const first = await run(log);
  expect(first.exitCode).toBe(1);
  expect(first.summary).toMatchObject({ finished: false, lines: 3, posted: 2 });
  expect(first.summary.error).toContain('503');
  const second = await run(log);
  expect(second.summary).toMatchObject({ finished: true, posted: 2, already_there: 2, lines: 6 });
  expect(texts()).toEqual(['one', 'two', 'two', 'waves']);
});

test('an overloaded API is waited for as long as it asks, and the order stays', async () => {
  api.troubles.push(
    { status: 429, headers: { 'retry-after': '0' } },
    { status: 503, headers: { 'retry-after': '0' } },
  );
  const { summary, err } = await run(log, { patience: 10_000, json: true });
  expect(summary).toMatchObject({ finished: true, posted: 4 });
  expect(err).toEqual([]);
  expect(texts()).toEqual(['one', 'two', 'two', 'waves']);
});

test('a message whose answer was lost is not posted twice', async () => {
  api.troubles.push('lost answer');
  const { summary } = await run(log, { patience: 10_000 });
  expect(texts()).toEqual(['one', 'two', 'two', 'waves']);
  expect(summary).toMatchObject({ posted: 3, already_there: 1 });
});

test('a line the API refuses is skipped with its reason, and the others are posted', async () => {
  const text = `{"author":"ada","text":"a"}\n{"author":"${'x'.repeat(300)}","text":"b"}\n{"author":"ada","text":"c"}`;
  const { summary, err } = await run(text, { name: 'x.jsonl', showSkipped: true });
  expect(summary).toMatchObject({
    lines: 3,
    posted: 2,
    skipped: { total: 1, reasons: { refused: 1 } },
  });
  expect(err.join()).toMatch(/line 2: refused: .*author: is too long/s);
});

test('a wrong key breaks off with what to check', async () => {
  const { exitCode, summary } = await run(log, { apiKey: 'kn_wrong' });
  expect(exitCode).toBe(1);
  expect(summary.error).toMatch(/not valid.*--api-key/);
});

test('a dry run needs no API and counts what it would post', async () => {
  const { exitCode, summary } = await run(log, { dryRun: true });
  expect(exitCode).toBe(0);
  expect(summary).toMatchObject({ dry_run: true, posted: 4, channel: null });
  expect(api.requests).toEqual([]);
});

test('an interrupted import ends with 130 and its counts', async () => {
  const abort = new AbortController();
  abort.abort();
  const { exitCode, summary } = await run(log, { abort });
  expect(exitCode).toBe(130);
  expect(summary).toMatchObject({ finished: false, error: 'interrupted' });
});

test('what is no chat log is refused before a channel is made', async () => {
  await expect(run('Dear diary')).rejects.toMatchObject({ exitCode: 1 });
  expect(api.channels).toEqual([]);
});

test('a log on stdin without a day is refused with the option that helps', async () => {
  await expect(run('[07:35] <ada> hi', { name: '-' })).rejects.toThrow('--date 2009-02-23');
});
