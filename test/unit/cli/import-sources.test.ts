import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readMapping } from '../../../src/cli/chat-log/mapping.ts';
import { runImport } from '../../../src/cli/import/import.ts';
import type { ImportOptions } from '../../../src/cli/import/options.ts';
import type { Summary } from '../../../src/cli/import/summary.ts';
import { CommandError } from '../../../src/cli/terminal/output.ts';
import { type StandIn, startStandIn } from '../../harness/api-stand-in.ts';
import { aTerminal } from '../../harness/recording-terminal.ts';

let api: StandIn;
let folder: string;

beforeEach(async () => {
  api = await startStandIn();
  folder = mkdtempSync(join(tmpdir(), 'knockon-sources-'));
});

afterEach(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

function write(files: Record<string, string | Uint8Array>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

async function run(name: string, options: Partial<ImportOptions> = {}, stdin = Readable.from([])) {
  const terminal = aTerminal();
  const address = { apiUrl: api.url, apiKey: api.key, patience: 0, json: true };
  const given = { channel: 'general', ...address, ...options };
  const file = name === '-' ? '-' : join(folder, name);
  const exitCode = await runImport(file, given, {
    terminal,
    signal: new AbortController().signal,
    stdin,
  });
  const told = terminal.said.join('\n');
  const summary = (given.json ? JSON.parse(told) : {}) as Summary;
  return { exitCode, summary, told, err: terminal.complained.join('\n') };
}

const said = () => api.messages.map(({ author, text }) => `${author}: ${text}`);

const users = JSON.stringify([
  { id: 'U1', name: 'ada', profile: { display_name: 'Ada L.' } },
  { id: 'U2', real_name: 'Bob', profile: {} },
]);
const day = (...messages: object[]) =>
  JSON.stringify(messages.map((message) => ({ type: 'message', ...message })));
const firstDay = day(
  { user: 'U1', text: 'hello <@U2|bob> &amp; <!here>', ts: '1355517523.000005' },
  { user: 'U2', subtype: 'channel_join', text: '<@U2> has joined', ts: '1355517523.500000' },
  {
    user: 'U2',
    text: 'see <https://example.com/?a=1&amp;b=2|this> &lt;3 in <#C1|random>',
    ts: '1355517524.000006',
    thread_ts: '1355517523.000005',
  },
  { subtype: 'me_message', user: 'U1', text: 'waves', ts: '1355517525.000000' },
);
const secondDay = day(
  {
    user: 'U9',
    user_profile: { name: 'eve' },
    text: 'edited',
    ts: '1355603923.000001',
    edited: { ts: '1355603999.000000' },
  },
  {
    subtype: 'bot_message',
    username: 'deploy',
    text: '',
    attachments: [{ fallback: 'it went out' }],
    ts: '1355603924.000001',
  },
  { user: 'U1', text: '', files: [{ name: 'plan.pdf' }], ts: '1355603925.000001' },
  {
    user: 'U1',
    text: '',
    blocks: [
      {
        type: 'rich_text',
        elements: [
          {
            type: 'rich_text_section',
            elements: [
              { type: 'text', text: 'only <blocks> & ' },
              { type: 'user', user_id: 'U2' },
              { type: 'link', url: 'https://example.com/' },
            ],
          },
        ],
      },
    ],
    ts: '1355603927.000001',
  },
  {
    subtype: 'file_comment',
    comment: { user: 'U1', comment: 'nice' },
    text: '<@U1> commented',
    ts: '1355603928.000001',
  },
  {
    subtype: 'file_share',
    user: 'U1',
    file: { name: 'old.png' },
    text: 'x',
    ts: '1355603929.000001',
  },
  { subtype: 'tombstone', user: 'U1', text: 'This message was deleted.', ts: '1355603926.000001' },
);
const right = [
  'ada: hello @Bob & @here',
  'Bob: see this (https://example.com/?a=1&b=2) <3 in #random',
  'ada: waves',
  'eve: edited',
  'deploy: it went out',
  'ada: [file: plan.pdf]',
  'ada: only <blocks> & @Bobhttps://example.com/',
  'ada: nice',
  'ada: x\n[file: old.png]',
];
const slack = {
  'users.json': users,
  'channels.json': '[]',
  'general/2012-12-14.json': firstDay,
  'general/2012-12-15.json': secondDay,
  'random/2012-12-14.json': day({ user: 'U1', text: 'elsewhere', ts: '1355517600.000001' }),
};
const zip = (files: Record<string, string>) =>
  zipSync(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, strToU8(text)])));

