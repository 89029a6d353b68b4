import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditKey, digestOf } from '../../../src/activities/audit/hash.ts';
import { audit } from '../../../src/activities/audit/index.ts';
import { verifyAudit } from '../../../src/activities/audit/verify.ts';
import { canonicalJson } from '../../../src/canonical-json.ts';
import { createHeavy } from '../../../src/db/heavy/heavy.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { freshDatabase } from '../../harness/database.ts';
import { type Conversation, deliver, startConversation } from './conversation.ts';

const key = auditKey('a secret of thirty-two characters');
const effect = audit({ key });

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
beforeAll(async () => {
  fresh = await freshDatabase();
  check = verifyAudit({ heavy: createHeavy(fresh.database), key });
});
afterAll(() => fresh?.close());

let check: ReturnType<typeof verifyAudit>;
const verify = (workspaceId: string, withKey?: Buffer) =>
  withKey
    ? verifyAudit({ heavy: createHeavy(fresh.database), key: withKey })(workspaceId)
    : check(workspaceId);

/** A workspace whose chain has six entries: its channel and five messages. */
async function recorded(): Promise<Conversation> {
  const talk = await startConversation(fresh.database);
  for (const text of ['one', 'two', 'three', 'four', 'five']) await talk.post(text);
  await deliver(fresh.database, effect, await talk.events());
  return talk;
}

test('every event has one entry, and an untouched chain is valid', async () => {
  const talk = await recorded();
  const verdict = await verify(talk.workspaceId);
  expect(verdict).toEqual({
    valid: true,
    entries: 6,
    head: expect.stringMatching(/^[0-9a-f]{64}$/),
    broken_at: null,
  });
});

test('a workspace in which nothing was recorded is valid and empty', async () => {
  const talk = await startConversation(fresh.database);
  expect(await verify(talk.workspaceId)).toEqual({
    valid: true,
    entries: 0,
    head: null,
    broken_at: null,
  });
});

test('an event that was recorded is not recorded again', async () => {
  const talk = await recorded();
  await deliver(fresh.database, effect, await talk.events());
  expect(await verify(talk.workspaceId)).toMatchObject({ valid: true, entries: 6 });
});

test('events of every type are recorded, with whatever JSON they carry', async () => {
  const talk = await startConversation(fresh.database);
  const { id } = await talk.post('ünï "quoted" \\ \n 😀 \u2028');
  await talk.edit(id, 'edited');
  await talk.remove(id);
  const deep = `${'['.repeat(5000)}1${']'.repeat(5000)}`;
  await fresh.database.db.execute(sql`
    insert into knockon.events (id, type, version, workspace_id, timestamp, payload) values
      (knockon.uuidv7(), 'note.added', 2, ${talk.workspaceId}, '2024-01-15T12:00:00.007Z', '{"10": 1, "9": 1e21, "__proto__": {"b": null, "a": -0.5}, "é": []}'),
      (knockon.uuidv7(), 'note.added', 1, ${talk.workspaceId}, now(), jsonb_build_object('deep', ${deep}::jsonb))`);
  await deliver(fresh.database, effect, await talk.events());
  expect(await verify(talk.workspaceId)).toMatchObject({
    valid: true,
    entries: 6,
    broken_at: null,
  });
});

test('within a group the events of a key are recorded in the order of their seqs, whatever their ids say', async () => {
  const { workspaceId, events } = await startConversation(fresh.database);
  await fresh.database.pg`
    with sequence as (
      insert into knockon.sequences (workspace_id, key, last_seq)
      values (${workspaceId}, 'invoice-42', 4) returning id
    )
    insert into knockon.events (id, type, version, workspace_id, sequence_id, key, seq, timestamp,
      payload)
    select knockon.uuid_at(now() - n * interval '1 second'), 'invoice.paid', 1, ${workspaceId},
      sequence.id, 'invoice-42', n, now(), '{}'
    from sequence, generate_series(0, 4) as n`;
  await deliver(fresh.database, effect, await events());
  const seqs = await fresh.database.pg`
    select e.seq::int from knockon.audit_entries a join knockon.events e on e.id = a.event_id
    where a.workspace_id = ${workspaceId} and e.key is not null order by a.position`;
  expect(seqs.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4]);
});

