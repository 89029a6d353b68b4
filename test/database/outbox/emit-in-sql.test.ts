import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel } from '../../harness/messaging.ts';

let test: TestDatabase;
let where: { workspaceId: string; channelId: string };

beforeAll(async () => {
  test = await freshDatabase();
  await test.database.pg`
    insert into knockon.event_types (name, version, schema, source) values
      ('invoice.paid', 1, '{"type": "object", "required": ["amount"]}', 'code'),
      ('invoice.sent', 1, '{"type": "object"}', 'code')`;
});
afterAll(() => test.close());

/** What emitting with these arguments throws. */
const refusal = async (args: string) => {
  const { workspaceId, channelId } = where;
  const text = args.replaceAll('$workspace', workspaceId).replaceAll('$channel', channelId);
  const error = await test.database.pg.unsafe(`select knockon.emit(${text})`).then(
    () => ({ code: 'none', message: '', detail: '', hint: '' }),
    (thrown) => thrown as { code: string; message: string; detail: string; hint: string },
  );
  return `${error.code} ${error.message} | ${error.detail} | ${error.hint}`;
};

describe('emit in SQL', () => {
  beforeAll(async () => {
    where = await aChannel(test.database);
  });

  it('stores the event with its place in the outbox, and notes that nobody has checked it', async () => {
    const { pg } = test.database;
    const [emitted] = await pg<{ id: string }[]>`
      select knockon.emit('invoice.paid', workspace => ${where.workspaceId},
        payload => '{"amount": 5}', key => 'invoice-42') as id`;
    const [event] = await pg`
      select e.type, e.version, e.key, e.seq, e.payload, e.channel_id, o.unchecked
      from knockon.events e join knockon.outbox o on o.event_id = e.id where e.id = ${emitted!.id}`;
    expect(event).toEqual({
      type: 'invoice.paid',
      version: 1,
      key: 'invoice-42',
      seq: '0',
      payload: { amount: 5 },
      channel_id: null,
      unchecked: true,
    });
  });

  it.each([
    [
      "'invoice.payed', '$workspace', '{}'",
      /^KN001 .*"invoice.payed" is not declared .*invoice.paid/,
    ],
    ["'Invoice', '$workspace', '{}'", /^KN002 .*malformed.*past participle/],
    ["null, '$workspace', '{}'", /^KN002 the event type null is malformed/],
    ["'invoice.paid', '$workspace', '[]'", /^KN002 .*no JSON object, but array/],
    ["'invoice.paid', '$workspace', null", /^KN002 .*no JSON object, but null/],
    ["'invoice.paid', payload => '{}'", /^KN003 the event names no workspace .*`workspace`/],
    ["'invoice.paid', '$workspace'", /^KN002 .*no JSON object, but null/],
    [`'invoice.paid', '${uuidv7()}', '{}'`, /^KN003 there is no workspace/],
    [
      "'invoice.paid', '$workspace', jsonb_build_object('t', repeat('x', 262137))",
      /^KN004 .*too large .*262145 bytes/,
    ],
    [
      `'invoice.paid', '$workspace', '{"items": [{"id": 9007199254740993}]}'`,
      /^KN002 .*exactly .*items\.0\.id is 9007199254740993/,
    ],
    [
      `'invoice.paid', '$workspace', '{"n": 1e400}'`,
      /^KN002 .*exactly .*n is 10{39}…\. JavaScript/,
    ],
    [
      "repeat('a', 150) || '.paid', '$workspace', '{}'",
      /^KN001 .*type "a{100}…" is not declared .*event_types\/a{150}\.paid\./,
    ],
    ["'invoice.paid', '$workspace', '{}', key => ''", /^KN002 the key is empty/],
    ["'invoice.paid', '$workspace', '{}', key => repeat('x', 201)", /^KN002 the key has 201/],
    ["'invoice.paid', '$workspace', '{}', key => E'a\\nb'", /^KN002 the key has control/],
    ["'invoice.paid', '$workspace', '{}', key => '$channel'", /^KN002 .*id of a channel/],
    [
      "'invoice.paid', '$workspace', '{}', key => 'k', channel => '$channel'",
      /^KN002 an event has a key or a channel, not both/,
    ],
    [`'invoice.paid', '$workspace', '{}', channel => '${uuidv7()}'`, /^KN003 there is no channel/],
    [`'invoice.paid', '$workspace', '{}', message => '${uuidv7()}'`, /^KN003 there is no message/],
    ["'invoice.paid', '$workspace', '{}', id => gen_random_uuid()", /^KN002 .*no UUIDv7/],
    [
      "'invoice.paid', '$workspace', '{}', id => '01900000-0000-7000-8000-000000000001'",
      /^KN002 .*last 24 hours/,
    ],
    [
      "'invoice.paid', '$workspace', '{}', version => 3",
      /^KN001 .*no version 3 .*Its versions are 1/,
    ],
    [
      "'invoice.paid', '$workspace', '{}', deliver_at => now() + interval '367 days'",
      /^KN002 .*more than a year ahead/,
    ],
  ])('refuses %s', async (args, why) => {
    expect(await refusal(args)).toMatch(why);
  });

  it('looks at the numbers of a payload with long names in moments, and tells where one is', async () => {
    const { pg } = test.database;
    const nested = (last: string) =>
      `${`{"${'k'.repeat(1400)}":`.repeat(90)}[${'0,'.repeat(60_000)}${last}]${'}'.repeat(90)}`;
    await pg.begin(async (tx) => {
      await tx`set local statement_timeout = '5s'`;
      const look = (last: string) =>
        tx`select knockon.is_storable(${nested(last)}::text::jsonb) as is_storable,
          knockon.inexact_number(${nested(last)}::text::jsonb) as inexact`;
      expect(await look('"1234567890123456"')).toEqual([{ is_storable: true, inexact: null }]);
      const [found] = await look('9007199254740993');
      expect(found).toEqual({
        is_storable: false,
        inexact: expect.stringMatching(/^k{200} is 9007199254740993$/),
      });
    });
  });
});
