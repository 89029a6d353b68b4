import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { answer } from '../../../src/activities/runtime/run-effect.ts';
import { createApp } from '../../../src/api/app.ts';
import { createHeavy } from '../../../src/db/heavy/heavy.ts';
import { EventTypeRegistry } from '../../../src/events/registry.ts';
import { createMessageWriter } from '../../../src/messages/create.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { claim, markStarted, reclaim } from '../../../src/outbox/claim.ts';
import { DueEvents } from '../../../src/outbox/due-events.ts';
import { oldestUndispatched } from '../../../src/outbox/ledger.ts';
import { restartOrphans } from '../../../src/outbox/restart-orphans.ts';
import { expire } from '../../../src/outbox/retention.ts';
import { createSeal } from '../../../src/seal.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aMessage, subscribe } from '../../harness/messaging.ts';
import { runsEverything, runsNothing } from '../ops/ledger-rows.ts';
import { aCrowd, aHistory, type History } from './long-history.ts';
import { type Explained, explained } from './query-plans.ts';

const MESSAGES = 100_000;
const big = ['events', 'outbox', 'receipts', 'messages', 'dispatches', 'idempotency_keys'];
/** The ledger counts what is scheduled. */
const crowds = [...big, 'debounces', 'scheduled', 'workspace_turns', 'workspace_calls'];

let own: TestDatabase;
let database: Explained;
let history: History;
beforeAll(async () => {
  own = await freshDatabase();
  history = await aHistory(own.database, MESSAGES);
  await aCrowd(own.database, history, MESSAGES);
  await subscribe(own.database, { name: 'search' }, { name: 'webhooks' });
  database = explained(own.url);
}, 300_000);
afterAll(async () => {
  await database?.close();
  await own?.close();
});

/** That none of what was run meanwhile has read a big table from end to end. */
async function byIndex(run: () => Promise<unknown>, tables = big): Promise<void> {
  await run();
  expect(database.scans(tables)).toEqual([]);
}

const effect = (run: 'transact' | 'perform') =>
  defineEffect({ name: 'search', description: '', on: ['*'], [run]: async () => [] } as never);

