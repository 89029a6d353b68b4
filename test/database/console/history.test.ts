import { beforeEach, expect, it } from 'vitest';
import { keepSample } from '../../../src/ops/status/history.ts';
import type { Sample } from '../../../src/ops/status/sample.ts';
import { OPERATOR, useApi } from '../api/test-api.ts';

const api = useApi();
beforeEach(() => api.database.pg`delete from knockon.samples`);

const subscriber = {
  state: 'active',
  rate: 3,
  error_rate: 0,
  backlog_age_seconds: 1.5,
  workers: 1,
  dead_letters: 0,
} as const;
const aSample = (backlog: number, rate = 3): Sample => ({
  at: new Date().toISOString(),
  messages_per_second: 7,
  undispatched_seconds: 0,
  subscribers: [{ ...subscriber, name: 'search', backlog, rate }],
});

const read = async (past = '') =>
  (await api.call('GET', `/v1/ops/history${past && `?past=${past}`}`, { key: OPERATOR })).body;

/** As if what was kept had been kept so long before. */
const age = (interval: string) =>
  api.database.pg`update knockon.samples set at = at - ${interval}::interval`;

it('shows the last three hours unless another past is asked for, with a place for each step, also where nobody has looked', async () => {
  await keepSample(api.database.pg, aSample(5));
  const history = await read();
  expect(history.every_seconds).toBe(30);
  expect(history.times).toHaveLength(360);
  expect(history.messages_per_second.at(-1)).toBe(7);
  expect(history.messages_per_second.slice(0, -1).every((value: unknown) => value === null)).toBe(
    true,
  );
  const [search] = history.subscribers;
  expect([
    search.name,
    search.rate.at(-1),
    search.backlog.at(-1),
    search.backlog_age_seconds.at(-1),
  ]).toEqual(['search', 3, 5, 1.5]);
  for (const [past, points] of Object.entries({ '15m': 90, '3h': 360, '24h': 288, '7d': 336 })) {
    const { times, subscribers } = await read(past);
    expect([
      times.length,
      subscribers[0].backlog.filter((value: unknown) => value !== null),
    ]).toEqual([points, [5]]);
  }
  expect((await api.call('GET', '/v1/ops/history?past=1y', { key: OPERATOR })).status).toBe(422);
});

it('keeps the peak of a backlog and the mean of a rate where looks are put together', async () => {
  for (const [backlog, rate] of [
    [5, 1],
    [900, 2],
    [7, 6],
  ] as const)
    await keepSample(api.database.pg, aSample(backlog, rate));
  const { subscribers } = await read('7d');
  expect([
    subscribers[0].backlog.findLast((v: unknown) => v !== null),
    subscribers[0].rate.findLast((v: unknown) => v !== null),
  ]).toEqual([900, 3]);
});

it('keeps the past for seven days, coarser with age, and no more rows than that', async () => {
  const { pg } = api.database;
  const resolutions = async () =>
    (
      await pg<
        { every: number }[]
      >`select distinct every from knockon.samples where at < now() - interval '30 minutes' order by 1`
    ).map(({ every }) => every);
  await keepSample(pg, aSample(5));
  for (const [older, kept] of [
    ['2 hours', [10, 60, 600]],
    ['20 hours', [60, 600]],
    ['6 days', [600]],
    ['1 day', []],
  ] as const) {
    await age(older);
    await keepSample(pg, aSample(5));
    expect(await resolutions()).toEqual(kept);
    await pg`delete from knockon.samples where at > now() - interval '30 minutes'`;
  }
  // A week of looks, as they would be.
  await pg`insert into knockon.samples (every, at, subscriber, looks, rate, error_rate, backlog, backlog_age_seconds, dead_letters)
    select k.every, date_bin(make_interval(secs => k.every), at, 'epoch'), 'search', 1, 1, 0, 1, 1, 0
    from (values (10), (60), (600)) k (every), generate_series(now() - interval '9 days', now(), make_interval(secs => k.every)) at`;
  await keepSample(pg, aSample(5));
  const [row] = await pg<
    { n: number }[]
  >`select count(*)::int as n from knockon.samples where subscriber = 'search'`;
  expect(row!.n).toBeLessThanOrEqual(1080 + 1440 + 1008 + 3);
});
