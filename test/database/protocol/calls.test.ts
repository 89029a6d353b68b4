import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventReader } from '../../../src/activities/runtime/event-reader.ts';
import {
  claimReceipts,
  recordAttempts,
  writeReceipts,
} from '../../../src/activities/runtime/receipts.ts';
import type { EffectCall, OpenOutcome } from '../../../src/transport/dispatch.ts';
import { subscribe } from '../../harness/messaging.ts';
import { ProtocolFixture, refusal } from './fixture.ts';

let protocol: ProtocolFixture;
beforeAll(async () => {
  protocol = await ProtocolFixture.open();
  await protocol.register({ name: 'theirs', event_types: ['*'] });
  await subscribe(protocol.test.database, { name: 'ours' });
});
afterAll(() => protocol.test.close());

const idsOf = (events: { id: string }[]) => events.map(({ id }) => id);
const elsewhere = '01990000-0000-7000-8000-000000000000';

describe('open_events', () => {
  it('gives the events of a call as effects of ours get them', async () => {
    const call = await protocol.aCall('theirs', 5);
    const { events } = await new EventReader(protocol.test.database.db).read(call);
    expect(await protocol.openEvents(call)).toEqual(events);
    const some = { ...call, events: { offset: 1, limit: 2 } };
    expect(await protocol.openEvents(some)).toEqual(events.slice(1, 3));
    const named = { ...call, events: { ids: [events[4]!.id, events[0]!.id] } };
    expect(await protocol.openEvents(named)).toEqual([events[0], events[4]]);
  });

  it('leaves out what is done, what was seen, and what is none of the dispatch', async () => {
    const call = await protocol.aCall('theirs', 3);
    const another = await protocol.openEvents(await protocol.aCall('theirs', 1));
    const [first, second, third] = idsOf(await protocol.openEvents(call));
    await protocol.complete(call, [first!]);
    expect(idsOf(await protocol.openEvents(call, [third!]))).toEqual([second]);
    const strange = { ...call, events: { ids: idsOf(another) } };
    expect(await protocol.openEvents(strange)).toEqual([]);
  });

  it.each(['null', 'array[null]::uuid[]'])('takes it for nothing seen: %s', async (seen) => {
    const call = await protocol.aCall('theirs', 2);
    const rows = await protocol.pg`
      select knockon.open_events(${protocol.pg.json(call as never)}, ${protocol.pg.unsafe(seen)})`;
    expect(rows).toHaveLength(2);
  });

  it('gives 2 MB at a time, and one event at least', async () => {
    const call = await protocol.aCall('theirs', 20, 'é'.repeat(39_000));
    const seen: string[] = [];
    const pages: number[] = [];
    for (let page = await protocol.openEvents(call); page.length > 0; ) {
      pages.push(page.length);
      seen.push(...idsOf(page));
      page = await protocol.openEvents(call, seen);
    }
    expect(new Set(seen).size).toBe(20);
    expect(pages.length).toBeGreaterThanOrEqual(1);
    await protocol.pg`update knockon.events set payload = payload || jsonb_build_object('more',
      (select string_agg(md5(n::text || id), '') from generate_series(1, 80000) n))
      where id = any(${seen.slice(0, 2)}::uuid[])`;
    expect(await protocol.openEvents(call)).toHaveLength(1);
  });
});

/** How each of the two writes the receipts of a call. @returns the ids of those that were not there */
const ways = {
  ours: (call: EffectCall, ids: string[]) =>
    protocol.test.database.db.transaction(async (tx) => {
      const some = await claimReceipts(tx, call);
      return ids.filter((id) => some?.has(id) ?? true);
    }),
  theirs: (call: EffectCall, ids: string[]) => protocol.complete(call, ids),
};

describe.each(['ours', 'theirs'] as const)('the receipts of a call, written as %s', (who) => {
  const write = async (call: EffectCall) => {
    const { events } = await new EventReader(protocol.test.database.db).read(call);
    return await ways[who](call, idsOf(events));
  };
  const receipts = async () =>
    await protocol.pg`select event_id from knockon.receipts where subscriber = ${who} order by 1`;

  it('are those that were not there, and once', async () => {
    const call = await protocol.aCall(who, 4);
    const [first, ...others] = (await write({ ...call, events: { offset: 0, limit: 1 } })) ?? [];
    expect(first).toBeDefined();
    expect(others).toEqual([]);
    expect(await write(call)).toHaveLength(3);
    expect(await write(call)).toEqual([]);
  });

  it('answer dead letters', async () => {
    const call = await protocol.aCall(who, 1);
    await protocol.pg`
      insert into knockon.dead_letters (event_id, subscriber, dispatch_id, cause, reason)
      select event_id, ${who}, ${call.dispatch_id}, 'c', 'r' from knockon.outbox
      where dispatch_id = ${call.dispatch_id}`;
    expect(await write(call)).toHaveLength(1);
    expect(await protocol.pg`select from knockon.dead_letters where subscriber = ${who}`).toEqual(
      [],
    );
  });

  it('are renewed by a dispatch that does again what is done, once', async () => {
    const call = await protocol.aCall(who, 2);
    expect(await write(call)).toHaveLength(2);
    await protocol.pg`update knockon.dispatches set again = true, claimed_at = clock_timestamp()
      where id = ${call.dispatch_id}`;
    expect(await write(call)).toHaveLength(2);
    expect(await write(call)).toEqual([]);
  });

  it('wait for another who writes them, and are whose that commits', async () => {
    const call = await protocol.aCall(who, 2);
    const before = await receipts();
    const client = postgres(protocol.test.url, { max: 1 });
    const other = await client.reserve();
    await other`begin`;
    await other`insert into knockon.receipts (event_id, subscriber)
      select event_id, ${who} from knockon.outbox where dispatch_id = ${call.dispatch_id}`;
    const second = write(call);
    const blocked = () =>
      other`select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))`;
    await expect.poll(async () => (await blocked()).length).toBe(1);
    await other`commit`;
    expect(await second).toEqual([]);
    other.release();
    await client.end();
    expect(await receipts()).toHaveLength(before.length + 2);
  });
});

