import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noteExpiry } from '../../../src/activities/audit/expiry.ts';
import { audit } from '../../../src/activities/audit/index.ts';
import { verifyAudit } from '../../../src/activities/audit/verify.ts';
import { createHeavy } from '../../../src/db/heavy/heavy.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { expire, type Retention } from '../../../src/outbox/retention.ts';
import { aCallTo } from '../../../src/testing/call.ts';
import { repeat } from '../../../src/workers/process/repeat.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';
import {
  dispatchMessages,
  runsNothing,
  writeDeadLetters,
  writeReceipts,
} from '../ops/ledger-rows.ts';

const key = Buffer.alloc(32, 1);
let test: TestDatabase;
beforeEach(async () => {
  test = await freshDatabase();
});
afterEach(() => test.close());

const nothing = {
  idempotency_keys: 0,
  debounces: 0,
  workspace_turns: 0,
  dispatches: 0,
  events: 0,
};
const run = (retention: Partial<Retention>) =>
  expire(
    test.database.pg,
    { eventsMs: null, receiptsMs: null, ...retention },
    noteExpiry(key),
    new AbortController().signal,
  );
/** So short that all there is has expired, as soon as the next millisecond has come. */
const now = async () => {
  const began = Date.now();
  await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(began);
  return 0.001;
};
const settle = () => verifyLedger(test.database.pg, { running: runsNothing });
const rows = async () => {
  const [counts] = await test.database.pg`
    select (select count(*)::int from knockon.events) as events, (select count(*)::int from knockon.outbox) as outbox,
      (select count(*)::int from knockon.dispatches) as dispatches, (select count(*)::int from knockon.receipts) as receipts,
      (select count(*)::int from knockon.messages) as messages`;
  return counts;
};

