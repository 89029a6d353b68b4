import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { analytics } from '../../../src/activities/analytics/index.ts';
import { search } from '../../../src/activities/search/index.ts';
import { readConfig } from '../../../src/settings/config.ts';
import { start } from '../../../src/workers/api.ts';
import type { Running } from '../../../src/workers/process/process.ts';
import { deliver } from '../../database/effects/conversation.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { runCommand } from './run-in-process.ts';

/** A log in each layout: four messages of `ada` and `bob` in two days, one of them an action. */
interface Log {
  file: string;
  content: string | Uint8Array;
  options?: string[];
}

const ircLike = (lines: string[]) => `${lines.join('\n')}\n`;
const records = [
  { author: 'ada', text: 'the coupon is out', sent_at: '2017-01-02T16:08:00Z' },
  { author: 'bob', text: 'the coupon is out', sent_at: '2017-01-02T16:08:00Z' },
  { author: 'bob', text: 'the coupon is out', sent_at: '2017-01-02T16:08:00Z' },
  { author: 'ada', text: '京都へ行く', sent_at: '2017-01-03T09:00:00Z' },
];
const slackDay = (at: number, ...messages: [user: string, text: string][]) =>
  JSON.stringify(
    messages.map(([user, text], i) => ({ type: 'message', user, text, ts: `${at + i}.000001` })),
  );
const slack = {
  'users.json': JSON.stringify([
    { id: 'U1', name: 'ada' },
    { id: 'U2', name: 'bob' },
  ]),
  'channels.json': '[]',
  'general/2017-01-02.json': slackDay(1_483_373_280, ['U1', 'the coupon'], ['U2', 'is out']),
  'general/2017-01-03.json': slackDay(1_483_434_000, ['U1', '京都へ行く'], ['U2', 'bye']),
};

const logs: Record<string, Log> = {
  irc: {
    file: 'x-2017-01-02.txt',
    content: ircLike([
      '=== eve has joined',
      '[16:08] <ada> the coupon is out',
      '[16:09] <bob> the coupon',
      '[16:09] <bob> the coupon',
      '[16:10]  * ada waves',
      '[00:05] <bob> 京都へ行く',
    ]),
  },
  'irc-dated': {
    file: 'dated.log',
    content: ircLike([
      '#chan 2017-01-02 [16:08:00] <ada> the coupon is out',
      '#chan 2017-01-02 [16:09:00] <bob> the coupon',
      '#chan 2017-01-03 [09:00:00] <bob> 京都へ行く',
      '#chan 2017-01-03 [09:00:01] <ada> bye',
    ]),
  },
  znc: {
    file: '2017-01-02.log',
    content: ircLike([
      '[16:08:00] *** Joins: eve (eve@host.example)',
      '[16:08:01] <ada> the coupon is out',
      '[16:08:02] <bob> 京都へ行く',
      '[16:08:03] * ada waves',
      '[16:08:04] <bob> bye',
    ]),
  },
  irssi: {
    file: 'irssi.log',
    content: ircLike([
      '--- Log opened Mon Jan 02 16:00:00 2017',
      '16:08 -!- eve [eve@host.example] has joined #chan',
      '16:08 < ada> the coupon is out',
      '16:09 <@bob> 京都へ行く',
      '--- Day changed Tue Jan 03 2017',
      '09:00  * ada waves',
      '09:01 < bob> bye',
    ]),
  },
  weechat: {
    file: 'weechat.log',
    content: ircLike([
      '2017-01-02 16:08:00\t-->\teve (eve@host.example) has joined #chan',
      '2017-01-02 16:08:40\tada\tthe coupon is out',
      '2017-01-02 16:09:00\t@bob\t京都へ行く',
      '2017-01-03 09:00:00\t *\tada waves',
      '2017-01-03 09:01:00\tbob\tbye',
    ]),
  },
  mirc: {
    file: 'mirc.log',
    content: ircLike([
      'Session Start: Mon Jan 02 16:07:49 2017',
      'Session Ident: #chan',
      '[16:08] <ada> the coupon is out',
      '[16:09] <bob> 京都へ行く',
      '[16:12] * ada waves',
      'Session Close: Mon Jan 02 18:33:05 2017',
      'Session Start: Tue Jan 03 09:00:00 2017',
      '[09:01] <bob> bye',
    ]),
  },
  eggdrop: {
    file: 'eggdrop.log',
    content: ircLike([
      '[00:00] --- Mon Jan 02 2017',
      '[16:08] <ada> the coupon is out',
      '[16:09] Action: ada waves',
      '[16:10] eve (~eve@host.example) joined #chan.',
      '[00:00] --- Tue Jan 03 2017',
      '[09:00] <bob> 京都へ行く',
      '[09:01] <bob> bye',
    ]),
  },
  'lines that are no UTF-8, packed': {
    file: 'x-2017-01-02.txt.gz',
    content: gzipSync(
      Buffer.from(
        '[16:08] <ada> caf\xe9 coupon\n[16:09] <bob> d\xe9j\xe0\n[16:10] <bob> d\xe9j\xe0\n[16:11] <ada> bye\n',
        'latin1',
      ),
    ),
  },
  jsonl: { file: 'x.jsonl', content: records.map((one) => JSON.stringify(one)).join('\n') },
  slack: {
    file: 'export.zip',
    content: zipSync(
      Object.fromEntries(Object.entries(slack).map(([name, text]) => [name, strToU8(text)])),
    ),
  },
  json: {
    file: 'x.json',
    content: JSON.stringify({
      messages: records.map(({ author, text, sent_at }, i) => ({
        by: { name: author },
        content: text,
        at: Date.parse(sent_at) + i * 1000,
      })),
    }),
    options: ['--map', 'author=.by.name,text=.content,sent_at=.at'],
  },
};

