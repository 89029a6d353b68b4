import { expect, it } from 'vitest';
import { truncateOutcomes } from '../../../src/activities/runtime/truncate-outcomes.ts';
import type { OpenOutcome } from '../../../src/transport/dispatch.ts';

const failed = (event_id: string, target?: string): OpenOutcome => ({
  event_id,
  target,
  state: 'retry',
  reason: 'x'.repeat(5000),
});

it('carries every outcome of a usual answer, with the beginning of its reason', () => {
  const answer = truncateOutcomes([
    failed('a', 'one'),
    failed('a', 'two'),
    { event_id: 'b', state: 'later', until: '2030-01-01T00:00:00.000Z' },
  ]);
  expect(answer.map(({ event_id, target, state }) => [event_id, target, state])).toEqual([
    ['a', 'one', 'retry'],
    ['a', 'two', 'retry'],
    ['b', undefined, 'later'],
  ]);
  expect(answer[0]).toMatchObject({ reason: 'x'.repeat(200) });
});

it('tries each event for itself where all their parties are too many for one answer', () => {
  const all = Array.from({ length: 500 }, (_, e) =>
    Array.from({ length: 100 }, (_, t) => failed(`event ${e}`, `party ${t}`)),
  ).flat();
  const answer = truncateOutcomes(all);
  expect(answer).toHaveLength(500);
  expect(answer.every((outcome) => outcome.target === undefined && outcome.state === 'retry')).toBe(
    true,
  );
  expect(JSON.stringify(answer).length).toBeLessThan(1_500_000);
});