test('within a group a channel is recorded in the order of its log, whatever order the group came in', async () => {
  const talk = await startConversation(fresh.database, { channels: 2 });
  for (let i = 0; i < 20; i++) await talk.post(`text ${i}`, { channel: i % 2 });
  const events = await talk.events();
  await deliver(
    fresh.database,
    effect,
    events.sort((a, b) => (a.id.slice(-5) < b.id.slice(-5) ? -1 : 1)),
  );
  const rows = await fresh.database.db.execute<{ channel_id: string; seq: string }>(sql`
    select e.channel_id, e.seq from knockon.audit_entries a join knockon.events e on e.id = a.event_id where a.workspace_id = ${talk.workspaceId} order by a.position`);
  for (const channel of talk.channelIds) {
    const seqs = rows.filter((row) => row.channel_id === channel).map((row) => Number(row.seq));
    expect(seqs).toEqual(Array.from({ length: 11 }, (_, i) => i));
  }
});

test('groups at once, mixing workspaces, make one unbroken chain for each', async () => {
  const talks = await Promise.all([1, 2, 3].map(() => startConversation(fresh.database)));
  for (const talk of talks)
    await Promise.all(Array.from({ length: 100 }, (_, i) => talk.post(`text ${i}`)));
  const events = (await Promise.all(talks.map((talk) => talk.events())))
    .flat()
    .sort((a, b) => (a.id.slice(-5) < b.id.slice(-5) ? -1 : 1));
  const groups = Array.from({ length: 15 }, (_, i) => events.filter((_, n) => n % 15 === i));
  const checked: Promise<unknown>[] = [];
  const delivered = groups.map(async (group) => {
    await deliver(fresh.database, effect, group);
    checked.push(
      expect(verify(talks[0]!.workspaceId)).resolves.toMatchObject({
        valid: true,
        broken_at: null,
      }),
    );
  });
  await Promise.all(delivered);
  await Promise.all(checked);
  for (const talk of talks)
    expect(await verify(talk.workspaceId)).toMatchObject({ valid: true, entries: 101 });
});

test('a chain longer than a page is checked to its end', async () => {
  const talk = await startConversation(fresh.database);
  await Promise.all(Array.from({ length: 899 }, (_, i) => talk.post(`text ${i}`)));
  const events = await talk.events();
  for (let i = 0; i < events.length; i += 450)
    await deliver(fresh.database, effect, events.slice(i, i + 450));
  expect(await verify(talk.workspaceId)).toMatchObject({ valid: true, entries: 900 });
  await fresh.database.db.execute(
    sql`update knockon.audit_entries set event_type = 'message.read' where workspace_id = ${talk.workspaceId} and position = 751`,
  );
  expect(await verify(talk.workspaceId)).toMatchObject({
    valid: false,
    entries: 900,
    broken_at: { position: 751 },
  });
});

test('under another secret no chain is valid', async () => {
  const talk = await recorded();
  expect(await verify(talk.workspaceId, auditKey('another secret'))).toMatchObject({
    valid: false,
    broken_at: { position: 1 },
  });
});

