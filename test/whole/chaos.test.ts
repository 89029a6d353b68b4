import { expect, it } from 'vitest';
import { chaos, wrongOf } from './run-chaos.ts';

/**
 * Of the kills alone, and until everybody was hit once. A busy machine needs a while to come to
 * rest afterwards.
 */
const MINUTES = '0.3';
const LONGEST = 25 * 60_000;

it('keeps every promise while each process is killed, Temporal and Postgres included', {
  timeout: LONGEST,
}, async () => {
  const outcome = await chaos('--minutes', MINUTES, '--writers', '3', '--seed', '5');
  expect(wrongOf(outcome)).toEqual([]);
  expect(outcome.traffic['messages accepted']).toBeGreaterThan(0);
  expect(outcome.parts.filter(({ kills }: { kills: number }) => kills === 0)).toEqual([]);
});
