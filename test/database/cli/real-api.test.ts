import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runImport } from '../../../src/cli/import/import.ts';
import type { Summary } from '../../../src/cli/import/summary.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { readConfig } from '../../../src/settings/config.ts';
import { start } from '../../../src/workers/api.ts';
import type { Running } from '../../../src/workers/process/process.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aTerminal } from '../../harness/recording-terminal.ts';

const adminKey = 'operator-key-of-this-test';
let folder: string;
let database: TestDatabase;
let served: Running;
let apiKey: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'knockon-real-'));
  database = await freshDatabase();
  const secret = {
    KNOCKON_SECRET: 'a secret of thirty-two characters',
    KNOCKON_ADMIN_KEY: adminKey,
  };
  const quiet = {
    KNOCKON_DISPATCHER: 'off',
    KNOCKON_PORT: '0',
    LOG_LEVEL: 'silent',
    KNOCKON_SHUTDOWN: '1s',
  };
  served = await start(readConfig({ DATABASE_URL: database.url, ...secret, ...quiet }));
  const made = await call<{ api_key: string }>('POST', '/v1/workspaces', adminKey, {
    name: 'Acme',
  });
  apiKey = made.api_key;
});

afterAll(async () => {
  await served.stop();
  await database.close();
  rmSync(folder, { recursive: true });
});

async function call<T>(method: string, path: string, key = apiKey, body?: object): Promise<T> {
  const headers = {
    authorization: `Bearer ${key}`,
    ...(body && { 'content-type': 'application/json' }),
  };
  const response = await fetch(`${served.url}${path}`, {
    method,
    headers,
    body: body && JSON.stringify(body),
  });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function run(name: string, text: string, channel: string): Promise<Summary> {
  const file = join(folder, name);
  writeFileSync(file, text);
  const terminal = aTerminal();
  const options = { channel, apiUrl: served.url, apiKey, patience: 0, json: true };
  const signal = new AbortController().signal;
  await runImport(file, options, { terminal, signal, stdin: Readable.from([]) });
  return JSON.parse(terminal.said.join('\n'));
}

interface MessageView {
  id: string;
  seq: number;
  author: string;
  text: string;
  sent_at: string;
}

const messages = async (channelId: string) =>
  (
    await call<{ data: MessageView[] }>(
      'GET',
      `/v1/channels/${channelId}/messages?after_seq=0&limit=200`,
    )
  ).data;

test('the real API stores what is posted, in the order of the lines', async () => {
  const texts = [
    '\u0002bold\u0002',
    'naïve 😀',
    'a\0b',
    'x'.repeat(40_000),
    '</script>',
    "'; drop table messages; --",
  ];
  const lines = texts.map((text, n) =>
    JSON.stringify({ author: `nick${n}`, text, sent_at: `2024-01-15T12:00:0${n}Z` }),
  );
  const summary = await run('nasty.jsonl', lines.join('\n'), 'nasty');
  expect(summary).toMatchObject({ finished: true, posted: 6, skipped: { total: 0 } });
  const stored = await messages(summary.channel?.id ?? '');
  expect(stored.map(({ text }) => text)).toEqual(texts.map((text) => text.replace('\0', '')));
  expect(stored.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(stored[3]?.sent_at).toBe('2024-01-15T12:00:03.000Z');
});

test('what the real API refuses is skipped and counted, and nothing else', async () => {
  const lines = [
    { author: 'ada', text: 'kept' },
    { author: 'a'.repeat(300), text: 'author too long' },
    { author: 'ada', text: 'before the epoch', sent_at: '1066-10-14T09:00:00Z' },
    { author: 'ada', text: 'large', metadata: { blob: 'x'.repeat(20_000) } },
    { author: 'ada', text: 'kept too' },
  ];
  const summary = await run(
    'refused.jsonl',
    lines.map((line) => JSON.stringify(line)).join('\n'),
    'refused',
  );
  expect(summary).toMatchObject({
    finished: true,
    lines: 5,
    posted: 2,
    // The reader knows of the year already.
    skipped: { total: 3, reasons: { refused: 2, bad_time: 1 } },
  });
});

test('a second import adds nothing, a day later and after edits and deletions', async () => {
  const text = Array.from({ length: 230 }, (_, n) => `[12:${10 + (n % 40)}] <ada> line ${n}`).join(
    '\n',
  );
  const first = await run('day-2024-01-15.txt', text, 'twice');
  const stored = await messages(first.channel?.id ?? '');
  await call('PATCH', `/v1/messages/${stored[0]?.id}`, apiKey, { text: 'edited', metadata: {} });
  await call('DELETE', `/v1/messages/${stored[1]?.id}`);
  await database.database.pg`delete from knockon.idempotency_keys`;
  const second = await run('day-2024-01-15.txt', text, 'twice');
  expect(first).toMatchObject({ posted: 230, already_there: 0 });
  expect(second).toMatchObject({ posted: 0, already_there: 230 });
});

test('two imports of the same log at once post it once', async () => {
  const text = Array.from({ length: 40 }, (_, n) => `[12:${10 + n}] <ada> line ${n}`).join('\n');
  const both = await Promise.all([
    run('race-2024-01-15.txt', text, 'race'),
    run('race-2024-01-15.txt', text, 'race'),
  ]);
  expect(both[0].posted + both[1].posted).toBe(40);
  expect((await messages(both[0].channel?.id ?? '')).map((message) => message.text)).toEqual(
    text.split('\n').map((line) => line.slice(14)),
  );
});

test('what no dispatcher has taken is in the ledger as undispatched', async () => {
  const { undispatched } = await verifyLedger(database.database.pg);
  expect(undispatched.count).toBeGreaterThan(270);
});
