import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  createMailer,
  type Mailer,
  notifications,
} from '../../../src/activities/notifications/index.ts';
import { machineTime } from '../../../src/activities/runtime/effect.ts';
import { members } from '../../../src/db/schema/messages.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { MailServer } from '../../harness/notifications-mail-server.ts';
import { ScriptedMailServer } from '../../harness/scripted-mail-server.ts';
import { type Conversation, startConversation } from './conversation.ts';

const HOUR = 3_600_000;
let fresh: TestDatabase;
let talk: Conversation;
let server: MailServer;
let mailer: Mailer;

beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh?.close());
beforeEach(async () => {
  talk = await startConversation(fresh.database);
  server = await MailServer.start();
  mailer = createMailer(server.url, 'Knock-on <notifications@knockon.example>');
});
afterEach(async () => {
  mailer.close();
  await server.stop();
});

async function perform(
  events: DomainEvent[],
  options: {
    graceMs?: number;
    target?: string;
    mailer?: Mailer | null;
    quota?: { mails: number; seconds: number };
  } = {},
) {
  const { graceMs = HOUR, quota } = options;
  const effect = notifications({
    mailer: options.mailer === undefined ? mailer : options.mailer,
    graceMs,
    quota,
  });
  if (!('perform' in effect)) throw new Error('notifications call the outside');
  const wanted = events.filter((event) => effect.on.includes(event.type));
  const call = {
    ...machineTime,
    db: fresh.database.db,
    target: options.target,
    signal: new AbortController().signal,
  };
  return (await effect.perform(wanted, call)) ?? [];
}

const join = (handle: string, rest: Partial<typeof members.$inferInsert> = {}) =>
  fresh.database.db
    .insert(members)
    .values({ workspace_id: talk.workspaceId, handle, email: `${handle}@example.com`, ...rest });

/** Whom an outcome is about: the notification, not the handle. */
async function targetOf(recipient: string): Promise<string> {
  const where = sql`workspace_id = ${talk.workspaceId} and recipient = ${recipient}`;
  const [row] = await fresh.database.db.execute<{ id: string }>(
    sql`select id from knockon.notifications where ${where} order by id desc limit 1`,
  );
  return row!.id;
}

/** Posts it and returns its event. */
async function posted(text: string, author = 'ada'): Promise<DomainEvent> {
  const { event_id } = await talk.post(text, { author });
  return (await talk.events()).find((event) => event.id === event_id)!;
}

/** The grace period passes: what was notified lies an hour further back. */
const anHourPasses = () =>
  fresh.database.db.execute(
    sql`update knockon.notifications set created_at = created_at - interval '1 hour' where workspace_id = ${talk.workspaceId}`,
  );

const change = (handle: string, values: Partial<typeof members.$inferInsert>) =>
  fresh.database.db
    .update(members)
    .set(values)
    .where(sql`workspace_id = ${talk.workspaceId} and handle = ${handle}`);

test('a mention that is still unread when the grace period is over is e-mailed, once', async () => {
  await join('bob', { display_name: 'Bob B.' });
  const event = await posted('hi @bob, coffee?');
  const [waiting, ...others] = await perform([event]);
  expect(others).toEqual([]);
  expect(waiting).toMatchObject({ event_id: event.id, state: 'later' });
  const rows = await fresh.database.db.execute<{ due: string }>(sql`
    select to_char((created_at + interval '1 hour') at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as due
    from knockon.notifications where message_id = ${event.message_id}`);
  expect(waiting).toHaveProperty('until', rows[0]!.due);
  expect(waiting).toMatchObject({ in_ms: expect.closeTo(HOUR, -4) });
  expect(server.mails).toEqual([]);

  await anHourPasses();
  expect(await perform([event])).toEqual([]);
  expect(server.mails).toHaveLength(1);
  const [mail] = server.mails;
  expect(mail!.to).toEqual(['bob@example.com']);
  expect(mail!.raw).toContain('Subject: ada mentioned you in #channel 0\r\n');
  expect(mail!.raw).toMatch(/^To: "?Bob B\."? <bob@example\.com>\r$/m);
  expect(mail!.raw).toMatch(/^From: "?Knock-on"? <notifications@knockon\.example>\r$/m);
  expect(mail!.raw).toContain('> hi @bob, coffee?');
  expect(mail!.raw).toContain('Auto-Submitted: auto-generated');

  expect(await perform([event])).toEqual([]);
  expect(server.mails).toHaveLength(1);
});

test('retries do not start the grace period again', async () => {
  await join('bob');
  const event = await posted('@bob');
  const [first] = await perform([event]);
  expect(await perform([event])).toMatchObject([
    { state: 'later', until: first?.state === 'later' && first.until },
  ]);
});

