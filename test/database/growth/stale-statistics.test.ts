import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addCounts } from '../../../src/activities/analytics/quarters.ts';
import { rebuildAnalytics } from '../../../src/activities/analytics/rebuild.ts';
import { auditKey } from '../../../src/activities/audit/hash.ts';
import { audit } from '../../../src/activities/audit/index.ts';
import { verifyAudit } from '../../../src/activities/audit/verify.ts';
import { cache } from '../../../src/activities/cache/index.ts';
import { rebuildCache } from '../../../src/activities/cache/rebuild.ts';
import { pendingMails } from '../../../src/activities/notifications/mails.ts';
import { notify } from '../../../src/activities/notifications/notify.ts';
import { recordDeadLetters } from '../../../src/activities/runtime/dead-letters.ts';
import { readLatest } from '../../../src/activities/runtime/debounce/store.ts';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { EventReader } from '../../../src/activities/runtime/event-reader.ts';
import { markReported } from '../../../src/activities/runtime/ordering/commit-turn.ts';
import { readPlaces } from '../../../src/activities/runtime/ordering/fast-path.ts';
import { readLog } from '../../../src/activities/runtime/ordering/read-log.ts';
import { readWanted, these } from '../../../src/activities/runtime/ordering/slow-path.ts';
import { retry as again } from '../../../src/activities/runtime/outcomes.ts';
import {
  claimReceipts,
  openEvents,
  recordAttempts,
  recordFailure,
  withdrawReceipts,
  writeReceipts,
} from '../../../src/activities/runtime/receipts.ts';
import { search } from '../../../src/activities/search/index.ts';
import { rebuildSearch } from '../../../src/activities/search/rebuild.ts';
import { openDeliveries } from '../../../src/activities/webhooks/delivery/deliveries.ts';
import { createApp } from '../../../src/api/app.ts';
import { createHeavy } from '../../../src/db/heavy/heavy.ts';
import { EventTypeRegistry } from '../../../src/events/registry.ts';
import { createMessageWriter } from '../../../src/messages/create.ts';
import { backfill } from '../../../src/ops/operations/backfill.ts';
import { discard } from '../../../src/ops/operations/discard.ts';
import { failOrphans, readProgress } from '../../../src/ops/operations/progress.ts';
import { planReplay, replay } from '../../../src/ops/operations/replay.ts';
import { reset } from '../../../src/ops/operations/reset.ts';
import { retry } from '../../../src/ops/operations/retry.ts';
import { readSample, readTotals } from '../../../src/ops/status/sample.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { claim, reclaim } from '../../../src/outbox/claim.ts';
import { expire } from '../../../src/outbox/retention.ts';
import { createSeal } from '../../../src/seal.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aMessage, subscribe } from '../../harness/messaging.ts';
import { aLongChain } from '../api/heavy-data.ts';
import { runsEverything, runsNothing } from '../ops/ledger-rows.ts';
import { aHistory, type History } from './long-history.ts';
import {
  fillNeighbouringTables,
  forget,
  type NeighbouringIds,
  type Statistics,
  withoutAutovacuum,
} from './neighbouring-tables.ts';
import { type Explained, explained } from './query-plans.ts';

const MESSAGES = 12_000;
const CHAIN = 3_000;
const key = auditKey('a secret that is long enough for a test');
const DAY = 24 * 3_600_000;
type Transact = (tx: unknown, events: unknown[]) => Promise<unknown>;
type Perform = (events: unknown[], call: { db: unknown }) => Promise<unknown>;
const OPERATOR = 'the-operators-own-key';

/**
 * A connection keeps a statement's plan after some runs: such a plan knows nothing of what is asked
 * for.
 */
type Plans = 'kept' | 'made anew';

