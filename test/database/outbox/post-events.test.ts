import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { GroupCommit, HeldError } from '../../../src/db/group-commit/group-commit.ts';
import { createEventWriter, type EventWriter } from '../../../src/outbox/post-events.ts';
import type { SentEvent } from '../../../src/outbox/store-events.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { aChannel } from '../../harness/messaging.ts';

let test: TestDatabase;
let forHeldRows: Database;
let writer: EventWriter;
let psql: Sql;
let workspaceId: string;

beforeAll(async () => {
  test = await freshDatabase();
  psql = postgres(test.url, { max: 1 });
  forHeldRows = connectDatabase(test.url, { lockMs: 1500 });
  writer = createEventWriter({
    pg: test.database.pg,
    forHeldRows: forHeldRows.pg,
    onStored: () => {},
  });
  await declareTypes(test.database, ['invoice.paid']);
  workspaceId = (await aChannel(test.database)).workspaceId;
});
afterAll(async () => {
  await psql?.end();
  await forHeldRows?.close();
  await test?.close();
});

const anEvent = (rest: Partial<SentEvent> = {}): SentEvent => {
  const payload = { amount: 5 };
  const payloadJson = JSON.stringify(payload);
  return { workspaceId, type: 'invoice.paid', version: 1, payload, payloadJson, ...rest };
};
const stateOf = (posted: ReturnType<EventWriter['post']>) =>
  posted.then(
    ({ state }) => state,
    (error: Error) => error,
  );
const placeOf = async (posted: ReturnType<EventWriter['post']>) => {
  const answer = await posted;
  return 'event' in answer ? answer.event.seq : answer.state;
};

/** Emits in SQL and does not commit, while something is done. */
const idling = (key: string, work: () => Promise<void>) =>
  psql.begin(async (tx) => {
    await tx`select knockon.emit('invoice.paid', ${workspaceId}::uuid, '{"amount": 1}', key => ${key})`;
    await work();
  });

describe.each([
  ['a key that another transaction holds', 'known'],
  ['a new key that another transaction has not committed', 'new'],
])('%s', (_, kind) => {
  const key = `${kind} key`;

  it('keeps its own events waiting and nobody else, and its own are told after a while', async () => {
    if (kind === 'known') await writer.post(anEvent({ key }));
    const free = { workspaceId: (await aChannel(test.database)).workspaceId };
    await idling(key, async () => {
      const own = Array.from({ length: 20 }, () => stateOf(writer.post(anEvent({ key }))));
      const others = Array.from({ length: 40 }, (_, i) =>
        stateOf(writer.post(anEvent({ key: `other ${kind} ${i % 10}`, ...(i % 2 ? free : {}) }))),
      );
      const first = Promise.any(own).then(() => 'the held ones first');
      expect(await Promise.race([Promise.all(others), first])).toEqual(Array(40).fill('stored'));
      for (const refused of await Promise.all(own)) expect(refused).toBeInstanceOf(HeldError);
    });
  });

  it('has its events stored, in order and without a gap, once it is let go in time', async () => {
    const other = `${key} let go`;
    if (kind === 'known') await writer.post(anEvent({ key: other }));
    let own: Promise<unknown>[] = [];
    await idling(other, async () => {
      own = writer.postAll(Array.from({ length: 5 }, () => anEvent({ key: other }))).map(placeOf);
      const waiting = () =>
        test.database.pg`select 1 from pg_stat_activity where wait_event_type = 'Lock'`;
      await expect.poll(async () => (await waiting()).length).toBe(1);
      // These come behind.
      own.push(...writer.postAll([anEvent({ key: other }), anEvent({ key: other })]).map(placeOf));
    });
    const first = kind === 'known' ? 2 : 1;
    expect(await Promise.all(own)).toEqual(Array.from({ length: 7 }, (_, i) => first + i));
  });
});

