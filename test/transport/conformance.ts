import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { audit } from '../../src/activities/audit/index.ts';
import { verifyAudit } from '../../src/activities/audit/verify.ts';
import { dead, defineEffect, type Effect, later, retry } from '../../src/activities/runtime/effect.ts';
import type { Config } from '../../src/config.ts';
import type { Transaction } from '../../src/db/client.ts';
import type { DomainEvent } from '../../src/events/index.ts';
import { editMessage } from '../../src/messages/edit.ts';
import { aChannel } from '../harness/messaging.ts';
import { soon, TransportBench } from './bench.ts';

type Options = Partial<Parameters<typeof defineEffect>[0]>;

const fast = { attempts: 4, initial: '50ms', max: '200ms' } as const;

let effects = 0;

/** An effect of a name of its own, tried again within a moment. */
function anEffect(act: Pick<Effect, never> & Options): Effect {
  effects += 1;
  const what = { name: `effect-${effects}`, description: '', on: ['*'], retry: fast, ...act };
  return defineEffect(what as Parameters<typeof defineEffect>[0]);
}

/** What every transport must do; run for each of them. */
export function conformance(transport: Config['KNOCKON_TRANSPORT']): void {
  vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });
  let bench: TransportBench;

  beforeAll(async () => {
    bench = await TransportBench.open(transport);
    await bench.database.sql`create table happened (id bigint generated always as identity, effect text, event_id uuid, seq int)`;
  });
  afterEach(() => bench.clear());
  afterAll(() => bench?.close());

  /** Writes down each event it is given, where it can be seen whether it did so twice. */
  const noting = (name: () => string) => async (tx: Transaction, events: DomainEvent[]) => {
    for (const { id, seq } of events) await tx.execute(sql`insert into happened (effect, event_id, seq) values (${name()}, ${id}, ${seq})`);
  };
  const aNoter = (options: Options = {}): Effect => {
    const effect: Effect = anEffect({
      ...options,
      transact: (tx: Transaction, events: DomainEvent[]) => noting(() => effect.name)(tx, events),
    });
    return effect;
  };
  const happened = async ({ name }: Effect) =>
    (await bench.database.sql`select event_id from happened where effect = ${name} order by event_id`).map((row) => String(row.event_id));

  describe('events that are dispatched', () => {
    it('reach every subscriber, in calls of at most its batch', async () => {
      const sizes: number[] = [];
      const inSlices = anEffect({
        batch: 10,
        async transact(_tx: Transaction, events: DomainEvent[]) {
          sizes.push(events.length);
        },
      });
      const [one, another] = [aNoter(), aNoter()];
      await bench.host(one, another, inSlices);
      const events = await bench.post(25);
      await bench.dispatch();
      for (const effect of [one, another, inSlices]) await bench.done(effect.name, events);
      expect(await happened(one)).toEqual(events);
      expect(await happened(another)).toEqual(events);
      expect(sizes.sort()).toEqual([10, 10, 5].sort());
    });

    it('happen once in the database, however often their dispatch is started', async () => {
      const effect = aNoter({ batch: 2 });
      await bench.host(effect);
      const events = await bench.post(5);
      const [dispatch] = await bench.dispatch();
      const again = () => bench.chosen.transport.start(dispatch!, { workspace_ids: [], channel_ids: [] });
      await Promise.all([again(), again()]);
      await bench.done(effect.name, events);
      await again();
      const marker = await bench.post(1);
      await bench.dispatch();
      await bench.done(effect.name, [...events, ...marker].sort());
      expect(await happened(effect)).toEqual([...events, ...marker].sort());
    });

    it.each(['channel', 'exclusive'] as const)(
      'are seen in the order of their channel by an effect that is ordered: %s',
      async (ordering) => {
        const effect = aNoter({ ordering, batch: 5 });
        const channels = [await aChannel(bench.database), await aChannel(bench.database)];
        await Promise.all([bench.host(effect), bench.host(effect)]);
        const events = await manyInOverlappingDispatches(bench, channels);
        await bench.done(effect.name, events);
        for (const { channelId } of channels) {
          const rows = await bench.database.sql`
          select h.seq from happened h join events e on e.id = h.event_id
          where h.effect = ${effect.name} and e.channel_id = ${channelId} order by h.id`;
          expect(rows.map((row) => row.seq)).toEqual(Array.from({ length: events.length / 2 }, (_, i) => i + 1));
        }
      },
    );

    it('are recorded once and in one chain by an exclusive effect, whoever of several workers has them', async () => {
      const key = Buffer.alloc(32, 1);
      const where = await aChannel(bench.database);
      await Promise.all([bench.host(audit({ key })), bench.host(audit({ key }))]);
      const events = await manyInOverlappingDispatches(bench, [where]);
      const verdict = () => verifyAudit({ db: bench.database.db, key })(where.workspaceId);
      await expect.poll(verdict, soon).toMatchObject({ valid: true, entries: events.length });
    });
  });

  describe('a subscriber', () => {
    it('that is added while all runs gets the next event, and nobody is restarted', async () => {
      const first = aNoter();
      await bench.host(first);
      const before = await bench.post(1);
      await bench.dispatch();
      await bench.done(first.name, before);
      const second = aNoter();
      await bench.host(second);
      const after = await bench.post(1);
      await bench.dispatch();
      await bench.done(second.name, after);
      await bench.done(first.name, [...before, ...after]);
      expect(await happened(second)).toEqual(after);
    });

    it('keeps its backlog while its consumer is away, and does it when that is back', async () => {
      const effect = aNoter();
      const stop = await bench.host(effect);
      await stop();
      const events = await bench.post(3);
      await bench.dispatch();
      const backlog = () => bench.chosen.backlog(effect.task_queue);
      await expect.poll(backlog, soon).toMatchObject({ count: 1 });
      expect(await happened(effect)).toEqual([]);
      await bench.host(effect);
      await bench.done(effect.name, events);
      await expect.poll(backlog, soon).toMatchObject({ count: 0 });
    });

    it('that fails holds up nobody beside it', async () => {
      const healthy = aNoter();
      const failing = anEffect({
        retry: { attempts: 0, initial: '50ms' },
        async transact() {
          throw new Error('the effect is broken');
        },
      });
      await bench.host(failing, healthy);
      for (let i = 0; i < 3; i += 1) {
        const events = await bench.post(4);
        await bench.dispatch();
        await expect.poll(async () => (await bench.receipts(healthy.name)).filter((id) => events.includes(id)), soon).toEqual(events);
      }
      expect(await bench.receipts(failing.name)).toEqual([]);
    });
  });

  describe('a worker', () => {
    it('goes on when all its connections to the database are cut', async () => {
      const effect = aNoter();
      await bench.host(effect);
      const before = await bench.post(1);
      await bench.dispatch();
      await bench.done(effect.name, before);
      await bench.cutConnections();
      const after = await vi.waitFor(() => bench.post(1), soon);
      await vi.waitFor(() => bench.dispatch(), soon);
      await bench.done(effect.name, [...before, ...after]);
      expect(await happened(effect)).toEqual([...before, ...after]);
    });

    it('that stops leaves to another what it could not end in time', async () => {
      let calls = 0;
      const effect = anEffect({
        async perform(_events: DomainEvent[], { signal }: { signal: AbortSignal }) {
          calls += 1;
          if (calls === 1) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
          return undefined;
        },
      });
      const stop = await bench.host(effect);
      const events = await bench.post(1);
      await bench.dispatch();
      await expect.poll(() => calls, soon).toBe(1);
      await stop();
      expect(await bench.receipts(effect.name)).toEqual([]);
      await bench.host(effect);
      await bench.done(effect.name, events);
      expect(calls).toBe(2);
    });
  });

  describe('an event that is not done', () => {
    it('is tried again under the policy until it is, its tries counted', async () => {
      let calls = 0;
      const effect = anEffect({
        async perform([event]: DomainEvent[]) {
          calls += 1;
          return calls < 3 ? [retry(event!, `busy, try ${calls}`)] : undefined;
        },
      });
      await bench.host(effect);
      const events = await bench.post(1);
      await bench.dispatch();
      await bench.done(effect.name, events);
      expect(calls).toBe(3);
      expect(await bench.database.sql`select attempts, last_error from attempts where subscriber = ${effect.name}`).toEqual([
        { attempts: 2, last_error: 'busy, try 2' },
      ]);
      expect(await bench.letters(effect.name)).toEqual([]);
    });

    it('waits as long as the other side asks', async () => {
      const times: number[] = [];
      const effect = anEffect({
        async perform([event]: DomainEvent[]) {
          times.push(Date.now());
          return times.length === 1 ? [retry(event!, 'slow down', { after_ms: 1500 })] : undefined;
        },
      });
      await bench.host(effect);
      const events = await bench.post(1);
      await bench.dispatch();
      await bench.done(effect.name, events);
      expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(1500);
    });

    it('is called again at the time it names, without a try being counted', async () => {
      const calls: { at: number; events: number }[] = [];
      const until = Date.now() + 3000;
      const effect = anEffect({
        retry: { attempts: 1 },
        async perform(events: DomainEvent[]) {
          calls.push({ at: Date.now(), events: events.length });
          return calls.length === 1 ? events.slice(0, 2).map((event) => later(event, new Date(until))) : undefined;
        },
      });
      await bench.host(effect);
      const events = await bench.post(3);
      await bench.dispatch();
      await bench.done(effect.name, events);
      expect(calls.map((call) => call.events)).toEqual([3, 2]);
      expect(calls[1]!.at).toBeGreaterThanOrEqual(until);
    });

    it('becomes a dead letter when its tries are used up, and the others are done', async () => {
      const calls: string[][] = [];
      let bad = '';
      const effect = anEffect({
        async transact(_tx: Transaction, events: DomainEvent[]) {
          calls.push(events.map(({ id }) => id));
          return events.filter(({ id }) => id === bad).map((event) => retry(event, 'no such recipient', { cause: 'HTTP 404' }));
        },
      });
      await bench.host(effect);
      const events = await bench.post(100);
      bad = events[41]!;
      await bench.dispatch();
      await expect
        .poll(() => bench.letters(effect.name), soon)
        .toEqual([{ event_id: bad, target: '', cause: 'HTTP 404', reason: 'no such recipient' }]);
      await bench.done(
        effect.name,
        events.filter((id) => id !== bad),
      );
      // The group once, the bad one alone until four tries are used up.
      expect(calls.map((ids) => ids.length)).toEqual([100, 1, 1, 1]);
    });

    it('becomes a dead letter at once where the effect says that it is one', async () => {
      let calls = 0;
      const effect = anEffect({
        async perform([event]: DomainEvent[]) {
          calls += 1;
          return [dead(event!, 'gone for good', { cause: 'HTTP 410' })];
        },
      });
      await bench.host(effect);
      const [event] = await bench.post(1);
      await bench.dispatch();
      await expect
        .poll(() => bench.letters(effect.name), soon)
        .toEqual([{ event_id: event, target: '', cause: 'HTTP 410', reason: 'gone for good' }]);
      expect(calls).toBe(1);
    });
  });

  describe('a call that fails as a whole', () => {
    it('is halved until the culprit is alone, and the others are done', async () => {
      let poison = '';
      const effect: Effect = anEffect({
        async transact(tx: Transaction, events: DomainEvent[]) {
          if (events.some(({ id }) => id === poison)) throw new Error('poison');
          await noting(() => effect.name)(tx, events);
        },
      });
      await bench.host(effect);
      const events = await bench.post(16);
      poison = events[5]!;
      await bench.dispatch();
      await expect.poll(() => bench.letters(effect.name), soon).toMatchObject([{ event_id: poison, reason: 'poison' }]);
      const others = events.filter((id) => id !== poison);
      await bench.done(effect.name, others);
      expect(await happened(effect)).toEqual(others);
    });

    it('is given up at its time limit, and made again', async () => {
      let calls = 0;
      const effect = anEffect({
        timeout: '1s',
        async perform(_events: DomainEvent[], { signal }: { signal: AbortSignal }) {
          calls += 1;
          if (calls === 1) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
          return undefined;
        },
      });
      await bench.host(effect);
      const events = await bench.post(1);
      await bench.dispatch();
      await bench.done(effect.name, events);
      expect(calls).toBe(2);
    });
  });

  describe('an event with several outside parties', () => {
    it('has each tried alone, and is called once more when all are settled', async () => {
      const open = new Set(['a', 'b', 'c']);
      const calls: (string | undefined)[] = [];
      const effect = anEffect({
        async perform([event]: DomainEvent[], { target }: { target: string | undefined }) {
          calls.push(target);
          if (calls.length === 1) return [...open].map((name) => retry({ event: event!, target: name }, `${name} is down`));
          if (target === 'b' && calls.filter((name) => name === 'b').length === 1) return [retry({ event: event!, target }, 'still down')];
          if (target) open.delete(target);
          return [...open].map((name) => retry({ event: event!, target: name }, `${name} is down`)).filter(() => !target);
        },
      });
      await bench.host(effect);
      const events = await bench.post(1);
      await bench.dispatch();
      await bench.done(effect.name, events);
      expect(calls.slice(1, -1).sort()).toEqual(['a', 'b', 'b', 'c']);
      expect([calls[0], calls.at(-1)]).toEqual([undefined, undefined]);
    });

    it('is dead where one of them is, and the others are still settled', async () => {
      const settled: string[] = [];
      const calls: (string | undefined)[] = [];
      const effect = anEffect({
        async perform([event]: DomainEvent[], { target }: { target: string | undefined }) {
          calls.push(target);
          if (!target) return ['a', 'b'].map((name) => retry({ event: event!, target: name }, `${name} is down`));
          if (target === 'a') return [retry({ event: event!, target }, 'a is down')];
          settled.push(target);
          return undefined;
        },
      });
      await bench.host(effect);
      const [event] = await bench.post(1);
      await bench.dispatch();
      await expect.poll(() => bench.letters(effect.name), soon).toMatchObject([{ event_id: event, target: 'a', reason: 'a is down' }]);
      await expect.poll(() => settled, soon).toEqual(['b']);
      expect(await bench.receipts(effect.name)).toEqual([]);
      expect(calls.filter((target) => target === 'a')).toHaveLength(3);
      expect(calls.filter((target) => target === undefined)).toHaveLength(1);
    });
  });
}

/** Messages and edits of them in each channel, seven events a dispatch, while those before are under way. @returns the events' ids, in order */
async function manyInOverlappingDispatches(
  bench: TransportBench,
  channels: { workspaceId: string; channelId: string }[],
): Promise<string[]> {
  for (let round = 0; round < 4; round += 1) {
    for (const where of channels) {
      await bench.post(8, where);
      await editOne(bench, where);
    }
    while ((await bench.dispatch(7)).length > 0);
  }
  const ids = channels.map(({ channelId }) => channelId);
  return (await bench.database.sql`select id from events where channel_id = any(${ids}::uuid[]) order by id`).map((row) => String(row.id));
}

/** Edits the channel's first message. */
async function editOne(bench: TransportBench, { workspaceId, channelId }: { workspaceId: string; channelId: string }): Promise<void> {
  const { db, sql: query } = bench.database;
  const [message] = await query`select id from messages where channel_id = ${channelId} order by seq limit 1`;
  await db.transaction((tx) => editMessage(tx, { workspaceId, id: String(message!.id) }, { text: 'edited' }));
}