test("Slack's export: a folder, a conversation of it, the file of a day and a zip are the same messages", async () => {
  write(Object.fromEntries(Object.entries(slack).map(([name, text]) => [`export/${name}`, text])));
  write({ 'export.zip': zip(slack) });
  const first = await run('export');
  expect(first.summary).toMatchObject({
    format: 'slack',
    files: 2,
    posted: 9,
    actions: 1,
    skipped: { total: 2, reasons: { system: 1, deleted: 1 }, system: { join: 1 } },
  });
  expect(said()).toEqual(right);
  expect(api.messages[1]?.metadata).toMatchObject({
    slack: { ts: '1355517524.000006', thread_ts: '1355517523.000005' },
  });
  expect(api.messages[0]?.sent_at).toBe('2012-12-14T20:38:43.000Z');
  api.forgetKeys();
  for (const name of ['export/general', 'export/general/2012-12-14.json', 'export.zip'])
    expect((await run(name)).summary.posted, name).toBe(0);
});

test('without a channel each conversation goes into one of its own name; one can be chosen', async () => {
  write({ 'export.zip': zip(slack) });
  const { summary } = await run('export.zip', { channel: undefined });
  expect(summary).toMatchObject({
    posted: 10,
    channels: [{ name: 'general' }, { name: 'random' }],
  });
  await run('export.zip', { channel: 'copy', conversation: 'random' });
  expect(said().at(-1)).toBe('ada: elsewhere');
  const none = run('export.zip', { conversation: 'nowhere' });
  await expect(none).rejects.toThrow(/no conversation "nowhere".*general, random/s);
  const all = await run('export.zip', { channel: 'all', json: false });
  expect(all.err).toMatch(/All goes into all. It has 2 conversations: general, random/);
});

test("Slack's messages as JSON lines are read as Slack's, and again with names they stay what they are", async () => {
  const lines = `${JSON.parse(firstDay)
    .map((one: object) => JSON.stringify(one))
    .join('\n')}\n`;
  write({ 'alone/x.jsonl': lines, 'users.txt': users });
  expect((await run('alone/x.jsonl')).summary).toMatchObject({ format: 'slack', posted: 3 });
  expect(said()[0]).toBe('U1: hello @bob & @here');
  api.forgetKeys();
  const map = readMapping('author=.user,text=.text,sent_at=.ts');
  for (const options of [{ users: join(folder, 'users.txt') }, { map }])
    expect((await run('alone/x.jsonl', options)).summary).toMatchObject({ already_there: 3 });
});

test("what is attached to Slack's messages belongs to them, but not what it shows of links", async () => {
  const field = (title: string, value: string) => ({ title, value });
  const messages = [
    {
      text: 'deploy',
      attachments: [
        {
          pretext: 'see <@U2>',
          title: 'Build 7',
          text: 'failed',
          fields: [field('Branch', 'a&lt;b')],
        },
        { from_url: 'https://example.com/', title: 'Example', text: 'a page' },
      ],
    },
    { text: '', attachments: [{ fallback: 'f', fields: [field('Host', 'a1'), field('', 'up')] }] },
    {
      text: '',
      blocks: [{ type: 'section', fields: [{ type: 'mrkdwn', text: '*Host*' }, { text: 'a1' }] }],
    },
  ].map((one, n) => ({ ...one, user: 'U1', ts: `135551752${n}.000001` }));
  write({
    'users.json': JSON.stringify({ ok: true, members: JSON.parse(users) }),
    'a.json': day(...messages),
  });
  await run('a.json');
  expect(said()).toEqual([
    'ada: deploy\nsee @Bob\nBuild 7\nfailed\nBranch: a<b',
    'ada: Host: a1\nup',
    'ada: *Host*\na1',
  ]);
  write({ 'bad.json': '{"ok": false}' });
  await expect(run('a.json', { users: join(folder, 'bad.json') })).rejects.toThrow(
    /bad\.json can't be read as Slack's users\.json: it must be a list of users/,
  );
});

