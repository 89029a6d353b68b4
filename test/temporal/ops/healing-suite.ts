import { sql } from 'drizzle-orm';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import { dead, later } from '../../../src/activities/runtime/outcomes.ts';
import type { Transaction } from '../../../src/db/client.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { claim, markStarted } from '../../../src/outbox/claim.ts';
import { restartOrphans } from '../../../src/outbox/restart-orphans.ts';
import type { Config } from '../../../src/settings/config.ts';
import { soon, TransportTestbed } from '../transport/testbed.ts';

const log = pino({ level: 'silent' });
let effects = 0;

/** What every transport must give back of what is lost. */
export function healing(transport: Config['KNOCKON_TRANSPORT']): void {
  vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });
  let testbed: TransportTestbed;
  beforeAll(async () => {
    testbed = await TransportTestbed.open(transport);
    await testbed.database.pg`create table happened (effect text, event_id uuid)`;
  });
  afterEach(() => testbed.clear());
  afterAll(() => testbed?.close());

  const recordingEffect = (
    answer: (events: DomainEvent[]) => ReturnType<typeof later>[] = () => [],
  ): Effect => {
    effects += 1;
    const name = `noter-${effects}`;
    return defineEffect({
      name,
      description: '',
      on: ['*'],
      async transact(tx: Transaction, events: DomainEvent[]) {
        const open = answer(events);
        const done = events.filter((event) => !open.some(({ event_id }) => event_id === event.id));
        for (const { id } of done)
          await tx.execute(sql`insert into happened (effect, event_id) values (${name}, ${id})`);
        return open;
      },
    });
  };
  const happened = async ({ name }: Effect) =>
    (
      await testbed.database
        .pg`select event_id from happened where effect = ${name} order by event_id`
    ).map((row) => String(row.event_id));
  const healed = () =>
    restartOrphans({ pg: testbed.database.pg, recovery: testbed.chosen.recovery, ageMs: 0, log });
  const books = async ({ name }: Effect) =>
    (
      await verifyLedger(testbed.database.pg, { running: testbed.chosen.recovery.running })
    ).subscribers.find((s) => s.name === name);
  /** Claimed and marked as started, but the transport knows nothing of it: it has lost it. */
  const lose = async () => {
    for (const { id } of await claim(testbed.database.pg, 2000))
      await markStarted(testbed.database.pg, id, 'lost');
  };

  describe('what is missing', () => {
    it('of a dispatch that is long done is found and done again, and nothing else of it', async () => {
      const [one, other] = [recordingEffect(), recordingEffect()];
      await testbed.host(one, other);
      const events = await testbed.post(5);
      await testbed.dispatch();
      for (const effect of [one, other]) await testbed.done(effect.name, events);
      await expect
        .poll(() => books(one), soon)
        .toMatchObject({ expected: 5, done: 5, in_flight: 0, missing: 0 });
      await testbed.database
        .pg`delete from happened where effect = ${one.name} and event_id = any(${events.slice(1, 3)}::uuid[])`;
      await testbed.database
        .pg`delete from knockon.receipts where subscriber = ${one.name} and event_id = any(${events.slice(1, 3)}::uuid[])`;
      // Its workflow may be a moment from its end.
      await expect
        .poll(() => books(one), soon)
        .toMatchObject({ expected: 5, done: 3, in_flight: 0, missing: 2 });
      expect(await healed()).toBe(2);
      await testbed.done(one.name, events);
      expect(await books(one)).toMatchObject({ expected: 5, done: 5, missing: 0 });
      for (const effect of [one, other]) expect(await happened(effect)).toEqual(events);
      expect(await healed()).toBe(0);
    });

    it('of a dispatch that the transport has lost is done, once, whoever starts it again', async () => {
      const effect = recordingEffect();
      await testbed.host(effect);
      const events = await testbed.post(7);
      await lose();
      expect(await books(effect)).toMatchObject({ expected: 7, done: 0, missing: 7 });
      await Promise.all([healed(), healed(), healed()]);
      await testbed.done(effect.name, events);
      expect(await happened(effect)).toEqual(events);
      const [dispatch] = await testbed.database
        .pg`select restarts from knockon.dispatches order by id desc limit 1`;
      expect(dispatch).toEqual({ restarts: 1 });
    });

    it('is started once more where its restart was lost too', async () => {
      const effect = recordingEffect();
      await testbed.host(effect);
      const events = await testbed.post(2);
      await lose();
      await testbed.database
        .pg`update knockon.dispatches set restarts = 3, restarted_at = now() where settled_at is null`;
      await healed();
      await testbed.done(effect.name, events);
      expect(await happened(effect)).toEqual(events);
    });

    it('is not what something is at work on, nor what is dead', async () => {
      const waiting = recordingEffect((events) =>
        events.slice(0, 1).map((event) => later(event, new Date(Date.now() + 3_600_000))),
      );
      const giving = recordingEffect(
        (events) => events.slice(0, 1).map((event) => dead(event, 'no')) as never,
      );
      await testbed.host(waiting, giving);
      await testbed.post(3);
      await testbed.dispatch();
      await expect
        .poll(() => books(waiting), soon)
        .toMatchObject({ done: 2, in_flight: 1, missing: 0 });
      await expect
        .poll(() => books(giving), soon)
        .toMatchObject({ done: 2, dead: 1, in_flight: 0, missing: 0 });
      expect(await healed()).toBe(0);
    });

    it('is left alone while it is young', async () => {
      const effect = recordingEffect();
      await testbed.host(effect);
      await testbed.post(1);
      await lose();
      expect(
        await restartOrphans({
          pg: testbed.database.pg,
          recovery: testbed.chosen.recovery,
          ageMs: 60_000,
          log,
        }),
      ).toBe(0);
      await testbed.database
        .pg`update knockon.dispatches set claimed_at = now() - interval '61 s' where settled_at is null`;
      expect(
        await restartOrphans({
          pg: testbed.database.pg,
          recovery: testbed.chosen.recovery,
          ageMs: 60_000,
          log,
        }),
      ).toBe(1);
      expect(
        await restartOrphans({
          pg: testbed.database.pg,
          recovery: testbed.chosen.recovery,
          ageMs: 60_000,
          log,
        }),
      ).toBe(0);
    });
  });
}