test('in a group events that wait and events without anybody to e-mail are told apart', async () => {
  await join('bob');
  await join('cid', { email: null });
  const events = [
    await posted('@bob'),
    await posted('@cid'),
    await posted('@stranger'),
    await posted('nobody'),
  ];
  expect(await perform(events)).toMatchObject([{ event_id: events[0]!.id, state: 'later' }]);
});

test.each<[string, (event: DomainEvent) => Promise<unknown>]>([
  [
    'who has read it',
    () =>
      fresh.database.db.execute(
        sql`update knockon.notifications set read_at = now() where workspace_id = ${talk.workspaceId}`,
      ),
  ],
  ['whose message was deleted', (event) => talk.remove(event.message_id!)],
  [
    'who is no longer mentioned',
    async (event) => {
      await talk.edit(event.message_id!, 'never mind');
      await perform((await talk.events()).filter(({ type }) => type === 'message.updated'));
    },
  ],
  [
    'who has left',
    () => fresh.database.db.delete(members).where(sql`workspace_id = ${talk.workspaceId}`),
  ],
  ['who wants no mails', () => change('bob', { emails: 'none' })],
  ['who has no address any more', () => change('bob', { email: null })],
])('nobody gets a mail %s in between', async (_who, happens) => {
  await join('bob');
  const event = await posted('@bob');
  expect(await perform([event])).toHaveLength(1);
  await happens(event);
  await anHourPasses();
  expect(await perform([event])).toEqual([]);
  expect(server.mails).toEqual([]);
});

test('without a mail server notifications are made and nothing is waited for', async () => {
  await join('bob');
  expect(await perform([await posted('@bob')], { mailer: null })).toEqual([]);
});

test('a recipient who is refused for the moment is retried alone, and one who is refused for good is dead', async () => {
  for (const handle of ['bob', 'busy', 'gone']) await join(handle);
  server.refuse = (address) => ({ 'busy@example.com': 451, 'gone@example.com': 550 })[address];
  const event = await posted('@bob @busy @gone');
  const outcomes = await perform([event], { graceMs: 0 });
  expect(outcomes).toHaveLength(2);
  expect(outcomes).toContainEqual({
    event_id: event.id,
    target: await targetOf('busy'),
    state: 'retry',
    cause: 'SMTP 451',
    reason: 'the mail was not taken (451 at RCPT TO)',
  });
  expect(outcomes).toContainEqual(
    expect.objectContaining({ target: await targetOf('gone'), state: 'dead', cause: 'SMTP 550' }),
  );
  expect(server.mails.map((mail) => mail.to)).toEqual([['bob@example.com']]);

  server.refuse = () => undefined;
  expect(await perform([event], { graceMs: 0, target: await targetOf('busy') })).toEqual([]);
  expect(server.mails.map((mail) => mail.to[0])).toEqual(['bob@example.com', 'busy@example.com']);
  expect(await perform([event], { graceMs: 0 })).toEqual([]);
  expect(server.mails.map((mail) => mail.to[0])).toEqual([
    'bob@example.com',
    'busy@example.com',
    'gone@example.com',
  ]);
});

test('a mail server that is away is tried again', async () => {
  await join('bob');
  const event = await posted('@bob');
  const away = createMailer('smtp://127.0.0.1:1', 'a@example.com');
  expect(await perform([event], { graceMs: 0, mailer: away })).toMatchObject([
    { target: await targetOf('bob'), state: 'retry', cause: 'SMTP unreachable' },
  ]);
  away.close();
  expect(await perform([event], { graceMs: 0, target: await targetOf('bob') })).toEqual([]);
  expect(server.mails).toHaveLength(1);
});

test('a refused login is ours to mend, and no fault of the recipient', async () => {
  await join('bob');
  const strict = await MailServer.start({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: (_auth, _session, done) =>
      done(Object.assign(new Error('who are you?'), { responseCode: 535 })),
  });
  const stranger = createMailer(strict.url.replace('//', '//user:wrong@'), 'a@example.com');
  const outcomes = await perform([await posted('@bob')], { graceMs: 0, mailer: stranger });
  expect(outcomes).toMatchObject([
    { target: await targetOf('bob'), state: 'retry', cause: 'SMTP login refused' },
  ]);
  stranger.close();
  await strict.stop();
});