const OPERATOR = 'operator-key-of-this-test';
const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const tsx = import.meta.resolve('tsx');
let folder: string;
let database: TestDatabase;
let served: Running;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'knockon-kills-'));
  database = await freshDatabase();
  served = await start(
    readConfig({
      ...{ DATABASE_URL: database.url, KNOCKON_SECRET: 'a secret of thirty-two characters' },
      ...{ KNOCKON_ADMIN_KEY: OPERATOR, KNOCKON_DISPATCHER: 'off', KNOCKON_PORT: '0' },
      ...{ LOG_LEVEL: 'silent', KNOCKON_SHUTDOWN: '1s' },
    }),
  );
});

afterAll(async () => {
  await served.stop();
  await database.close();
  rmSync(folder, { recursive: true });
});

// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of a body
async function call(key: string, method: string, path: string, body?: object): Promise<any> {
  const headers = {
    authorization: `Bearer ${key}`,
    ...(body && { 'content-type': 'application/json' }),
  };
  const given = { method, headers, body: body && JSON.stringify(body) };
  return await (await fetch(`${served.url}${path}`, given)).json();
}

const workspace = async () =>
  (await call(OPERATOR, 'POST', '/v1/workspaces', { name: 'Acme' })) as {
    id: string;
    api_key: string;
  };

/** Hands on what it is sent, but for the answer to one message: then it calls `onStored`. */
async function startDeafProxy(nth: number, onStored: () => void): Promise<Server> {
  let posted = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const isMessage = request.method === 'POST' && request.url!.endsWith('/messages');
    const { authorization, 'idempotency-key': once } = request.headers;
    const answer = await fetch(`${served.url}${request.url}`, {
      method: request.method,
      headers: {
        authorization: authorization!,
        ...(once && { 'idempotency-key': String(once) }),
        ...(chunks.length > 0 && { 'content-type': 'application/json' }),
      },
      body: chunks.length > 0 ? Buffer.concat(chunks) : undefined,
    });
    const text = await answer.text();
    if (isMessage) posted += 1;
    if (isMessage && posted === nth) return onStored();
    response
      .writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
      .end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const words = (
  file: string,
  { options = [] }: Log,
  key: string,
  url = `${served.url}`,
): string[] => [
  ...['import', file, '--channel', 'general', ...options],
  ...['--api-url', url, '--api-key', key, '--json'],
];

/** Imports in a process that is killed when its second message is stored and not answered yet. */
async function importKilled(file: string, log: Log, key: string): Promise<void> {
  let kill = () => {};
  const proxy = await startDeafProxy(2, () => kill());
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const command = ['--import', tsx, main, ...words(file, log, key, url)];
  const child = spawn(process.execPath, command, { stdio: 'ignore' });
  kill = () => void child.kill('SIGKILL');
  const [, signal] = await once(child, 'exit');
  proxy.closeAllConnections();
  proxy.close();
  expect(signal).toBe('SIGKILL');
}

async function importWhole(file: string, log: Log, key: string) {
  const { out, exitCode } = await runCommand(words(file, log, key));
  expect(exitCode).toBe(0);
  const { posted, already_there } = JSON.parse(out);
  return { posted, already_there };
}

/** What an import has made of a workspace, but for ids. */
async function madeOf({ id, api_key: key }: { id: string; api_key: string }) {
  const events = await database.database.pg`
    select id, type, workspace_id, channel_id, message_id, payload from knockon.events
    where workspace_id = ${id}`;
  for (const effect of [search(), analytics()])
    await deliver(database.database, effect, events as never);
  const { data: channels } = await call(key, 'GET', '/v1/channels');
  const path = `/v1/channels/${channels[0].id}/messages?after_seq=0`;
  const { data: messages } = await call(key, 'GET', path);
  const found: Record<string, string[]> = {};
  for (const q of ['coupon', '京都', 'waves or bye', 'from:ada', 'café', 'before:2017-01-03'])
    found[q] = (await call(key, 'GET', `/v1/search?q=${encodeURIComponent(q)}`)).data.map(
      (hit: { highlight: string }) => hit.highlight,
    );
  const counts: unknown[] = [];
  for (const more of ['bucket=hour', 'tz=Asia/Tokyo'])
    for (const row of (await call(key, 'GET', `/v1/analytics/messages?${more}`)).data)
      counts.push({ ...row, channel_id: undefined });
  const said = messages.map(
    ({ seq, author, text, sent_at, metadata }: Record<string, unknown>) => ({
      ...{ seq, author, text, sent_at, metadata },
    }),
  );
  return { channels: channels.length, said, found, counts };
}

test.each(Object.entries(logs))(
  '%s: an import that is killed and repeated comes to what an undisturbed one comes to',
  async (layout, log) => {
    const file = join(folder, layout, log.file);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, log.content);
    const [calm, disturbed] = await Promise.all([workspace(), workspace()]);
    const first = await importWhole(file, log, calm.api_key);
    expect(first).toEqual({ posted: first.posted, already_there: 0 });
    expect(first.posted).toBeGreaterThanOrEqual(4);
    await importKilled(file, log, disturbed.api_key);
    expect(await importWhole(file, log, disturbed.api_key)).toEqual({
      posted: first.posted - 2,
      already_there: 2,
    });
    for (const { api_key: key } of [disturbed, calm])
      expect(await importWhole(file, log, key)).toEqual({ posted: 0, already_there: first.posted });
    const right = await madeOf(calm);
    expect(right.said).toHaveLength(first.posted);
    expect(Object.values(right.found).flat().length).toBeGreaterThan(0);
    expect(right.counts.length).toBeGreaterThan(0);
    expect(await madeOf(disturbed)).toEqual(right);
  },
);
