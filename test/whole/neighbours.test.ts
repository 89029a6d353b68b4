import { expect, it } from 'vitest';
import { chaos, wrongOf } from './run-chaos.ts';

/**
 * A machine that runs the gate may be several times slower than one that measures. What one party's
 * trouble stopped was stopped for tens of seconds.
 */
const SLACK = '6';

it('serves a good customer beside bad neighbours of every kind for two minutes, and loses nothing', {
  timeout: 20 * 60_000,
}, async () => {
  const outcome = await chaos(
    ...['--neighbours', '--minutes', '2', '--slack', SLACK, '--seed', '4242'],
  );
  const missed = outcome.bars.filter(({ kept }: { kept: boolean }) => !kept);
  expect(missed).toEqual([]);
  expect(wrongOf(outcome)).toEqual([]);
});