test('who is mentioned is notified in the app at once while the mail server is silent', async () => {
  await join('bob');
  const silent = await ScriptedMailServer.start();
  silent.refuse('greeting', 'silence');
  const patient = createMailer(silent.url, 'a@example.com', { connectMs: 60_000, mailMs: 60_000 });
  const effect = notifications({ mailer: patient, graceMs: 0 });
  const call = {
    ...machineTime,
    db: fresh.database.db,
    target: undefined,
    signal: new AbortController().signal,
  };
  const answers: unknown[] = [];
  const perform = async (event: DomainEvent) => {
    if ('perform' in effect) answers.push(...((await effect.perform([event], call)) ?? []));
  };
  const calls: Promise<void>[] = [];
  for (let i = 0; i < 20; i += 1) calls.push(perform(await posted(`@bob ${i}`)));
  // Three calls wait for the server; the others are to come again.
  await expect.poll(() => answers).toHaveLength(17);
  expect(answers).toEqual(Array(17).fill(expect.objectContaining({ state: 'later' })));
  const rows = await fresh.database.db.execute(
    sql`select from knockon.notifications where workspace_id = ${talk.workspaceId}`,
  );
  expect(rows).toHaveLength(20);
  await silent.stop();
  patient.close();
  await Promise.all(calls);
});

test('a mail that waits for the server says why, in words that name nobody', async () => {
  await join('bob');
  const strict = await ScriptedMailServer.start();
  strict.refuse('MAIL FROM', '530 5.7.0 Must issue a STARTTLS command first, bob@example.com');
  const waiting = createMailer(strict.url, 'a@example.com');
  const event = await posted('@bob');
  expect(await perform([event], { graceMs: 0, mailer: waiting })).toMatchObject([
    { target: await targetOf('bob'), state: 'retry', cause: 'mail set-up refused' },
  ]);
  const [later] = await perform([event], { graceMs: 0, mailer: waiting });
  expect(later).toMatchObject({
    event_id: event.id,
    target: undefined,
    state: 'later',
    reason: expect.stringContaining('530 5.7.0 at MAIL FROM'),
  });
  expect(JSON.stringify(later)).not.toMatch(/bob|@/);
  waiting.close();
  await strict.stop();
});

test('a crash between sending and noting it repeats the same mail under the same Message-ID', async () => {
  await join('bob');
  const event = await posted('@bob');
  await perform([event], { graceMs: 0 });
  await fresh.database.db.execute(
    sql`update knockon.notifications set emailed_at = null where message_id = ${event.message_id}`,
  );
  await perform([event], { graceMs: 0 });
  const ids = server.mails.map(
    (mail) => /^Message-ID: (<\S+@knockon\.example>)\r$/m.exec(mail.raw)?.[1],
  );
  expect(ids).toHaveLength(2);
  expect(ids[0]).toBeDefined();
  expect(ids[0]).toBe(ids[1]);
});

test('names and texts can add no header, no recipient and no second mail', async () => {
  await join('bob', { display_name: 'Bob\r\nBcc: evil@example.com, "x" <evil@example.com>' });
  const event = await posted(
    '@bob\r\n.\r\nMAIL FROM:<evil@example.com>\r\n\u2028Bcc: evil@example.com',
    'ada\r\nBcc: evil@example.com',
  );
  expect(await perform([event], { graceMs: 0 })).toEqual([]);
  expect(server.asked).toEqual(['bob@example.com']);
  expect(server.mails).toHaveLength(1);
  const [headers] = server.mails[0]!.raw.split('\r\n\r\n');
  expect(headers).not.toMatch(/^Bcc:/im);
});

test('a long text is quoted in part, in its own script', async () => {
  await join('bob');
  await perform([await posted(`@bob ${'é🎉'.repeat(5000)}`, 'Żółć')], { graceMs: 0 });
  const { raw } = server.mails[0]!;
  expect(raw.length).toBeLessThan(10_000);
  expect(raw).toMatch(/^Subject: =\?UTF-8\?/m);
});

test('an edit that mentions somebody new starts a grace period of their own, and nobody gets two mails', async () => {
  await join('bob');
  await join('cid');
  const event = await posted('@bob');
  await perform([event]);
  await talk.edit(event.message_id!, '@bob @cid');
  const updated = (await talk.events()).filter(({ type }) => type === 'message.updated');
  expect(await perform(updated)).toMatchObject([{ event_id: updated[0]!.id, state: 'later' }]);
  await anHourPasses();
  await Promise.all([perform([event]), perform(updated)]);
  expect(server.mails.map((mail) => String(mail.to[0])).sort()).toEqual([
    'bob@example.com',
    'cid@example.com',
  ]);
});

const overQuota = async () => {
  const rows = await fresh.database.db.execute<{
    recipient: string;
    over: boolean;
    mailed: boolean;
  }>(sql`
    select recipient, email_over_quota_at is not null as over, emailed_at is not null as mailed from knockon.notifications
    where workspace_id = ${talk.workspaceId} order by recipient`);
  return Object.fromEntries(
    rows.map(({ recipient, over, mailed }) => [
      recipient,
      over ? 'over' : mailed ? 'mailed' : 'open',
    ]),
  );
};

