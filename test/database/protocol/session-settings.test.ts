import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventReader } from '../../../src/activities/runtime/event-reader.ts';
import { aChannel } from '../../harness/messaging.ts';
import { ProtocolFixture, refusal } from './fixture.ts';

/** What a session, a role or a database may have set, and what has another meaning with it. */
const settings = [
  'standard_conforming_strings = off',
  'standard_conforming_strings = off; set backslash_quote = off; set escape_string_warning = on',
  'array_nulls = off',
  'quote_all_identifiers = on',
  'extra_float_digits = -15',
  "bytea_output = 'escape'",
  "intervalstyle = 'sql_standard'",
  "datestyle = 'SQL, DMY'",
  "datestyle = 'German'",
  "timezone = 'Asia/Kathmandu'",
  "default_transaction_isolation = 'repeatable read'",
  "default_transaction_isolation = 'serializable'",
  'transform_null_equals = on',
  'xmloption = document',
  "lc_numeric = 'C'; set lc_monetary = 'C'; set lc_time = 'C'; set lc_messages = 'C'",
  "search_path = ''",
  'search_path = shadow, pg_catalog',
  "client_encoding = 'LATIN1'",
  'session_replication_role = replica',
  'plan_cache_mode = force_generic_plan',
  'plan_cache_mode = force_custom_plan',
  'row_security = off',
  'statement_timeout = 20000',
  'check_function_bodies = off',
  "default_text_search_config = 'pg_catalog.german'",
];

let protocol: ProtocolFixture;
let workspaceId: string;
beforeAll(async () => {
  protocol = await ProtocolFixture.open();
  ({ workspaceId } = await aChannel(protocol.test.database));
  await protocol.pg`
    insert into knockon.event_types (name, version, schema, source) values
      ('invoice.paid', 1, '{"type": "object"}', 'code')`;
  await protocol.pg.unsafe(`create schema shadow; grant usage on schema shadow to public;
    create function shadow.length(text) returns int language sql as 'select 0';
    create function shadow.format(text, text) returns text language sql as $$ select 'shadow' $$`);
});
afterAll(() => protocol.test.close());

/** Only without the spaces that Postgres writes it is small enough. */
const payload = JSON.stringify({
  note: 'say "a: b, c" \\ ',
  amount: 0.1 + 0.2,
  list: Array.from({ length: 90_000 }, () => 1),
});

describe.each(settings)('a session with %s', (setting) => {
  const notices: unknown[] = [];
  let session: Sql;
  beforeAll(async () => {
    const onnotice = (notice: unknown) => void notices.push(notice);
    session = postgres(protocol.test.url, { max: 1, fetch_types: false, onnotice });
    await session.unsafe(`set ${setting}`);
    notices.length = 0;
  });
  afterAll(() => session.end());

  const many = async (event: object) => {
    const events = JSON.stringify([{ type: 'invoice.paid', workspace: workspaceId, ...event }]);
    const [row] = await session`select knockon.emit_many(${events}::text::jsonb) as id`;
    return row!['id'] as string;
  };

  it('emits, refuses and cancels as any other', async () => {
    const deliver_at = new Date(Date.now() + 3_600_000).toISOString();
    for (let time = 0; time < 7; time += 1) await many({ payload: { time }, key: 'invoice-42' });
    const later = await many({ payload: {}, key: 'invoice \\ 43', deliver_at });
    const [scheduled] = await protocol.pg`
      select deliver_at, key from knockon.scheduled where id = ${later}`;
    expect(scheduled).toEqual({ deliver_at: new Date(deliver_at), key: 'invoice \\ 43' });
    const [{ done } = {}] = await session`select knockon.cancel(${later}) as done`;
    expect(done).toBe(true);
    expect(await refusal(many({ payload: {}, deliver_at: 'dddd-dd-ddTdd:dd:ddZ' }))).toMatch(
      /^KN002 .*`deliver_at` is no moment/,
    );
    expect(await refusal(many({ payload: {}, key: 'a\u0001' }))).toMatch(/control characters/);
    expect(await refusal(many({ payload: {}, type: 'invoice-paid' }))).toMatch(/malformed/);
    expect(await refusal(many({ payload: { n: 2 ** 53 }, id: '' }))).toMatch(/^KN002 /);
    expect(notices).toEqual([]);
  });

  it('registers a subscriber, and has its calls', async () => {
    const registration = JSON.stringify({ name: 'theirs', event_types: ['invoice.*', '*'] });
    await session`select knockon.register_subscriber(${registration}::text::jsonb)`;
    const wrong = JSON.stringify({ name: 'theirs', event_types: ['*nvoice.paid'] });
    expect(
      await refusal(
        session`select knockon.register_subscriber(${wrong}::text::jsonb)`.then(() => {}),
      ),
    ).toMatch(/`event_types`/);
    await protocol.pg`delete from knockon.outbox`;
    const call = await protocol.aCall('theirs', 2);
    const json = JSON.stringify(call);
    const { events } = await new EventReader(protocol.test.database.db).read(call);
    const rows = await session`select knockon.open_events(${json}::text::jsonb) as event`;
    expect(rows.map(({ event }) => event)).toEqual(events);
    const answer = JSON.stringify({
      done: 0,
      open: [{ event_id: events[0]!.id, state: 'retry', reason: 'a \\ b' }],
    });
    await session`select knockon.report(${json}::text::jsonb, ${answer}::text::jsonb)`;
    const ids = `{${events.map(({ id }) => id).join(',')}}`;
    const done = await session`
      select knockon.complete(${json}::text::jsonb, ${ids}::text::uuid[]) as id`;
    expect(done.map(({ id }) => id).sort()).toEqual(events.map(({ id }) => id).sort());
    expect(notices).toEqual([]);
  });
});

it.each(settings.filter((setting) => /strings|digits/.test(setting)))(
  'a session with %s emits what is large as it is',
  async (setting) => {
    const session = postgres(protocol.test.url, { max: 1 });
    await session.unsafe(`set ${setting}`);
    const [large] = await session`
      select knockon.emit('invoice.paid', ${workspaceId}::uuid, ${payload}::text::jsonb) as id`;
    await session.end();
    const [kept] = await protocol.pg`
      select payload = ${payload}::text::jsonb as same from knockon.events where id = ${large!['id']}`;
    expect(kept).toEqual({ same: true });
  },
);

it('no function has a backslash in a literal that a setting reads in another way', async () => {
  const functions = await protocol.pg<{ name: string; body: string }[]>`
    select oid::regprocedure as name, prosrc as body from pg_proc
    where pronamespace = 'knockon'::regnamespace`;
  expect(functions.length).toBeGreaterThan(40);
  const unmarked = functions.filter(({ body }) => body.replace(/\bE'[^']*'/g, '').includes('\\'));
  expect(unmarked.map(({ name }) => name)).toEqual([]);
});