describe('events with idempotency keys', () => {
  const keyed = (key: string, byte = 1) => ({
    idempotency: { key, requestHash: Buffer.alloc(32, byte) },
  });

  it('are stored once, whoever stores them at once', async () => {
    const writers = Array.from({ length: 8 }, () =>
      createEventWriter({ pg: test.database.pg, onStored: () => {} }),
    );
    const posted = await Promise.all(
      writers.map((one) => one.post(anEvent({ key: 'one', ...keyed('at once') }))),
    );
    expect(posted.filter(({ state }) => state === 'stored')).toHaveLength(1);
    expect(posted.filter(({ state }) => state === 'replayed')).toHaveLength(7);
    const ids = posted.flatMap((answer) => ('event' in answer ? [answer.event.id] : []));
    expect(new Set(ids).size).toBe(1);
  });

  it('leave them free while their key is held', async () => {
    const key = 'held and idempotent';
    await writer.post(anEvent({ key }));
    await idling(key, async () => {
      const event = anEvent({ key, ...keyed('held') });
      expect(await stateOf(writer.post(event))).toBeInstanceOf(HeldError);
      const [row] = await test.database
        .pg`select 1 from knockon.idempotency_keys where key = 'held'`;
      expect(row).toBeUndefined();
    });
    expect(await stateOf(writer.post(anEvent({ key, ...keyed('held', 2) })))).toBe('stored');
  });

  it('may be used again after 24 hours', async () => {
    await writer.post(anEvent(keyed('old')));
    await test.database.pg`
      update knockon.idempotency_keys set created_at = now() - interval '25 hours'
      where key = 'old'`;
    expect(await stateOf(writer.post(anEvent(keyed('old', 2))))).toBe('stored');
  });

  it.each([
    ['fresh', '1 hour', 'replayed'],
    ['stale', '25 hours', 'key_in_flight'],
  ])(
    'keep nobody waiting while another transaction holds the row of a %s one',
    async (key, age, state) => {
      await writer.post(anEvent(keyed(key)));
      await test.database.pg`
      update knockon.idempotency_keys set created_at = now() - ${age}::interval where key = ${key}`;
      const psql = postgres(test.url, { max: 1 });
      await psql.begin(async (tx) => {
        await tx`select from knockon.idempotency_keys where key = ${key} for update`;
        const posted = [anEvent(keyed(key)), anEvent()].map((event) => stateOf(writer.post(event)));
        expect(await Promise.all(posted)).toEqual([state, 'stored']);
      });
      await psql.end();
    },
  );
});

it('wakes the dispatcher for those whose events were stored', async () => {
  const woken: string[][] = [];
  const own = createEventWriter({
    pg: test.database.pg,
    onStored: (ids) => void woken.push(ids),
  });
  await own.post(anEvent({ channelId: workspaceId }));
  expect(woken).toEqual([]);
  await own.post(anEvent());
  expect(woken).toEqual([[workspaceId]]);
});

it('stores nothing of a key behind an event of it that another request is storing', async () => {
  const sent = (key: string) =>
    anEvent({ key: 'busy', idempotency: { key, requestHash: Buffer.alloc(32, 1) } });
  const first = writer.post(sent('first'));
  const again = writer.postAll([sent('first'), sent('second')]);
  expect(await Promise.all(again.map(stateOf))).toEqual(['key_in_flight', 'key_in_flight']);
  expect(await stateOf(first)).toBe('stored');
  const last = writer.postAll([sent('first'), sent('second')]);
  expect(await Promise.all(last.map(stateOf))).toEqual(['replayed', 'stored']);
});

it('of what comes together, nothing of a key is stored behind what could not be', async () => {
  const stored: string[] = [];
  let statements = 0;
  const group = new GroupCommit<string, string>(
    {
      noun: 'event',
      workspaceOf: () => 'w',
      bytesOf: () => 1,
      sequenceOf: (item) => item.split(' ')[0],
      heldError: () => new Error('held'),
      async store(_pg, batch) {
        statements += 1;
        if (statements === 1) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
        stored.push(...batch);
        return { held: new Set(), answer: (item) => item };
      },
    },
    { pg: {} as never },
  );
  // A statement takes 256: those of `late` come with the second.
  const items = Array.from({ length: 300 }, (_, n) => `${n < 280 ? 'early' : 'late'} ${n}`);
  const settled = await Promise.allSettled(group.addAll(items));
  const isStored = settled.map(({ status }) => status === 'fulfilled');
  expect(isStored).toEqual(items.map((item) => item.startsWith('late')));
  expect(stored).toEqual(items.filter((item) => item.startsWith('late')));
});