describe('complete', () => {
  it('is undone with the transaction that it is in', async () => {
    const call = await protocol.aCall('theirs', 1);
    const ids = idsOf(await protocol.openEvents(call));
    const undone = protocol.pg.begin(async (tx) => {
      expect(await protocol.complete(call, ids, tx as never)).toEqual(ids);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(idsOf(await protocol.openEvents(call))).toEqual(ids);
  });

  it('refuses an event that is none of the call', async () => {
    const call = await protocol.aCall('theirs', 1);
    const [other] = idsOf(await protocol.openEvents(await protocol.aCall('theirs', 1)));
    expect(await refusal(protocol.complete(call, [other!]))).toMatch(/^KN002 some of these ids/);
  });

  it('of a target settles that, and leaves the event open', async () => {
    const call = await protocol.aCall('theirs', 1);
    const ids = idsOf(await protocol.openEvents(call));
    const open = [{ event_id: ids[0], state: 'retry', reason: 'it is down', target: 'a' }];
    await protocol.report(call, { done: 0, open });
    await protocol.pg`insert into knockon.dead_letters (event_id, subscriber, target, dispatch_id,
      cause, reason) values (${ids[0]!}, 'theirs', 'a', ${call.dispatch_id}, 'c', 'r')`;
    expect(await protocol.complete({ ...call, events: { ids }, target: 'a' }, ids)).toEqual(ids);
    expect(await protocol.pg`select from knockon.dead_letters where event_id = ${ids[0]!}`).toEqual(
      [],
    );
    expect(idsOf(await protocol.openEvents(call))).toEqual(ids);
  });
});

describe('report', () => {
  it('notes what our own effects note of the same outcomes', async () => {
    const { dispatch_id, origin } = await protocol.aCall('theirs', 3);
    const call = (subscriber: string) => ({
      ...{ dispatch_id, origin, subscriber, alone: false },
      events: { offset: 0, limit: 3 },
    });
    const [a, b, c] = idsOf(await protocol.openEvents(call('theirs')));
    const open: OpenOutcome[] = [
      { event_id: a!, state: 'retry', reason: 'it is busy', target: 'x' },
      { event_id: b!, state: 'later', until: new Date().toISOString(), in_ms: 90_000 },
      { event_id: c!, state: 'dead', reason: 'it is gone', cause: 'HTTP 410' },
    ];
    for (let i = 0; i < 2; i += 1) {
      await recordAttempts(protocol.test.database.db, 'ours', open);
      await protocol.report(call('theirs'), { done: 0, open });
    }
    const noted = (who: string) => protocol.pg`
      select event_id, target, attempts, last_error, waits_for,
        waiting_until between now() + interval '80 s' and now() + interval '90 s' as waits
      from knockon.attempts where subscriber = ${who} and event_id = any(${[a!, b!, c!]}::uuid[])
      order by 1`;
    expect(await noted('theirs')).toEqual(await noted('ours'));
    expect(await noted('theirs')).toHaveLength(3);
  });

  it('counts what is done and what failed, for operators', async () => {
    const call = await protocol.aCall('theirs', 1);
    await protocol.pg`delete from knockon.effect_rates`;
    const [event] = idsOf(await protocol.openEvents(call));
    await protocol.report(call, {
      done: 7,
      open: [{ event_id: event, state: 'retry', reason: 'no' }],
    });
    const [counted] = await protocol.pg`select sum(done)::int as done, sum(failed)::int as failed
      from knockon.effect_rates where subscriber = 'theirs'`;
    expect(counted).toEqual({ done: 7, failed: 1 });
  });

  it('takes a list that is null for an empty one, and members that are null for unset', async () => {
    const call = await protocol.aCall('theirs', 1);
    const [event] = await protocol.openEvents(call);
    await protocol.report(call, { done: 0, open: null });
    const unset = { target: null, reason: null, until: null };
    const open = [{ event_id: event!.id, state: 'later', in_ms: 5000, ...unset }];
    await protocol.report(call, { done: 0, open });
    const noted = await protocol.pg`select target, attempts from knockon.attempts
      where event_id = ${event!.id} and waiting_until > now()`;
    expect(noted).toEqual([{ target: '', attempts: 0 }]);
  });

  it.each([
    null,
    {},
    { done: 1 },
    { done: -1, open: [] },
    { done: 0, open: [{ event_id: 5, state: 'retry' }] },
    { done: 0, open: [{ event_id: elsewhere, state: 'maybe' }] },
    { done: 0.5, open: [] },
    { done: 0, open: [5] },
    { done: 0, open: [{ event_id: 'x', state: 'retry' }] },
    { done: 0, open: [{ event_id: elsewhere, state: 'retry', target: 'x'.repeat(201) }] },
    { done: 0, open: [{ event_id: elsewhere, state: 'retry', reason: {} }] },
    { done: 0, open: [{ event_id: elsewhere, state: 'later' }] },
    { done: 0, open: [{ event_id: elsewhere, state: 'later', in_ms: 'abc' }] },
    { done: 0, open: [{ event_id: elsewhere, state: 'later', in_ms: -1 }] },
    { done: 0, open: [{ event_id: elsewhere, state: 'later', in_ms: 1e300 }] },
    ...['soon', 'now', 'tomorrow', 'infinity', '290000-01-01', '2027-02-30T09:00:00Z', 5].map(
      (until) => ({ done: 0, open: [{ event_id: elsewhere, state: 'later', until }] }),
    ),
  ])('refuses what is no answer: %j', async (answer) => {
    const call = await protocol.aCall('theirs', 1);
    expect(await refusal(protocol.report(call, answer))).toMatch(/^KN002 the answer is malformed/);
  });
});

describe('a call', () => {
  it.each([
    ['null', null],
    ['without a dispatch', { dispatch_id: 'none' }],
    ['with an id that is none', { events: { ids: ['none'] } }],
    ['without events', { events: {} }],
    ['of a place below 0', { events: { offset: -1, limit: 1 } }],
    ['with ids that are no list', { events: { ids: 'x', offset: 0, limit: 1 } }],
    ['for a target that is no text', { target: 5 }],
    ['for a target that is an object', { target: {} }],
    ['for a target without a name', { target: '' }],
    ['for targets that are no list', { targets: 'x' }],
    ['for targets that are an object', { targets: {} }],
    ['for targets that are no texts', { targets: [[1], null] }],
  ])('that is malformed is refused: %s', async (_, wrong) => {
    const call = await protocol.aCall('theirs', 1);
    const made = (wrong === null ? null : { ...call, ...wrong }) as never;
    const all = [protocol.openEvents(made), protocol.complete(made, [])];
    for (const refused of await Promise.all(all.map(refusal)))
      expect(refused).toMatch(/^KN002 the call is malformed/);
  });

  it('may have members that are null, and whole numbers with a point', async () => {
    const call = await protocol.aCall('theirs', 1);
    const { pg } = protocol;
    const written = JSON.stringify({ ...call, target: null, targets: null }).replace(
      '"offset":0',
      '"ids":null,"offset":0.0',
    );
    const rows = await pg`select knockon.open_events(${written}::text::jsonb)`;
    expect(rows).toHaveLength(1);
  });

  it('of a dispatch that is not here, or not for its subscriber, is refused', async () => {
    const call = await protocol.aCall('theirs', 1);
    const unknown = { ...call, dispatch_id: elsewhere };
    const all = [
      protocol.openEvents(unknown),
      protocol.complete(unknown, []),
      protocol.report(unknown, {}),
    ];
    for (const refused of await Promise.all(all.map(refusal)))
      expect(refused).toMatch(/^KN006 dispatch .* is not in this database/);
    const strange = { ...unknown, origin: elsewhere };
    expect(await refusal(protocol.openEvents(strange))).toMatch(/^KN006 .*another deployment's/);
    await protocol.register({ name: 'newer', event_types: ['*'] });
    expect(await refusal(protocol.openEvents({ ...call, subscriber: 'newer' }))).toMatch(/^KN006 /);
  });

  it('of a dispatch that has expired has no events, as all of them are done', async () => {
    const call = { ...(await protocol.aCall('theirs', 1)), dispatch_id: elsewhere };
    await protocol.pg`update knockon.deployment set expired_before = knockon.uuidv7()`;
    expect(await protocol.openEvents(call)).toEqual([]);
    expect(await protocol.complete(call, [])).toEqual([]);
    await protocol.pg`update knockon.deployment set expired_before = null`;
  });

  it('of a subscriber that Knock-on hosts, or that is unknown, is refused', async () => {
    const call = await protocol.aCall('theirs', 1);
    const of = (subscriber: string) => refusal(protocol.openEvents({ ...call, subscriber }));
    expect(await of('ours')).toMatch(/^KN007 .*Knock-on's own workers/);
    expect(await of('nobody')).toMatch(/^KN007 there is no subscriber "nobody"/);
  });
});

it('writes receipts that the effect runtime takes for done', async () => {
  const call = await protocol.aCall('theirs', 1);
  const ids = idsOf(await protocol.openEvents(call));
  await writeReceipts(protocol.test.database.db, 'theirs', ids);
  expect(await protocol.complete(call, ids)).toEqual([]);
});
