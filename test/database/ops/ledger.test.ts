import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';
import {
  dispatchMessages,
  runsEverything,
  runsNothing,
  writeDeadLetters,
  writeReceipts,
} from './ledger-rows.ts';

let test: TestDatabase;
beforeEach(async () => {
  test = await freshDatabase();
});
afterEach(() => test.close());

const books = async (running = runsNothing, full = false) => {
  const { subscribers, balanced } = await verifyLedger(test.database.pg, { running, full });
  for (const s of subscribers)
    expect(s.expected - s.done - s.dead - s.in_flight - s.missing, s.name).toBe(0);
  return {
    balanced,
    ...Object.fromEntries(
      subscribers.map((s) => [s.name, [s.expected, s.done, s.dead, s.in_flight, s.missing]]),
    ),
  };
};
const settledDispatches = async () =>
  (await test.database.pg`select 1 from knockon.dispatches where settled_at is not null`).length;

describe('the ledger', () => {
  it('is balanced while a transport is at work on what is open, and misses it once it is not', async () => {
    const { events } = await dispatchMessages(test.database, 5, 'search', 'audit');
    await writeReceipts(test.database, 'search', events);
    await writeReceipts(test.database, 'audit', events.slice(0, 3));
    expect(await books(runsEverything)).toEqual({
      balanced: true,
      search: [5, 5, 0, 0, 0],
      audit: [5, 3, 0, 2, 0],
    });
    expect(await books(runsNothing)).toEqual({
      balanced: false,
      search: [5, 5, 0, 0, 0],
      audit: [5, 3, 0, 0, 2],
    });
  });

  it('names what is missing, and how old it is', async () => {
    const { dispatches, events } = await dispatchMessages(test.database, 2, 'search');
    await writeReceipts(test.database, 'search', events.slice(0, 1));
    await test.database.pg`update knockon.dispatches set claimed_at = now() - interval '1 hour'`;
    const { missing, subscribers } = await verifyLedger(test.database.pg, { running: runsNothing });
    const age_seconds = expect.closeTo(3600, -2);
    expect(missing).toEqual([
      {
        subscriber: 'search',
        event_id: events[1],
        type: 'message.created',
        dispatch_id: dispatches[0],
        age_seconds,
      },
    ]);
    expect(subscribers).toMatchObject([
      { name: 'search', missing: 1, oldest_seconds: age_seconds },
    ]);
  });

  it('does not read again what it has found settled, and counts it for ever', async () => {
    const first = await dispatchMessages(test.database, 4, 'search', 'audit');
    for (const name of ['search', 'audit']) await writeReceipts(test.database, name, first.events);
    await books();
    expect(await settledDispatches()).toBe(1);
    const second = await dispatchMessages(test.database, 3, 'search', 'audit');
    expect(await books(runsEverything)).toEqual({
      balanced: true,
      search: [7, 4, 0, 3, 0],
      audit: [7, 4, 0, 3, 0],
    });
    await writeReceipts(test.database, 'search', second.events);
    expect(await books(runsEverything)).toEqual({
      balanced: true,
      search: [7, 7, 0, 0, 0],
      audit: [7, 4, 0, 3, 0],
    });
    const [half] = await test.database
      .pg`select open from knockon.dispatches where settled_at is null`;
    expect(half?.open).toEqual(['audit']);
  });

  it('finds a receipt that is deleted by hand, long after its dispatch was found settled', async () => {
    const { events } = await dispatchMessages(test.database, 3, 'search', 'audit');
    for (const name of ['search', 'audit']) await writeReceipts(test.database, name, events);
    expect(await books()).toMatchObject({ balanced: true });
    await test.database
      .pg`delete from knockon.receipts where subscriber = 'search' and event_id = ${events[1]!}`;
    expect(await books()).toEqual({
      balanced: false,
      search: [3, 2, 0, 0, 1],
      audit: [3, 3, 0, 0, 0],
    });
    await writeReceipts(test.database, 'search', [events[1]!]);
    expect(await books()).toEqual({
      balanced: true,
      search: [3, 3, 0, 0, 0],
      audit: [3, 3, 0, 0, 0],
    });
  });

  it('finds a receipt that was lost behind the back of the database where it is told to read it all', async () => {
    const { events } = await dispatchMessages(test.database, 3, 'search');
    await writeReceipts(test.database, 'search', events);
    await books();
    await test.database.pg`alter table knockon.receipts disable trigger all`;
    await test.database.pg`delete from knockon.receipts where event_id = ${events[0]!}`;
    expect(await books()).toMatchObject({ balanced: true });
    expect(await books(runsNothing, true)).toEqual({ balanced: false, search: [3, 2, 0, 0, 1] });
  });

  it('counts an event once whose targets are dead, whether its dispatch is settled or not', async () => {
    const { dispatches, events } = await dispatchMessages(test.database, 4, 'webhooks', 'search');
    await writeReceipts(test.database, 'webhooks', events.slice(0, 3));
    await writeDeadLetters(test.database, 'webhooks', dispatches[0]!, events.slice(3));
    expect(await books(runsEverything)).toEqual({
      balanced: true,
      webhooks: [4, 3, 1, 0, 0],
      search: [4, 0, 0, 4, 0],
    });
    await writeReceipts(test.database, 'search', events);
    expect(await books()).toEqual({
      balanced: true,
      webhooks: [4, 3, 1, 0, 0],
      search: [4, 4, 0, 0, 0],
    });
    expect(await settledDispatches()).toBe(1);
  });

  it('follows a dead letter that is answered, and misses one that is deleted', async () => {
    const { dispatches, events } = await dispatchMessages(test.database, 2, 'webhooks');
    await writeDeadLetters(test.database, 'webhooks', dispatches[0]!, events);
    expect(await books()).toEqual({ balanced: true, webhooks: [2, 0, 2, 0, 0] });
    await writeReceipts(test.database, 'webhooks', events.slice(0, 1));
    await test.database.pg`delete from knockon.dead_letters where event_id = ${events[0]!}`;
    expect(await books()).toEqual({ balanced: true, webhooks: [2, 1, 1, 0, 0] });
    await test.database.pg`delete from knockon.dead_letters where event_id = ${events[1]!}`;
    expect(await books()).toEqual({ balanced: false, webhooks: [2, 1, 0, 0, 1] });
  });

  it('calls nothing missing that was claimed and not started: it is undispatched', async () => {
    await dispatchMessages(test.database, 1, 'search');
    const writer = aWriter(test.database);
    await writer.post(aMessage(await aChannel(test.database)));
    await claim(test.database.pg, 10);
    const balance = await verifyLedger(test.database.pg, { running: runsNothing });
    expect(balance).toMatchObject({
      subscribers: [{ expected: 2, in_flight: 1, missing: 1 }],
      undispatched: { count: 1 },
    });
  });

  it('says so where the transport can not be asked, and calls nothing lost', async () => {
    await dispatchMessages(test.database, 1, 'search');
    const away = async () => Promise.reject(new Error('away'));
    expect(await verifyLedger(test.database.pg, { running: away })).toMatchObject({
      balanced: true,
      asked: false,
    });
  });

  it('keeps the sums right when several check at once', async () => {
    const { events } = await dispatchMessages(test.database, 50, 'search', 'audit');
    for (const name of ['search', 'audit']) await writeReceipts(test.database, name, events);
    await Promise.all(
      Array.from({ length: 8 }, () => verifyLedger(test.database.pg, { running: runsNothing })),
    );
    await Promise.all(
      events
        .slice(0, 10)
        .map(
          (id) =>
            test.database
              .pg`delete from knockon.receipts where event_id = ${id} and subscriber = 'audit'`,
        ),
    );
    expect(await books()).toEqual({
      balanced: false,
      search: [50, 50, 0, 0, 0],
      audit: [50, 40, 0, 0, 10],
    });
  });
});
