import type { PgBoss } from 'pg-boss';
import pino from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditKey } from '../../../src/activities/audit/hash.ts';
import { audit } from '../../../src/activities/audit/index.ts';
import { verifyAudit } from '../../../src/activities/audit/verify.ts';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { createHeavy } from '../../../src/db/heavy/heavy.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { events as eventRows } from '../../../src/db/schema/events.ts';
import { databaseTime } from '../../../src/db/server.ts';
import { emit } from '../../../src/outbox/emit.ts';
import { createBoss } from '../../../src/transport/pg-boss/boss.ts';
import { emptyDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { aChannel } from '../../harness/messaging.ts';
import { isPgbouncerInstalled, startPgbouncer } from '../../harness/pgbouncer.ts';
import { OPERATOR, request, useApi } from '../api/test-api.ts';
import { deliver } from '../effects/conversation.ts';

/** What a database or a role may be set to, other than Knock-on reads and writes values. */
const OTHERWISE = {
  array_nulls: 'off',
  backslash_quote: 'off',
  bytea_output: 'escape',
  client_encoding: 'LATIN1',
  DateStyle: 'SQL, DMY',
  default_transaction_deferrable: 'on',
  default_transaction_isolation: 'serializable',
  extra_float_digits: '-10',
  IntervalStyle: 'sql_standard',
  quote_all_identifiers: 'on',
  standard_conforming_strings: 'off',
  TimeZone: 'America/St_Johns',
  xmlbinary: 'hex',
};

const key = auditKey('a secret of thirty-two characters');
const SENT = '2026-12-01T02:03:04.567Z';
const api = useApi();

async function databaseSetOtherwise(): Promise<string> {
  const url = await emptyDatabase();
  const name = new URL(url).pathname.slice(1);
  const admin = postgres(url, { max: 1 });
  for (const [setting, value] of Object.entries(OTHERWISE))
    await admin.unsafe(`alter database ${name} set ${setting} to '${value}'`);
  await admin.end();
  return url;
}

const ways = isPgbouncerInstalled ? ['directly', 'by way of a pooler'] : ['directly'];

describe.each(ways)('on a database that is set to write values otherwise, %s', (way) => {
  let direct: string;
  let url: string;
  let database: Database;
  let stopPooler: () => Promise<void> = async () => {};
  let app: ReturnType<typeof api.another>;
  beforeAll(async () => {
    direct = await databaseSetOtherwise();
    url = direct;
    if (way !== 'directly') ({ url, stop: stopPooler } = await startPgbouncer(direct, 3));
    await migrate(url);
    database = connectDatabase(url);
    const verified = verifyAudit({ heavy: createHeavy(database), key });
    app = api.another({ database, verifyAudit: verified });
  });
  afterAll(async () => {
    await database?.close();
    await stopPooler();
  });

  async function aWorkspace() {
    const made = await request(app, 'POST', '/v1/workspaces', {
      key: OPERATOR,
      body: { name: 'Acme' },
    });
    const call = async (method: string, path: string, body?: unknown) =>
      (await request(app, method, path, { key: made.body.api_key, body })).body;
    const channel = await call('POST', '/v1/channels', { name: 'général \\ 100 %' });
    const posted = await call('POST', `/v1/channels/${channel.id}/messages`, {
      author: 'ada',
      text: "it's a \\ — ☃",
      sent_at: SENT,
    });
    return { call, channel, posted };
  }

  it('messages and events have their own texts and moments', async () => {
    const { call, channel, posted } = await aWorkspace();
    const before = Date.now();
    const { data: messages } = await call('GET', `/v1/channels/${channel.id}/messages`);
    expect(messages).toEqual([
      expect.objectContaining({ id: posted.id, sent_at: SENT, text: "it's a \\ — ☃" }),
    ]);
    const { data: events } = await call('GET', '/v1/events');
    expect(events.map((event: { type: string }) => event.type).sort()).toEqual([
      'channel.created',
      'message.created',
    ]);
    for (const { timestamp } of events)
      expect(Math.abs(Date.parse(timestamp) - before)).toBeLessThan(60_000);
  });

  it('an audit chain has its hashes, and is valid', async () => {
    const { call, channel } = await aWorkspace();
    await call('PATCH', `/v1/channels/${channel.id}`, { name: 'other' });
    const rows = await database.db.select().from(eventRows);
    const events = rows
      .filter(({ channel_id }) => channel_id === channel.id)
      .map((row) => ({ ...row, timestamp: row.timestamp.toISOString() }));
    expect(events.length).toBeGreaterThan(1);
    for (const event of events) await deliver(database, audit({ key }), [event]);
    const { data } = await call('GET', '/v1/audit');
    expect(data).toHaveLength(events.length);
    const sha = expect.stringMatching(/^[0-9a-f]{64}$/);
    for (const entry of data) expect(entry).toMatchObject({ digest: sha, hash: sha });
    expect(await call('GET', '/v1/audit/verify')).toMatchObject({
      valid: true,
      entries: events.length,
    });
  });

  it('an endpoint is made, found and given a new secret', async () => {
    const { call } = await aWorkspace();
    const made = await call('POST', '/v1/endpoints', {
      url: 'https://example.com/hook',
      event_types: ['*'],
    });
    expect(made.secret).toMatch(/^whsec_/);
    const { data } = await call('GET', '/v1/endpoints');
    expect(data).toEqual([expect.objectContaining({ id: made.id, created_at: made.created_at })]);
    expect(Math.abs(Date.parse(made.created_at) - Date.now())).toBeLessThan(60_000);
    const rotated = await call('POST', `/v1/endpoints/${made.id}/rotate_secret`, {});
    expect(rotated.secret).toMatch(/^whsec_/);
  });

  it('clocks, numbers, arrays and transactions are as usual', async () => {
    expect(Math.abs((await databaseTime(database.pg)) - Date.now())).toBeLessThan(2000);
    const [row] = await database.pg`select 123456789.123456::float8 as float, '\\x00ff'::bytea as
      bytes, '2026-12-01 02:03:04.567+00'::timestamptz as moment, ${[null, 1]}::float8[] as list,
      current_setting('transaction_isolation') as isolation`;
    expect(row).toEqual({
      float: 123456789.123456,
      bytes: Buffer.from([0, 255]),
      moment: new Date(SENT),
      list: [null, 1],
      isolation: 'read committed',
    });
    const isolation = await database.pg.begin(
      (tx) => tx`select current_setting('transaction_isolation') as isolation`,
    );
    expect(isolation).toEqual([{ isolation: 'read committed' }]);
  });

  it('pg-boss starts, and a job has its moments', async () => {
    const boss: PgBoss = createBoss({ url, name: 'test', log: pino({ level: 'silent' }) });
    await boss.start();
    await boss.createQueue('jobs');
    await boss.send('jobs', { text: 'a \\' });
    const [job] = await boss.fetch('jobs', { includeMetadata: true });
    expect(job).toMatchObject({ data: { text: 'a \\' }, createdOn: expect.any(Date) });
    expect(Math.abs(job!.createdOn.getTime() - Date.now())).toBeLessThan(60_000);
    await boss.stop({ graceful: false });
  });

  it("an event that is emitted by an application's own connection has its moment", async () => {
    const { workspaceId } = await aChannel(database);
    const own = postgres(direct, { max: 1, onnotice: () => {} });
    await declareTypes(database, ['invoice.paid']);
    const payload = { amount: 5, rate: 0.1234567890123456 };
    const deliverAt = new Date(Date.now() + 3_600_000);
    const event = { type: 'invoice.paid', workspaceId, payload, key: 'a', deliverAt };
    const emitted = await own.begin((tx) => emit(tx, event));
    await own.end();
    expect(Math.abs(Date.parse(emitted.timestamp) - Date.now())).toBeLessThan(60_000);
    expect(emitted.deliver_at).toBe(deliverAt.toISOString());
  });
});