test("channels in Slack's messages are written out by the lists beside users.json", async () => {
  write({
    'x/users.json': users,
    'x/channels.json': '[{"id": "C1", "name": "general"}]',
    'x/groups.json': '[{"id": "G1", "name": "staff"}]',
    'x/general/a.json': day({
      user: 'U1',
      text: '<#C1|> <#C1> <#G1|> <#C9>',
      ts: '1355517523.000005',
    }),
  });
  await run('x');
  expect(said()).toEqual(['ada: #general #general #staff #C9']);
});

test('a file packed by gzip is read as what is in it, also from stdin', async () => {
  const log = '[10:00] <ada> hi\n';
  write({ 'a-2009-02-23.log.gz': gzipSync(log) });
  expect((await run('a-2009-02-23.log.gz')).summary.posted).toBe(1);
  const stdin = Readable.from([gzipSync(log)]);
  expect((await run('-', { date: '2009-02-23' }, stdin)).summary.already_there).toBe(1);
});

test('what is packed and cut off is read as far as it goes, and told', async () => {
  const whole = gzipSync(
    Array.from({ length: 5000 }, (_, n) => `{"author":"a","text":"${n * 7919}"}`).join('\n'),
  );
  write({ 'a.jsonl.gz': whole.subarray(0, whole.length - 500) });
  const { exitCode, summary } = await run('a.jsonl.gz', { dryRun: true });
  expect(exitCode).toBe(1);
  expect(summary.error).toMatch(/can't be unpacked.*damaged or cut off/);
  expect(summary.posted).toBeGreaterThan(1000);
});

test('what is packed, small and cut off is read as far as it goes, and not said to go on', async () => {
  const lines = Array.from({ length: 300 }, (_, n) => `{"author":"a","text":"${n * 7919}"}`);
  const whole = gzipSync(lines.join('\n'));
  write({
    'a.jsonl.gz': whole.subarray(0, whole.length - 100),
    'none.jsonl.gz': whole.subarray(0, 11),
    'a.json': `[${lines.slice(0, 5).join()}, {"auth`,
  });
  const { exitCode, summary } = await run('a.jsonl.gz');
  expect(exitCode).toBe(1);
  expect(summary.posted).toBeGreaterThan(100);
  const { err } = await run('a.jsonl.gz', { json: false });
  expect(err).toMatch(/Broke off after line \d+: It can't be unpacked further/);
  expect(err).not.toContain('Run the same command again');
  await expect(run('none.jsonl.gz')).rejects.toThrow(/^It can't be unpacked further/);
  expect((await run('a.json', { dryRun: true })).summary).toMatchObject({
    posted: 5,
    error: expect.stringMatching(/the JSON document is cut off/),
  });
});

test('a zip on stdin is refused, and not said to go on', async () => {
  const failed = run('-', {}, Readable.from([zip(slack)]));
  await expect(failed).rejects.toMatchObject({ exitCode: 2 });
  await expect(failed).rejects.toThrow(/^A zip can be read from a file, not from stdin/);
});

const packed = Buffer.from(zip(slack));
const localHeaders = [...packed.keys()].filter(
  (at) => packed.readUInt32LE(Math.min(at, packed.length - 4)) === 0x04034b50,
);

test.each([
  ...localHeaders.slice(1).map((at) => [`at the entry at ${at}`, at]),
  ['in the first entry', 100],
  ['in the middle of an entry', 300],
  ['at its directory', packed.indexOf('PK\x01\x02')],
  ['in its directory', packed.length - 60],
  ['in its last bytes', packed.length - 3],
] as [string, number][])('a zip that is cut off %s is not imported', async (_where, at) => {
  write({ 'cut.zip': packed.subarray(0, at) });
  const failed = run('cut.zip', { channel: undefined });
  await expect(failed).rejects.toMatchObject({ exitCode: 1 });
  await expect(failed).rejects.toThrow(/cut\.zip can't be unpacked: it is cut off/);
  expect(api.messages).toEqual([]);
});

const line = '[10:00] <ada> hello there, hello again\n';
const logs = { 'a-2009-02-23.log': line, 'b-2009-02-24.log': line };

/** A zip of two logs, with bytes in it changed. @param change gets the second log's local header */
function changed(level: 0 | 9, change: (zip: Buffer, local: number, listed: number) => void) {
  const files = Object.entries(logs).map(([name, text]) => [name, strToU8(text)] as const);
  const bytes = Buffer.from(zipSync(Object.fromEntries(files), { level }));
  change(bytes, bytes.lastIndexOf('PK\x03\x04'), bytes.lastIndexOf('PK\x01\x02'));
  return bytes;
}

const contentAt = (zip: Buffer, local: number) =>
  local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);

test.each([
  ['a flipped bit in what is not packed', 0, 12, 0x20],
  ['a flipped bit in what is deflated', 9, 12, 0x01],
  ['a broken block of what is deflated', 9, 0, 0x06],
] as const)('a zip with %s is not imported', async (_what, level, at, bit) => {
  const damaged = changed(level, (zip, local) => {
    zip[contentAt(zip, local) + at]! ^= bit;
  });
  write({ 'x.zip': damaged });
  const failed = run('x.zip');
  await expect(failed).rejects.toMatchObject({ exitCode: 1 });
  await expect(failed).rejects.toThrow(
    "x.zip can't be unpacked: b-2009-02-24.log in it is damaged. Fetch it again.",
  );
  expect(api.messages).toEqual([]);
});

const byMethod = (method: number) =>
  changed(9, (zip, local, listed) => {
    zip.writeUInt16LE(method, local + 8);
    zip.writeUInt16LE(method, listed + 10);
  });
const encrypted = changed(9, (zip, local, listed) => {
  zip[local + 6]! |= 1;
  zip[listed + 8]! |= 1;
});

test.each([
  ['an encrypted log', encrypted, /b-2009-02-24\.log in it is encrypted. Unpack it yourself/],
  ['a log packed by bzip2', byMethod(12), /b-2009-02-24\.log in it is packed by bzip2.*Unpack it/],
  ['a log packed by LZMA', byMethod(14), /packed by LZMA/],
  ['a log packed by what has no name', byMethod(77), /packed by method 77/],
  ['a zip within it', zip({ 'inner.zip': 'PK' }), /has no file in it that could be a chat log/],
  ['pictures alone', zip({ 'a.png': 'x', 'b/c.jpg': 'y' }), /has no file in it that could be/],
  ['nothing in it', zip({}), /has no file in it that could be a chat log/],
  [
    'a file that is a folder, too',
    zip({ a: line, 'a/b': line }),
    /a\/b in it is a file and a folder/,
  ],
  [
    'a name that is too long',
    zip({ [`${'a'.repeat(300)}.log`]: line }),
    /the name a+\.log in it is/,
  ],
  [
    "broken names of Slack's",
    zip({ ...slack, 'users.json': '{' }),
    /users\.json in .*x\.zip can't be read as Slack's users\.json/,
  ],
])('a zip with %s is told by its own name', async (what, bytes, message) => {
  write({ 'x.zip': bytes });
  const error = await run('x.zip').catch((failed: CommandError) => failed);
  expect(error).toBeInstanceOf(CommandError);
  const { exitCode, message: told } = error as CommandError;
  expect(exitCode).toBe(what.startsWith('broken') ? 2 : 1);
  expect(told).toMatch(message);
  expect(told).toContain(join(folder, 'x.zip'));
  expect(told).not.toContain('knockon-import-');
});

test('a log that was taken out of the directory of a zip is not read', async () => {
  const whole = changed(0, () => {});
  const [directory, listed] = [whole.indexOf('PK\x01\x02'), whole.lastIndexOf('PK\x01\x02')];
  const end = Buffer.from(whole.subarray(-22));
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(whole.length - 22 - listed, 12);
  write({
    'x.zip': Buffer.concat([whole.subarray(0, directory), whole.subarray(listed, -22), end]),
  });
  expect((await run('x.zip')).summary.posted).toBe(1);
  expect(api.messages[0]?.sent_at).toBe('2009-02-24T10:00:00.000Z');
});

test("a folder's files are read in the order of their names, and what is no log is told of", async () => {
  write({
    'logs/#c_20120922.log': '[00:00:01] <bob> b',
    'logs/#c_20120921.log': '[23:59:59] <ada> a',
    'logs/notes.md': 'Dear diary',
  });
  const { exitCode, summary } = await run('logs');
  expect(exitCode).toBe(0);
  expect(said()).toEqual(['ada: a', 'bob: b']);
  expect(api.messages[1]?.sent_at).toBe('2012-09-22T00:00:01.000Z');
  expect(summary.unread).toMatchObject([{ file: 'notes.md' }]);
});

const discord = {
  guild: { name: 'g', messages: 'no' },
  messages: [
    {
      id: '1',
      timestamp: '2021-03-04T12:34:56.789+00:00',
      content: 'hi "}]',
      author: { name: 'ada' },
    },
    { id: '2', timestamp: '2021-03-04T14:34:57+02:00', content: '', author: { name: 'bob' } },
    {
      id: '3',
      timestamp: '2021-03-04T12:34:58.1+00:00',
      content: 'you\\',
      author: { name: 'bob' },
    },
  ],
  messageCount: 3,
};
const map = 'author=.author.name,text=.content,sent_at=.timestamp';

test.each([
  ['pretty', JSON.stringify(discord, null, 2)],
  ['on one line', JSON.stringify(discord)],
  ['as a list', JSON.stringify(discord.messages, null, 2)],
  ['as lines', discord.messages.map((one) => JSON.stringify(one)).join('\n')],
])("Discord's export, %s, is read by a map", async (_name, text) => {
  write({ 'discord.json': text });
  const { summary } = await run('discord.json', { map: readMapping(map) });
  expect(summary).toMatchObject({ format: 'json', posted: 2, skipped: { reasons: { empty: 1 } } });
  expect(said()).toEqual(['ada: hi "}]', 'bob: you\\']);
  expect(api.messages[0]?.sent_at).toBe('2021-03-04T12:34:56.789Z');
});

test("Mattermost's export is read by a map, with the replies within a post", async () => {
  const post = (user: string, message: string, create_at: number, replies: object[] = []) => ({
    ...{ user, message, create_at, replies },
  });
  const lines = [
    { type: 'version', version: 1 },
    { type: 'user', user: { username: 'ada' } },
    { type: 'post', post: post('ada', 'hi', 1705320000000, [post('bob', 'hello', 1705320001000)]) },
  ];
  write({ 'mm.jsonl': lines.map((line) => JSON.stringify(line)).join('\n') });
  const paths = 'author=.post.user,text=.post.message,sent_at=.post.create_at';
  const { summary } = await run('mm.jsonl', { map: readMapping(`${paths},replies=.post.replies`) });
  expect(said()).toEqual(['ada: hi', 'bob: hello']);
  expect(summary.skipped.reasons).toEqual({ no_message: 2 });
  await expect(run('mm.jsonl')).rejects.toThrow(`perhaps: --map ${paths}`);
});

test.each([
  ['author=.a', /where author and text are/],
  ['author=.a,text=b', /b must be a path/],
  ['who=.a,text=.b', /"who=.a" must be one of author/],
])('the map %s is refused', (text, message) => {
  expect(() => readMapping(text)).toThrow(message);
});

test('JSON of another product is told with what was seen and what would fit', async () => {
  write({
    'discord.json': JSON.stringify(discord, null, 2),
    'other.json': '{"data": {"items": [{"a": 1}]}}\n',
  });
  const failed = run('discord.json');
  await expect(failed).rejects.toMatchObject({ exitCode: 1 });
  await expect(failed).rejects.toThrow(
    /seen: \.id \.timestamp \.content \.author\.name.*--map author=\.author\.name,text=\.content,sent_at=\.timestamp/s,
  );
  const map = readMapping('records=.data.messages,author=.a,text=.b');
  await expect(run('other.json', { map })).rejects.toThrow(
    /no list of objects at \.data\.messages/,
  );
});

test('a list at another key of a document of one line is seen, and its place is offered', async () => {
  const value = ['hi', 'hello'].map((content, n) => ({
    createdDateTime: `2021-03-04T12:34:5${n}Z`,
    body: { content },
    from: { user: { displayName: 'ada' } },
  }));
  write({ 'teams.json': JSON.stringify({ '@odata.count': 2, links: [{}], value }) });
  const paths =
    'records=.value,author=.from.user.displayName,text=.body.content,sent_at=.createdDateTime';
  await expect(run('teams.json')).rejects.toThrow(
    /seen, in a list at \.value: \.createdDateTime \.body\.content \.from\.user\.displayName/,
  );
  await expect(run('teams.json')).rejects.toThrow(`perhaps: --map ${paths}`);
  expect((await run('teams.json', { map: readMapping(paths) })).summary.posted).toBe(2);
});

test.each([
  [
    'a layout that is not listed',
    'Sep 21 13:58 ada | hi\nSep 21 13:59 bob | hello',
    /line 1: "Sep 21 13:58 ada | hi".*irssi/s,
  ],
  ['a table', 'time,author,text\n1,ada,hi\n2,bob,hello', /looks like a table/],
  ['a page', '<!DOCTYPE html>\n<html>', /HTML/],
])('%s is told with what was seen, and ends with 1', async (_name, text, message) => {
  write({ 'x.txt': text });
  const failed = run('x.txt');
  await expect(failed).rejects.toMatchObject({ exitCode: 1 });
  await expect(failed).rejects.toThrow(message);
  expect(api.channels).toEqual([]);
});

test.each([
  ['nothing in it', '', /is empty/],
  [
    'no line that is right',
    '[25:00] <ada> a\n[26:00] <ada> b',
    /line 1: .*a date or time that does not exist/s,
  ],
])('a log with %s ends with 1 and why', async (_name, text, message) => {
  write({ 'x-2009-02-23.log': text });
  const { exitCode, summary } = await run('x-2009-02-23.log');
  expect(exitCode).toBe(1);
  expect(summary.error).toMatch(message);
});

test('a day on which nobody spoke has been read', async () => {
  write({ 'x-2009-02-23.log': '[10:00:00] *** Joins: ada (a@b)\n' });
  expect(await run('x-2009-02-23.log')).toMatchObject({ exitCode: 0, summary: { posted: 0 } });
});

test('skipped lines are written whole to a file, with their reasons', async () => {
  write({ 'x-2009-02-23.log': '[10:00] <ada> hi\n=== bob has joined\n[10:01] ???é\n' });
  const skipped = join(folder, 'skipped.jsonl');
  const { exitCode, told } = await run('x-2009-02-23.log', { skipped, json: false });
  expect(exitCode).toBe(0);
  expect(
    readFileSync(skipped, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { file: 'x-2009-02-23.log', line: 2, reason: 'system', text: '=== bob has joined' },
    { file: 'x-2009-02-23.log', line: 3, reason: 'unrecognised', text: '[10:01] ???é' },
  ]);
  expect(told).toMatch(/2 {2}skipped\n.*1 {4}system: .*: 1 join\n.*1 {4}unrecognised/s);
});

test('skipped lines are not written over the log', async () => {
  write({ 'x-2009-02-23.log': '[10:00] <ada> hi\n' });
  const skipped = join(folder, 'x-2009-02-23.log');
  await expect(run('x-2009-02-23.log', { skipped })).rejects.toThrow(/is the log itself/);
  expect(readFileSync(skipped, 'utf8')).toBe('[10:00] <ada> hi\n');
});

test('a second run with another encoding or layout warns and does not double', async () => {
  const log = Buffer.concat([
    Buffer.from('[10:00] <ada> caf\xe9 ferm\xe9 \xe0 18h\n[10:01] <bob> d\xe9ploy OK\n', 'latin1'),
    Buffer.from('[10:01] <Zo\xeb> d\xe9j\xe0\n  et plus\xe9\n', 'latin1'),
    Buffer.from('[10:02] <ada> naïve\n'),
  ]);
  const name = 'latin1-2009-02-23.log';
  write({ [name]: log });
  expect((await run(name)).summary).toMatchObject({
    posted: 4,
    notes: { fallback_encoding: { count: 3 } },
  });
  api.forgetKeys();
  for (const options of [
    { encoding: 'koi8-r' },
    { encoding: 'shift_jis' },
    { format: 'znc' },
    { format: 'mirc', encoding: 'iso-8859-7' },
    { zone: 'Asia/Tokyo' },
  ])
    expect((await run(name, options)).summary).toMatchObject({ posted: 0, already_there: 4 });
  const { told } = await run(name, { encoding: 'koi8-r', json: false });
  expect(told).toMatch(/note: 3 already there, read in another encoding/);
  write({ [name]: Buffer.from(log.subarray(0, -8)).toString('latin1') });
  expect((await run(name)).summary).toMatchObject({ posted: 0 });
});

test('a log in ISO-2022-JP is the same whether its encoding is told or not', async () => {
  const line = (name: string) => `[10:00] <${name}> \x1b$B$*$O$h$&\x1b(B\n`;
  const log = line('ada') + line('\x1b$B$O$h\x1b(B');
  write({ 'x-2009-02-23.log': log });
  expect((await run('x-2009-02-23.log')).summary.posted).toBe(2);
  expect(said()).toEqual(['ada: おはよう', 'はよ: おはよう']);
  api.forgetKeys();
  const told = { encoding: 'iso-2022-jp' };
  expect((await run('x-2009-02-23.log', told)).summary).toMatchObject({
    posted: 0,
    already_there: 2,
    notes: {},
  });
});

test('nobody is notified, unless it is asked for', async () => {
  write({ 'x-2009-02-23.log': '[09:00] <bob> @ada look\n' });
  await run('x-2009-02-23.log');
  await run('x-2009-02-23.log', { channel: 'loud', notify: true });
  expect(api.messages.map((message) => (message as { notify?: boolean }).notify)).toEqual([
    false,
    true,
  ]);
});

test('a second run with --notify doubles nothing, and says that it notifies nobody', async () => {
  write({ 'x-2009-02-23.log': '[09:00] <bob> @ada look\n[09:01] <bob> @ada again\n' });
  api.troubles.push('none', 'lost answer');
  await run('x-2009-02-23.log');
  // What was posted while the log of events was read already: its key is all that is known of it.
  api.answers['GET /v1/events'] = { data: [], next_cursor: null };
  const { exitCode, told } = await run('x-2009-02-23.log', { notify: true, json: false });
  expect(exitCode).toBe(0);
  expect(told).toMatch(/0 {2}posted\n +2 {2}already there\n/);
  expect(told).toContain('note: 2 already there: nobody is notified of them');
  expect(api.messages).toHaveLength(2);
});

test('lines that two files of a folder have are posted once', async () => {
  const line = (minute: number) => `[10:0${minute}] <ada> line ${minute}\n`;
  write({
    'logs/a-2009-02-23.log': line(1) + line(2),
    'logs/b-2009-02-23.log': line(2) + line(3),
  });
  expect((await run('logs')).summary).toMatchObject({ posted: 3, already_there: 1 });
});