describe.each<[Statistics, Plans]>([
  ['absent', 'kept'],
  ['of empty tables', 'kept'],
  ['of a few rows', 'kept'],
  ['absent', 'made anew'],
  ['of empty tables', 'made anew'],
  ['of a few rows', 'made anew'],
])('with statistics %s and plans %s', (statistics, plans) => {
  let own: TestDatabase;
  let database: Explained;
  let history: History;
  let beside: NeighbouringIds;
  let call: {
    dispatch_id: string;
    subscriber: string;
    events: { offset: number; limit: number };
    alone: boolean;
  };
  let app: ReturnType<typeof createApp>;
  let keys: { api_key: string };

  beforeAll(async () => {
    own = await freshDatabase();
    await withoutAutovacuum(own.database);
    history = await aHistory(own.database, MESSAGES);
    beside = await fillNeighbouringTables(own.database, history);
    await subscribe(
      own.database,
      ...['analytics', 'audit', 'cache', 'notifications', 'search', 'webhooks', 'newcomer'].map(
        (name) => ({ name }),
      ),
    );
    await own.database
      .pg`update knockon.outbox set dispatch_id = null where event_id in (select id from knockon.events order by id desc limit 3000)`;
    await forget(own.database, statistics);
    database = explained(own.url, { counted: true, kept: plans === 'kept' });
    app = createApp({
      database,
      heavy: createHeavy(database),
      eventTypes: new EventTypeRegistry({ pg: database.pg }),
      seal: createSeal('a secret that is long enough for a test'),
      writer: createMessageWriter({ pg: database.pg, onStored: () => {} }),
      summaries: { get: async () => null },
      log: pino({ level: 'silent' }),
      adminKey: OPERATOR,
      temporalUi: null,
      queues: {
        enforcedBy: 'server',
        describe: async () => ({ pollers: [] }),
        setRate: async () => {},
        server: async () => null,
      },
      running: runsEverything,
    } as never);
    const made = await app.request('/v1/workspaces', {
      method: 'POST',
      headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'reader' }),
    });
    keys = (await made.json()) as { api_key: string };
    await own.database
      .pg`update knockon.api_keys set workspace_id = ${history.workspaceId} where workspace_id <> ${history.workspaceId}`;
    // 500 events in one call: as large as most effects take.
    const big = '0199aaaa-0000-7000-8000-000000000001';
    await own.database
      .pg`insert into knockon.dispatches (id, type, size, subscribers, started_at) values (${big}, 'message.created', 500, '{webhooks,newcomer}', now())`;
    await own.database
      .pg`update knockon.outbox set dispatch_id = ${big} where event_id in (select id from knockon.events order by id offset 5000 limit 500)`;
    call = {
      dispatch_id: big,
      subscriber: 'newcomer',
      events: { offset: 0, limit: 500 },
      alone: false,
    };
    // What a connection asks once.
    await get('/v1/audit')();
    await get('/v1/audit')();
    database.rows();
  }, 300_000);
  afterAll(async () => {
    await database?.close();
    await own?.close();
  });

  async function within(limit: number, run: () => Promise<unknown>): Promise<void> {
    await run();
    const { total, worst } = database.rows();
    expect(total, worst).toBeLessThan(limit);
  }

  const events = async () => (await new EventReader(database.db).read(call)).events;
  const effect = defineEffect({
    name: 'newcomer',
    description: '',
    on: ['*'],
    ordering: 'key',
    transact: async () => [],
  });
  const inTransaction = (work: (tx: never) => Promise<unknown>) =>
    database.db.transaction((tx) => work(tx as never));
  const job = (verb: string, input: object) =>
    own.database
      .pg`insert into knockon.operations (verb, input, by) values (${verb}, ${own.database.pg.json(input as never)}, 'test') returning *`;
  const deps = () =>
    ({
      pg: database.pg,
      transport: { start: async () => 'run' },
      recovery: { running: runsEverything, restart: async () => {} },
      rebuilds: {},
      log: pino({ level: 'silent' }),
    }) as never;
  const get =
    (path: string, operator = false) =>
    async () => {
      const response = await app.request(path, {
        headers: { authorization: `Bearer ${operator ? OPERATOR : keys.api_key}` },
      });
      expect({ path, status: response.status }).toEqual({ path, status: 200 });
    };

  // What looks at 500 events, each by its indexes.
  const CALL = 30_000;
  it.each<[string, (tx: never) => Promise<unknown>]>([
    ['reads a call’s events', events],
    ['claims receipts', (tx) => claimReceipts(tx, call)],
    ['looks for open events', (tx) => openEvents(tx, call)],
    [
      'writes receipts',
      async (tx) =>
        writeReceipts(
          tx,
          'another',
          (await events()).map(({ id }) => id),
        ),
    ],
    // Of few rows a table of this size may as well be read from end to end.
    [
      'withdraws receipts',
      async (tx) =>
        statistics === 'of a few rows'
          ? events()
          : withdrawReceipts(
              tx,
              { dispatch_id: call.dispatch_id, subscriber: 'another' },
              (await events()).map((event) => again(event, 'no')),
            ),
    ],
    [
      'notes attempts',
      async (tx) =>
        recordAttempts(
          tx,
          'newcomer',
          (await events()).map((event) => again(event, 'no')),
        ),
    ],
    [
      'reports what events came to',
      async (tx) =>
        markReported(
          tx,
          'newcomer',
          (await events()).map((event) => again(event, 'no')),
        ),
    ],
    ['notes a failure', (tx) => recordFailure(tx, call, 'no')],
    [
      'buries',
      (tx) =>
        recordDeadLetters(tx, {
          ...call,
          letters: [{ events: call.events, cause: 'no', reason: 'no' }],
        } as never),
    ],
    ['reads an ordered call’s places', (tx) => readPlaces(tx, effect, call as never)],
    ['reads what an ordered call wants', (tx) => readWanted(tx, effect, call as never)],
    [
      'reads 20 events each of 100 channels’ logs',
      async (tx) => {
        const places = await readPlaces(tx, effect, call as never);
        const stretches = places.map(({ sequence_id, upto }) => ({
          sequence_id: sequence_id!,
          upto: upto!,
          most: 20,
        }));
        await readLog(tx, effect, {
          keys: places.map((place) => place.key),
          stretches,
          mine: these((await events()).map(({ id }) => id)),
        });
      },
    ],
    [
      'looks for the newest event of 40 keys',
      async (tx) => {
        const places = await readPlaces(tx, effect, call as never);
        // What others of these tests have done or given up.
        await own.database.pg`delete from knockon.receipts where subscriber = 'newcomer'`;
        await own.database.pg`delete from knockon.dead_letters where subscriber = 'newcomer'`;
        // After each come some 66 that are for others.
        const some = places.slice(0, 40);
        const late = some.map(({ sequence_id, upto }) => [sequence_id!, upto! - 20] as const);
        expect((await readLatest(tx, effect, new Map(late))).size).toBe(40);
      },
    ],
    [
      'indexes',
      async (tx) => (search() as never as { perform: Perform }).perform(await events(), { db: tx }),
    ],
    [
      'summarises',
      async (tx) =>
        (
          cache({ summaries: { put: async () => {} } as never }) as never as { transact: Transact }
        ).transact(tx, await events()),
    ],
    [
      'records',
      async (tx) =>
        (audit({ key }) as never as { transact: Transact }).transact(tx, await events()),
    ],
    [
      'counts',
      async (tx) => {
        const counts = (await events()).map(({ workspace_id, channel_id }, i) => ({
          workspace_id,
          channel_id: channel_id!,
          author: 'ada',
          quarter: 1_600_000 + (i % 50),
          delta: 1 as const,
        }));
        await addCounts(tx, counts);
        await addCounts(
          tx,
          counts.map((count) => ({ ...count, delta: -1 as const })),
        );
      },
    ],
    ['notifies', async (tx) => notify(tx, await events())],
    ['looks for mails', async (tx) => pendingMails(tx, await events(), 0)],
    ['opens deliveries', async (tx) => openDeliveries(tx, await events())],
  ])('an effect %s in time by its events', (what, run) =>
    within(/20 events each|mails/.test(what) ? 4 * CALL : CALL, () => inTransaction(run)),
  );

  const page = 2_500;
  it.each([
    ['messages', () => `/v1/channels/${history.channelId}/messages`],
    ['messages from a place', () => `/v1/channels/${history.channelId}/messages?after_seq=10`],
    ['events', () => '/v1/events'],
    ['events of a type', () => '/v1/events?type=message.created'],
    ['events of a channel', () => `/v1/events?channel_id=${history.channelId}`],
    [
      'events of a channel from a place',
      () => `/v1/events?channel_id=${history.channelId}&after_seq=10`,
    ],
    ['notifications', () => '/v1/notifications?recipient=author%207'],
    ['deliveries', () => `/v1/endpoints/${history.workspaceId}/deliveries`],
    [
      'deliveries that failed',
      () => `/v1/endpoints/${history.workspaceId}/deliveries?state=failed`,
    ],
    ['channels', () => '/v1/channels'],
    ['members', () => '/v1/members'],
    ['a journey', () => `/v1/messages/${history.messageId}/effects`],
    ['an audit chain', () => '/v1/audit'],
    ['an audit chain from a place', () => '/v1/audit?after_position=10'],
  ])('a page of %s is read in time by its length', (_, path) => within(page, () => get(path())()));

  it.each([
    ['the log', () => '/v1/ops/events'],
    ['the log of a workspace', () => `/v1/ops/events?workspace_id=${history.workspaceId}`],
    ['the log of what failed', () => '/v1/ops/events?outcome=failed'],
    ['the log of a workflow', () => `/v1/ops/events?workflow_id=${history.dispatchId}`],
  ])(
    'operators read a page of %s, with what became of each event, in time by its length',
    (_, path) => within(2 * page, () => get(path(), true)()),
  );

  it.each([
    ['whatever has an id', () => `/v1/ops/events?about=${history.messageId}`],
    ['the past', () => '/v1/ops/history?past=7d'],
    ['an event', () => `/v1/ops/events/${history.eventId}`],
    ['a message’s events', () => `/v1/ops/messages/${history.messageId}/effects`],
    ['jobs', () => '/v1/ops/jobs'],
  ])('operators read a page of %s in time by its length', (_, path) =>
    within(page, () => get(path(), true)()),
  );

  it('operators read a page of dead letters in time by how many there are', () =>
    within(10 * MESSAGES, async () => {
      await get('/v1/ops/dead_letters', true)();
      await get('/v1/ops/dead_letters?subscriber=webhooks', true)();
      await get(`/v1/ops/events?outcome=failed&workspace_id=${history.workspaceId}`, true)();
    }));

  const whole = 40 * MESSAGES;
  it.each<[string, () => Promise<unknown>]>([
    ['searches', () => get('/v1/search?q=text')()],
    ['counts messages', () => get('/v1/analytics/messages')()],
    ['shows subscribers', () => get('/v1/subscribers')()],
    ['shows operators the subscribers', () => get('/v1/ops/subscribers', true)()],
    ['shows causes', () => get('/v1/ops/dead_letters/causes', true)()],
    ['shows the ledger', () => get('/v1/ops/verify', true)()],
    [
      'shows what is live',
      async () => readSample(database.pg, await readTotals(database.pg, new Date()), undefined),
    ],
    [
      'checks the ledger, in full',
      async () => verifyLedger(database.pg, { running: runsNothing, full: true }),
    ],
    ['plans a replay', () => planReplay(database.pg, { force: true })],
    ['plans a replay for a subscriber', () => planReplay(database.pg, { subscriber: 'newcomer' })],
    [
      'counts what to retry',
      async () => retry.count(deps(), (await job('retry', { filter: {} }))[0] as never),
    ],
    [
      'counts what to replay',
      async () => replay.count(deps(), (await job('replay', {}))[0] as never),
    ],
    [
      'counts what to backfill',
      async () =>
        backfill.count(deps(), (await job('backfill', { subscriber: 'newcomer' }))[0] as never),
    ],
    [
      'counts what to reset',
      async () => reset.count(deps(), (await job('reset', { filter: {} }))[0] as never),
    ],
    ['counts what a job has done', () => readProgress(database.pg, beside.jobId)],
    [
      'ends what a job has lost',
      () =>
        failOrphans({ pg: database.pg, recovery: { running: runsNothing } } as never, beside.jobId),
    ],
    [
      'rebuilds the search',
      async () => {
        const rebuild = rebuildSearch({ db: database.db } as never);
        await rebuild.count();
        await own.database
          .pg`alter table knockon.search_documents_next set (autovacuum_enabled = off)`;
        for (let after: string | null = null; ; ) {
          const filled = await rebuild.fill(after, 500);
          after = filled.after;
          if (after === null) break;
        }
        await rebuild.swap();
      },
    ],
    ['rebuilds analytics', () => rebuildAnalytics({ db: database.db } as never).swap()],
    [
      'rebuilds the cache',
      () => rebuildCache({ db: database.db } as never, { put: async () => {} } as never).swap(),
    ],
    [
      'lets expire',
      async () =>
        expire(
          database.pg,
          { eventsMs: 20 * DAY, receiptsMs: 15 * DAY },
          async () => {},
          new AbortController().signal,
        ),
    ],
  ])(
    'it %s in time by what there is',
    (what, run) =>
      within(what.includes('plans') || what.includes('rebuilds') ? 5 * whole : whole, run),
    120_000,
  );

  const step = 250_000;
  it.each<[string, () => Promise<unknown>]>([
    [
      'retries',
      async () => retry.step(deps(), (await job('retry', { filter: {} }))[0] as never, 500),
    ],
    ['replays', async () => replay.step(deps(), (await job('replay', {}))[0] as never, 500)],
    [
      'backfills',
      async () =>
        backfill.step(deps(), (await job('backfill', { subscriber: 'newcomer' }))[0] as never, 500),
    ],
    [
      'discards',
      async () =>
        discard(
          database,
          {
            ids: (
              await own.database.pg<
                { id: string }[]
              >`select id from knockon.dead_letters order by id limit 100`
            ).map(({ id }) => id),
          },
          'test',
          'test',
        ),
    ],
    ['claims', () => claim(database.pg, 500)],
    ['claims again', () => reclaim(database.pg, 0)],
    [
      'stores messages',
      async () => {
        const writer = createMessageWriter({ pg: database.pg, onStored: () => {} });
        await Promise.all(
          Array.from({ length: 200 }, (_, i) =>
            writer.post(
              aMessage(history, { idempotency: { key: `k${i}`, requestHash: Buffer.from('h') } }),
            ),
          ),
        );
      },
    ],
  ])('a step that %s takes its time by its length', (_, run) => within(step, run));

  it('a chain is checked in time by its length', async () => {
    await aLongChain(own.database, key, history.workspaceId, CHAIN);
    await forget(own.database, statistics);
    await within(40 * (CHAIN + MESSAGES), () =>
      verifyAudit({ heavy: createHeavy(database), key })(history.workspaceId),
    );
  }, 120_000);
});