describe(`with ${MESSAGES} messages in the log no statement reads a big table from end to end`, () => {
  it('where a message is posted', () =>
    byIndex(async () => {
      const writer = createMessageWriter({ pg: database.pg, onStored: () => {} });
      const idempotency = { key: 'k', requestHash: Buffer.from('h') };
      await Promise.all([
        writer.post(aMessage(history)),
        writer.post(aMessage(history, { idempotency })),
        writer.post(aMessage(history)),
      ]);
    }));

  it('where events are claimed, started, and claimed again', () =>
    byIndex(async () => {
      const [group] = await claim(database.pg, 500);
      expect(group).toMatchObject({ size: 3 });
      await markStarted(database.pg, group!.id, 'run');
      await reclaim(database.pg, 15_000);
    }));

  it.each(['transact', 'perform'] as const)('where an effect is called that has %s', (run) =>
    byIndex(async () => {
      const signal = new AbortController().signal;
      const call = { dispatch_id: history.dispatchId, subscriber: 'search', alone: false };
      const first = await answer(
        effect(run),
        database.db,
        { ...call, events: { offset: 0, limit: 100 } },
        signal,
      );
      expect(first.done).toBe(0);
      await answer(
        effect(run),
        database.db,
        { ...call, events: { ids: [history.eventId] } },
        signal,
      );
    }),
  );

  it('where the ledger is checked, by the relay, the API or on the command line', () =>
    byIndex(async () => {
      const { subscribers } = await verifyLedger(database.pg, { running: runsEverything });
      expect(subscribers.find((s) => s.name === 'webhooks')).toMatchObject({
        in_flight: 1003,
        missing: 0,
      });
      await verifyLedger(database.pg, { running: runsNothing });
      await oldestUndispatched(database.pg);
      const recovery = { running: runsNothing, restart: async () => {}, drop: async () => {} };
      await restartOrphans({ pg: database.pg, recovery, ageMs: 0, log: pino({ level: 'silent' }) });
    }));

  it('where the API reads', () =>
    byIndex(async () => {
      const app = createApp({
        database,
        heavy: createHeavy(database),
        eventTypes: new EventTypeRegistry({ pg: database.pg }),
        seal: createSeal('a secret that is long enough for a test'),
        writer: createMessageWriter({ pg: database.pg, onStored: () => {} }),
        summaries: { get: async () => null },
        log: pino({ level: 'silent' }),
        adminKey: 'the-operators-own-key',
        temporalUi: null,
      } as never);
      const made = await app.request('/v1/workspaces', {
        method: 'POST',
        headers: {
          authorization: 'Bearer the-operators-own-key',
          'content-type': 'application/json',
        },
        body: JSON.stringify({ name: 'reader' }),
      });
      const { id, api_key } = (await made.json()) as { id: string; api_key: string };
      await own.database
        .pg`update knockon.api_keys set workspace_id = ${history.workspaceId} where workspace_id = ${id}`;
      const paths = [
        `/v1/channels/${history.channelId}/messages`,
        `/v1/channels/${history.channelId}/messages?after_seq=100`,
        `/v1/messages/${history.messageId}`,
        `/v1/messages/${history.messageId}/effects`,
        `/v1/events`,
        `/v1/events?type=message.created`,
        `/v1/events?channel_id=${history.channelId}`,
        `/v1/events?channel_id=${history.channelId}&after_seq=10`,
        `/v1/events/${history.eventId}`,
        `/v1/subscribers`,
        `/v1/audit`,
        `/v1/search?q=text`,
      ];
      for (const path of paths) {
        const { status } = await app.request(path, {
          headers: { authorization: `Bearer ${api_key}` },
        });
        expect({ path, status }).toEqual({ path, status: 200 });
      }
    }));

  it('where what has expired is deleted', () =>
    byIndex(async () => {
      const stop = new AbortController();
      const day = 24 * 3_600_000;
      // After the first batch of each: all of it would take its time, and be a table from end to
      // end.
      stop.abort();
      const expired = await expire(
        database.pg,
        { eventsMs: 5 * day, receiptsMs: null },
        async () => {},
        stop.signal,
      );
      expect(expired).toEqual({
        idempotency_keys: 1000,
        debounces: 1000,
        workspace_turns: 1000,
        dispatches: 101,
        events: 1000,
      });
    }, crowds));

  it('where many workspaces wait, though hardly anybody did when statistics were taken', async () => {
    await own.database.pg`vacuum analyze knockon.outbox`;
    await own.database.pg`
      insert into knockon.outbox (event_id, workspace_id, type) select knockon.uuidv7(), md5((i % 1000)::text)::uuid, 'message.created' from generate_series(1, 20000) i`;
    const [group] = await claim(database.pg, 2000);
    expect(group?.size).toBe(2000);
    // The oldest; those that wait, one workspace after the other, twice; a workspace's own; and
    // each that is claimed.
    expect(
      database
        .indexes()
        .filter((name) => name.startsWith('outbox'))
        .sort(),
    ).toEqual([
      'outbox_pkey',
      'outbox_undispatched',
      'outbox_waiting',
      'outbox_waiting',
      'outbox_waiting',
    ]);
  });

  it('where an effect is called that is debounced', () =>
    byIndex(async () => {
      const [late] = await own.database.pg<{ dispatch_id: string }[]>`
        select id as dispatch_id from knockon.dispatches where settled_at is null limit 1`;
      const call = { ...late!, subscriber: 'webhooks', alone: false };
      const debounced = defineEffect({
        name: 'webhooks',
        description: '',
        on: ['*'],
        debounce: { by: 'key', wait: '1s' },
        transact: async () => [],
      });
      const signal = new AbortController().signal;
      const events = { offset: 0, limit: 100 };
      const calling = () => answer(debounced, database.db, { ...call, events }, signal);
      // Newer events of their keys are dispatched: first those are waited for.
      expect((await calling()).open.length).toBeGreaterThan(0);
      await own.database.pg`update knockon.debounces set seen_at = seen_at - interval '1 hour'
        where subscriber = 'webhooks'`;
      const { done } = await calling();
      expect(done).toBeGreaterThan(0);
    }, crowds));

  it('where what is due is taken, and an event is cancelled', () =>
    byIndex(async () => {
      const due = new DueEvents(database.pg, 500);
      expect([await due.promote(1000), await due.promote(1000)]).toEqual([500, 500]);
      const [last] = await own.database.pg<{ id: string }[]>`
        select id from knockon.scheduled order by deliver_at desc limit 1`;
      expect(await database.pg`select knockon.cancel(${last!.id})`).toEqual([{ cancel: true }]);
    }, crowds));
});
