import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Live, type Told } from '../../../src/ops/status/live.ts';
import type { Sample } from '../../../src/ops/status/sample.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';

let own: TestDatabase;
let asked = 0;

beforeAll(async () => {
  own = await freshDatabase();
  await subscribe(own.database, { name: 'search' }, { name: 'audit' });
});
afterAll(() => own?.close());

/**
 * The database, which counts how often the rates' totals are asked for: once each time that it is
 * looked.
 */
const counted = () =>
  new Proxy(own.database.pg, {
    apply(pg, self, args: [TemplateStringsArray]) {
      if (args[0].join?.('').includes('sum(done)::float8 as done from')) asked += 1;
      return Reflect.apply(pg, self, args);
    },
  });

const aLive = () => new Live({ pg: counted(), log: pino({ level: 'silent' }), everyMs: 20 });

function aViewer() {
  const told: Told[] = [];
  const samples = () => told.flatMap((one): Sample[] => ('sample' in one ? [one.sample] : []));
  return { told, samples, viewer: (one: Told) => void told.push(one) };
}

it('looks once for all viewers, and not at all where there is none', async () => {
  const live = aLive();
  expect(asked).toBe(0);
  const [first, second] = [aViewer(), aViewer()];
  const one = live.watch(first.viewer);
  const two = live.watch(second.viewer);
  await expect.poll(() => second.samples().length).toBeGreaterThan(2);
  expect(asked).toBeLessThanOrEqual(first.samples().length + 1);
  one.stop();
  two.stop();
  const [before, seen] = [asked, first.told.length];
  await own.database.pg`select pg_sleep(0.2)`;
  expect(asked).toBeLessThanOrEqual(before + 1);
  expect(first.told).toHaveLength(seen);
  const third = aViewer();
  expect(live.watch(third.viewer).recent.length).toBeGreaterThan(2);
  await expect.poll(() => third.samples().length).toBeGreaterThan(0);
  live.close();
});

it('tells messages, backlog and dead letters as they are', async () => {
  const where = await aChannel(own.database);
  const writer = aWriter(own.database);
  await Promise.all(Array.from({ length: 10 }, () => writer.post(aMessage(where))));
  const live = aLive();
  const { viewer, samples } = aViewer();
  live.watch(viewer);
  await expect.poll(() => samples().length).toBeGreaterThan(0);
  const sample = samples()[0]!;
  expect(sample.messages_per_second).toBe(2);
  expect(sample.subscribers).toMatchObject([
    { name: 'audit', state: 'active', backlog: 10, dead_letters: 0, workers: 0, rate: 0 },
    { name: 'search', state: 'active', backlog: 10 },
  ]);
  expect(sample.undispatched_seconds).toBeGreaterThan(0);
  live.close();
});

it('makes a rate of what workers say they have done', async () => {
  const live = aLive();
  const { viewer, samples } = aViewer();
  live.watch(viewer);
  await expect.poll(() => samples().length).toBeGreaterThan(0);
  await own.database
    .pg`insert into knockon.effect_rates (subscriber, since, done, failed) values ('search', now(), 50, 50)`;
  await expect.poll(() => samples().at(-1)?.subscribers[1]?.rate).toBeGreaterThan(0);
  expect(samples().at(-1)?.subscribers[1]?.error_rate).toBe(0.5);
  live.close();
});

it('says that it can’t look while the database is away, and ends its streams when it is closed', async () => {
  const { viewer, told } = aViewer();
  const pg = new Proxy(own.database.pg, { apply: () => Promise.reject(new Error('away')) });
  const live = new Live({ pg, log: pino({ level: 'silent' }), everyMs: 20 });
  live.watch(viewer);
  await expect.poll(() => told).toContainEqual({ trouble: 'The database does not answer.' });
  live.close();
  expect(told.at(-1)).toEqual({ end: true });
  const late = aViewer();
  live.watch(late.viewer);
  expect(late.told).toEqual([{ end: true }]);
});