test("of a message for many people as many mails are sent as the workspace's quota has, and the others are noted as over it", async () => {
  const people = Array.from({ length: 8 }, (_, i) => `p${i}`);
  for (const handle of people) await join(handle);
  const quota = { mails: 3, seconds: 3600 };
  const event = await posted(people.map((handle) => `@${handle}`).join(' '));
  const outcomes = await Promise.all([
    perform([event], { graceMs: 0, quota }),
    perform([event], { graceMs: 0, quota }),
  ]);
  expect(outcomes.flat()).toEqual([]);
  expect(new Set(server.mails.map((mail) => mail.to[0])).size).toBe(3);
  const states = Object.values(await overQuota()).sort();
  expect(states).toEqual([...Array(3).fill('mailed'), ...Array(5).fill('over')]);
  // Once it is noted it stays so, whatever the quota is later.
  expect(await perform([event], { graceMs: 0, quota: { mails: 100, seconds: 3600 } })).toEqual([]);
  expect(Object.values(await overQuota()).sort()).toEqual(states);
});

test("a quota is a workspace's own, begins anew when its time is over, and counts a mail once however often it is tried", async () => {
  for (const handle of ['bob', 'eve']) await join(handle);
  const quota = { mails: 1, seconds: 3600 };
  server.refuse = () => 451;
  const event = await posted('@bob');
  for (let i = 0; i < 3; i++)
    expect(await perform([event], { graceMs: 0, quota })).toMatchObject([{ state: 'retry' }]);
  server.refuse = () => undefined;
  expect(await perform([event], { graceMs: 0, quota })).toEqual([]);
  expect(await overQuota()).toEqual({ bob: 'mailed' });
  await perform([await posted('@eve')], { graceMs: 0, quota });
  expect(await overQuota()).toEqual({ bob: 'mailed', eve: 'over' });
  const first = talk;
  talk = await startConversation(fresh.database);
  await join('bob');
  await perform([await posted('@bob')], { graceMs: 0, quota });
  expect(await overQuota()).toEqual({ bob: 'mailed' });
  talk = first;
  await fresh.database.db.execute(
    sql`update knockon.mail_quotas set began_at = began_at - interval '1 hour'`,
  );
  await join('zoe');
  await perform([await posted('@zoe')], { graceMs: 0, quota });
  expect(await overQuota()).toEqual({
    bob: 'mailed',
    eve: 'over',
    zoe: 'mailed',
  });
});

test('a person gets one mail of a message, whatever is edited in and out', async () => {
  await join('bob');
  const { id } = await talk.post('@bob');
  const handled = async () => await perform(await talk.events(), { graceMs: 0 });
  await handled();
  for (const text of ['nobody', '@bob again', 'nobody', '@bob at last']) {
    await talk.edit(id, text);
    await handled();
  }
  expect(server.mails).toHaveLength(1);
});

test('a mention that was edited out and in before its mail is mailed once', async () => {
  await join('bob');
  const { id } = await talk.post('@bob');
  for (const text of ['nobody', '@bob']) {
    await perform(await talk.events());
    await talk.edit(id, text);
  }
  await perform(await talk.events());
  await anHourPasses();
  await perform(await talk.events());
  expect(server.mails).toHaveLength(1);
});

test('colours, zero-width characters and marks that turn the direction are in no mail', async () => {
  await join('bob', { display_name: 'B\u202eob' });
  const event = await posted(
    '@bob \u000304,05red\u0003 \u001b[31mansi\u001b[0m zero\u200bwidth \u202eturned',
    'a\u200bda',
  );
  expect(await perform([event], { graceMs: 0 })).toEqual([]);
  const { raw } = server.mails[0]!;
  expect(raw).toContain('> @bob red ansi zerowidth turned');
  expect(raw).toContain('Subject: ada mentioned you in #channel 0\r\n');
  expect(raw).toMatch(/^To: Bob <bob@example\.com>\r$/m);
});

test('a name that is written from right to left turns nothing round that is beside it', async () => {
  await join('bob');
  const event = await posted('@bob שלום', 'د\u202eعادل');
  expect(await perform([event], { graceMs: 0 })).toEqual([]);
  const { raw } = server.mails[0]!;
  const subject = decoded(/^Subject: ((?:.|\r\n )*)\r$/m.exec(raw)![1]!);
  expect(subject).toBe('\u2068دعادل\u2069 mentioned you in #channel 0');
});

/** A header that is written in words of RFC 2047. */
const decoded = (header: string): string =>
  header
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?(b|q)\?(.*?)\?=/gi, (_, kind: string, text: string) =>
      /b/i.test(kind)
        ? Buffer.from(text, 'base64').toString()
        : decodeURIComponent(text.replaceAll('_', ' ').replace(/=([\dA-F]{2})/g, '%$1')),
    );