describe('retention', () => {
  it('keeps everything for ever by default, but for idempotency keys of the day before', async () => {
    const { events } = await dispatchMessages(test.database, 3, 'search');
    await writeReceipts(test.database, 'search', events);
    await settle();
    await test.database.pg`
      insert into knockon.idempotency_keys (workspace_id, key, request_hash, status, created_at)
      select knockon.uuidv7(), 'key ' || n, 'hash', 201, now() - n * interval '1 minute' from generate_series(1, 4000) n`;
    expect(await run({})).toEqual({ ...nothing, idempotency_keys: 4000 - 1439 });
    expect(await run({})).toEqual(nothing);
    expect(await rows()).toMatchObject({ events: 3, receipts: 3 });
  });

  it('deletes events that all have done, with all that belongs to them; the product keeps its messages', async () => {
    const { events } = await dispatchMessages(test.database, 30, 'search', 'webhooks');
    for (const name of ['search', 'webhooks']) await writeReceipts(test.database, name, events);
    const [delivery] = await test.database.pg`
      insert into knockon.deliveries (workspace_id, endpoint_id, event_id, event_type) values (knockon.uuidv7(), knockon.uuidv7(), ${events[0]!}, 'message.created') returning id`;
    await test.database
      .pg`insert into knockon.delivery_attempts (delivery_id, latency_ms) values (${delivery!.id}, 1)`;
    await settle();
    expect(await run({ eventsMs: await now() })).toMatchObject({ dispatches: 1, events: 30 });
    expect(await rows()).toEqual({
      events: 0,
      outbox: 0,
      dispatches: 0,
      receipts: 0,
      messages: 30,
    });
    expect(
      await test.database
        .pg`select id from knockon.deliveries union all select id from knockon.delivery_attempts`,
    ).toEqual([]);
  });

  it('leaves an event while its Idempotency-Key is answered for, however short events are kept', async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    const keyed = aMessage(where, {
      idempotency: { key: 'again', requestHash: Buffer.alloc(32, 1) },
    });
    const { message: first } = (await writer.post(keyed)) as { message: object };
    await writer.post(aMessage(where));
    expect(await run({ eventsMs: await now() })).toMatchObject({ events: 0 });
    await test.database.pg`delete from knockon.outbox`;
    expect(await run({ eventsMs: await now() })).toMatchObject({ events: 1 });
    expect(await writer.post(keyed)).toEqual({ state: 'replayed', message: first });
    await test.database
      .pg`update knockon.idempotency_keys set created_at = now() - interval '25 hours'`;
    expect(await run({ eventsMs: await now() })).toMatchObject({ idempotency_keys: 1, events: 1 });
  });

  it('says so where the event of an Idempotency-Key was deleted nevertheless', async () => {
    const where = await aChannel(test.database);
    const writer = aWriter(test.database);
    const keyed = aMessage(where, {
      idempotency: { key: 'gone', requestHash: Buffer.alloc(32, 1) },
    });
    await writer.post(keyed);
    await test.database.pg`delete from knockon.events`;
    expect(await writer.post(keyed)).toEqual({ state: 'answer_gone' });
  });

  it('keeps the books: what has expired was expected and done', async () => {
    const { events } = await dispatchMessages(test.database, 5, 'search');
    await writeReceipts(test.database, 'search', events);
    await settle();
    await run({ eventsMs: await now() });
    expect(await settle()).toMatchObject({
      balanced: true,
      subscribers: [{ expected: 5, done: 5, missing: 0 }],
    });
  });

  it('leaves the log where receipts alone expire, and takes the log later', async () => {
    const { events } = await dispatchMessages(test.database, 4, 'search');
    await writeReceipts(test.database, 'search', events);
    await settle();
    expect(await run({ receiptsMs: await now(), eventsMs: 3_600_000 })).toEqual({
      ...nothing,
      dispatches: 1,
    });
    expect(await rows()).toMatchObject({ events: 4, outbox: 0, receipts: 0 });
    expect(await run({ eventsMs: await now() })).toMatchObject({ events: 4 });
  });

  it('never touches what is open, dead, undispatched, or young', async () => {
    const open = await dispatchMessages(test.database, 2, 'search');
    await writeReceipts(test.database, 'search', open.events.slice(1));
    await settle();
    await run({ eventsMs: await now() });
    expect(await rows()).toMatchObject({ events: 2, outbox: 2, receipts: 1 });
    await writeDeadLetters(test.database, 'search', open.dispatches[0]!, open.events.slice(0, 1));
    await aWriter(test.database).post(aMessage(await aChannel(test.database)));
    await settle();
    await run({ eventsMs: await now() });
    expect(await rows()).toMatchObject({ events: 3, outbox: 3, dispatches: 1, receipts: 1 });
    await run({ eventsMs: 3_600_000 });
    expect(await rows()).toMatchObject({ events: 3 });
  });

  it('waits for the last dispatch of an event: a backfill that is under way keeps it', async () => {
    const { events } = await dispatchMessages(test.database, 3, 'search');
    await writeReceipts(test.database, 'search', events);
    const [late] = await test.database.pg`
      insert into knockon.dispatches (id, type, size, subscribers, started_at) values (knockon.uuidv7(), 'message.created', 1, '{late}', now()) returning id`;
    await test.database
      .pg`insert into knockon.dispatch_events (dispatch_id, event_id, type) values (${late!.id}, ${events[1]!}, 'message.created')`;
    await settle();
    expect(await run({ eventsMs: await now() })).toMatchObject({ dispatches: 1, events: 2 });
    expect(await rows()).toMatchObject({ events: 1, receipts: 1, dispatches: 1 });
    await writeReceipts(test.database, 'late', [events[1]!]);
    expect(await settle()).toMatchObject({
      balanced: true,
      subscribers: [
        { name: 'late', done: 1 },
        { name: 'search', done: 3 },
      ],
    });
    expect(await run({ eventsMs: await now() })).toMatchObject({ dispatches: 1, events: 1 });
    expect(await rows()).toMatchObject({ events: 0, receipts: 0 });
  });

  it('leaves the audit chain verifiable, and takes no deletion for an expiry that is none', async () => {
    const { workspaceId, channelId } = await aChannel(test.database);
    const writer = aWriter(test.database);
    for (const text of ['one', 'two', 'three'])
      await writer.post(aMessage({ workspaceId, channelId }, { text }));
    await (await aCallTo(audit({ key }), test))();
    await test.database.pg`update knockon.dispatches set started_at = now()`;
    await settle();
    const verify = () => verifyAudit({ heavy: createHeavy(test.database), key })(workspaceId);
    await run({ eventsMs: await now() });
    expect(await rows()).toMatchObject({ events: 0 });
    expect(await verify()).toMatchObject({ valid: true, entries: 3 });
    await test.database
      .pg`update knockon.expirations set before = 'ffffffff-ffff-7fff-bfff-ffffffffffff'`;
    expect(await verify()).toMatchObject({
      valid: false,
      broken_at: { position: 1, reason: expect.stringMatching(/gone from the log/) },
    });
  });

  it('deletes what is written down of debounced keys, once nothing of them is open', async () => {
    const { pg } = test.database;
    const [done, dead, open] = (await dispatchMessages(test.database, 3, 'digest')).events;
    const [dispatch] = await pg<{ id: string }[]>`select id from knockon.dispatches`;
    await writeReceipts(test.database, 'digest', [done!]);
    await writeDeadLetters(test.database, 'digest', dispatch!.id, [dead!]);
    const note = (key: string, newest: string | null, called: string | null) => pg`
      insert into knockon.debounces (subscriber, workspace_id, key, newest_id, called_id, look_at)
      values ('digest', knockon.uuidv7(), ${key}, ${newest}, ${called}, now() - interval '1 s')`;
    await note('done', null, done!);
    await note('given up', null, dead!);
    await note('tried', null, open!);
    await note('waits', open!, done!);
    await pg`
      insert into knockon.debounces (subscriber, workspace_id, key, called_id, look_at)
      select 'digest', knockon.uuidv7(), 'key ' || n, knockon.uuidv7(),
        now() + (n - 2500) * interval '1 minute' from generate_series(1, 3000) n`;
    expect(await run({})).toEqual({ ...nothing, debounces: 2 + 2500 });
    expect(await run({})).toEqual(nothing);
    const kept = await pg`select key from knockon.debounces where key !~ '^key' order by 1`;
    expect(kept.map(({ key }) => key)).toEqual(['tried', 'waits']);
  });

  it('deletes where limited workspaces stood, a day after they had a call', async () => {
    const { pg } = test.database;
    const stands = (subscriber: string, days: number, calls: string[], many = 1) => pg`
      with made as (
        insert into knockon.workspace_turns (subscriber, workspace_id, queued_until, look_at)
        select ${subscriber}, knockon.uuidv7(), now() - ${days}::int * interval '1 day',
          now() - interval '1 s' from generate_series(1, ${many}::int)
        returning *
      )
      insert into knockon.workspace_calls (subscriber, workspace_id, token, call, until)
      select subscriber, workspace_id, knockon.uuidv7(), 'a call', now() + lasts::interval
      from made cross join unnest(${calls}::text[]) as lasts`;
    await stands('asked today', 0, ['-1 hour']);
    await stands('has a call that takes long', 2, ['-1 day', '1 hour']);
    await stands('was killed', 2, ['-1 day', '-2 days']);
    await stands('is through', 3, [], 2500);
    expect(await run({})).toEqual({ ...nothing, workspace_turns: 2501 });
    expect(await run({})).toEqual(nothing);
    expect(
      await pg`select t.subscriber, count(c.*)::int as calls, bool_and(look_at > now()) as later
        from knockon.workspace_turns t left join knockon.workspace_calls c using (subscriber)
        group by 1 order by 1`,
    ).toEqual([
      { subscriber: 'asked today', calls: 1, later: true },
      { subscriber: 'has a call that takes long', calls: 2, later: true },
    ]);
    expect(await pg`select from knockon.workspace_calls where subscriber = 'was killed'`).toEqual(
      [],
    );
  });

  it('is done once by several relays at once, and nobody waits', async () => {
    const { events } = await dispatchMessages(test.database, 2000, 'search');
    await writeReceipts(test.database, 'search', events);
    await settle();
    const age = await now();
    const all = await Promise.all(Array.from({ length: 4 }, () => run({ eventsMs: age })));
    await run({ eventsMs: age });
    expect(all.reduce((n, { events }) => n + events, 0)).toBeLessThanOrEqual(2000);
    expect(await rows()).toMatchObject({ events: 0, outbox: 0, receipts: 0, messages: 2000 });
  });
});

describe('something that is repeated', () => {
  it('goes on after a failure, and ends when it is told to', async () => {
    let runs = 0;
    const loop = repeat({ what: 'try', everyMs: 1, log: pino({ level: 'silent' }) }, async () =>
      Promise.reject(new Error(`${++runs}`)),
    );
    await expect.poll(() => runs).toBeGreaterThan(3);
    await loop.stop();
    const after = runs;
    await expect.poll(() => runs, { interval: 20 }).toBe(after);
  });
});