describe('tampering breaks the chain, and the first broken place is named', () => {
  const entry = (position: number) =>
    sql`workspace_id = current_setting('test.workspace')::uuid and position = ${position}`;
  const eventAt = (position: number) =>
    sql`id = (select event_id from knockon.audit_entries where ${entry(position)})`;
  const mine = sql`workspace_id = current_setting('test.workspace')::uuid`;
  const cutTail = sql`delete from knockon.audit_entries where ${mine} and position > 4`;
  const setBack = sql`
    update knockon.audit_heads set entries = 4, head = (select hash from knockon.audit_entries where ${entry(4)}) where ${mine}`;

  test.each([
    [
      'an entry of which the type was changed',
      3,
      /changed after it was recorded/,
      [sql`update knockon.audit_entries set event_type = 'message.read' where ${entry(3)}`],
    ],
    [
      'an entry of which the time was changed',
      3,
      /changed after it was recorded/,
      [
        sql`update knockon.audit_entries set recorded_at = recorded_at - interval '1 day' where ${entry(3)}`,
      ],
    ],
    [
      'an entry of which the digest was changed',
      3,
      /changed after it was recorded/,
      [sql`update knockon.audit_entries set digest = sha256('x') where ${entry(3)}`],
    ],
    [
      'an entry of which the hash was changed',
      3,
      /changed after it was recorded/,
      [sql`update knockon.audit_entries set hash = sha256('x') where ${entry(3)}`],
    ],
    [
      'an entry that points to another event',
      3,
      /changed after it was recorded/,
      [sql`update knockon.audit_entries set event_id = knockon.uuidv7() where ${entry(3)}`],
    ],
    [
      'an entry of which the link was changed',
      3,
      /hash before it was changed/,
      [sql`update knockon.audit_entries set previous = sha256('x') where ${entry(3)}`],
    ],
    [
      'the last entry, changed',
      6,
      /changed after it was recorded/,
      [sql`update knockon.audit_entries set event_type = 'message.read' where ${entry(6)}`],
    ],
    [
      'an entry that was removed',
      3,
      /entry 3 is missing/,
      [sql`delete from knockon.audit_entries where ${entry(3)}`],
    ],
    [
      'the first entry, removed',
      1,
      /entry 1 is missing/,
      [sql`delete from knockon.audit_entries where ${entry(1)}`],
    ],
    [
      'an entry that was removed and the gap closed',
      3,
      /changed after|does not continue/,
      [
        sql`delete from knockon.audit_entries where ${entry(3)}`,
        sql`update knockon.audit_entries set position = position - 1 where ${mine} and position > 3`,
      ],
    ],
    [
      'two entries that changed places',
      3,
      /changed after|does not continue/,
      [
        sql`update knockon.audit_entries set position = 1000 where ${entry(3)}`,
        sql`update knockon.audit_entries set position = 3 where ${entry(4)}`,
        sql`update knockon.audit_entries set position = 4 where ${entry(1000)}`,
      ],
    ],
    [
      'an entry that was put in',
      3,
      /changed after|does not continue|not recorded by/,
      [
        sql`update knockon.audit_entries set position = position + 1000 where ${mine} and position >= 3`,
        sql`update knockon.audit_entries set position = position - 999 where ${mine} and position >= 1000`,
        sql`insert into knockon.audit_entries select workspace_id, 3, knockon.uuidv7(), event_type, recorded_at, digest, hash, sha256('x') from knockon.audit_entries where ${entry(2)}`,
      ],
    ],
    [
      'an entry that was put before the first',
      1,
      /before the chain's beginning/,
      [
        sql`insert into knockon.audit_entries select workspace_id, 0, knockon.uuidv7(), event_type, recorded_at, digest, previous, hash from knockon.audit_entries where ${entry(1)}`,
      ],
    ],
    [
      'an entry that was appended without the key',
      7,
      /not recorded by Knock-on/,
      [
        sql`insert into knockon.audit_entries select workspace_id, 7, knockon.uuidv7(), event_type, recorded_at, digest, hash, sha256('x') from knockon.audit_entries where ${entry(6)}`,
        sql`update knockon.audit_heads set entries = 7, head = sha256('x') where ${mine}`,
      ],
    ],
    ['a tail that was cut off', 5, /its end was cut off/, [cutTail]],
    [
      'a tail that was cut off and the end set back',
      5,
      /was recorded, but its entry is gone/,
      [cutTail, setBack],
    ],
    ['an end that was set back', 5, /set back/, [setBack]],
    [
      'an end that was replaced',
      6,
      /not the hash of its last entry/,
      [sql`update knockon.audit_heads set head = sha256('x') where ${mine}`],
    ],
    ['an end that is gone', 7, /is gone/, [sql`delete from knockon.audit_heads where ${mine}`]],
    [
      'a chain that is gone',
      1,
      /its entry is gone/,
      [
        sql`delete from knockon.audit_entries where ${mine}`,
        sql`delete from knockon.audit_heads where ${mine}`,
      ],
    ],
    [
      'entries that are gone',
      1,
      /6 were recorded/,
      [sql`delete from knockon.audit_entries where ${mine}`],
    ],
    [
      'an event of which the payload was changed',
      3,
      /changed in the log/,
      [
        sql`update knockon.events set payload = jsonb_set(payload, '{text}', '"nicer"') where ${eventAt(3)}`,
      ],
    ],
    [
      'an event of which the time was changed',
      3,
      /changed in the log/,
      [
        sql`update knockon.events set timestamp = timestamp + interval '1 hour' where ${eventAt(3)}`,
      ],
    ],
    [
      'an event of which the message was changed',
      3,
      /changed in the log/,
      [sql`update knockon.events set message_id = knockon.uuidv7() where ${eventAt(3)}`],
    ],
    [
      'an event that was moved to another workspace',
      3,
      /changed in the log/,
      [sql`update knockon.events set workspace_id = knockon.uuidv7() where ${eventAt(3)}`],
    ],
    [
      'an event that was removed',
      3,
      /gone from the log/,
      [sql`delete from knockon.events where ${eventAt(3)}`],
    ],
    [
      'an event that was changed, and its digest with it',
      3,
      /changed after it was recorded/,
      [
        sql`update knockon.events set version = 9 where ${eventAt(3)}`,
        sql`update knockon.audit_entries set digest = sha256('fits') where ${entry(3)}`,
      ],
    ],
  ])('%s', async (_what, position, reason, statements) => {
    const talk = await recorded();
    await fresh.database.db.transaction(async (tx) => {
      await tx.execute(sql`select set_config('test.workspace', ${talk.workspaceId}, true)`);
      await tx.execute(
        sql`insert into knockon.receipts (event_id, subscriber) select event_id, 'audit' from knockon.audit_entries where ${mine}`,
      );
      for (const statement of statements) await tx.execute(statement);
    });
    const verdict = await verify(talk.workspaceId);
    expect(verdict).toMatchObject({
      valid: false,
      broken_at: { position, reason: expect.stringMatching(reason) },
    });
  });

  test('a chain that was copied from another workspace', async () => {
    const [one, other] = [await recorded(), await startConversation(fresh.database)];
    await fresh.database.db.execute(sql`
      with moved as (update knockon.audit_entries set workspace_id = ${other.workspaceId} where workspace_id = ${one.workspaceId})
      update knockon.audit_heads set workspace_id = ${other.workspaceId} where workspace_id = ${one.workspaceId}`);
    expect(await verify(other.workspaceId)).toMatchObject({
      valid: false,
      broken_at: { position: 1 },
    });
  });
});

test('canonical JSON is the same for the same value, however its keys come', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: 1.5, 10: true, 9: false })).toBe(
    '{"10":true,"9":false,"a":1.5,"b":[1,{"c":"x","d":null}]}',
  );
  expect(canonicalJson([])).toBe('[]');
  expect(canonicalJson({})).toBe('{}');
  expect(canonicalJson('"')).toBe('"\\""');
});

test('the digest covers every field of an event', () => {
  const event: DomainEvent = {
    id: 'i',
    type: 't',
    version: 1,
    workspace_id: 'w',
    channel_id: null,
    message_id: null,
    key: null,
    seq: null,
    timestamp: 's',
    payload: {},
  };
  const digests = [
    event,
    ...Object.keys(event).map((field) => ({ ...event, [field]: 'other' })),
  ].map((e) => digestOf(e as DomainEvent).toString('hex'));
  expect(new Set(digests).size).toBe(11);
});
