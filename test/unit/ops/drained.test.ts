import { expect, it } from 'vitest';
import { isDrained } from '../../../src/ops/status/subscriber-workers.ts';
import type { WorkerPresence } from '../../../src/ops/status/workers.ts';

const pausedAt = new Date('2027-01-01T00:00:00Z');
const subscriber = {
  name: 'billing',
  task_queue: 'effects.billing',
  host: 'http',
  calls_have_ended: null,
} as const;

/** A worker that was seen so many seconds after the pause. */
const worker = (seconds: number, more: Partial<WorkerPresence> = {}): WorkerPresence => ({
  identity: `${seconds}@here`,
  kind: 'effects',
  version: '1',
  host: 'here',
  pid: 1,
  effects: {},
  started_at: pausedAt,
  seen_at: new Date(pausedAt.getTime() + seconds * 1000),
  clock_ahead_ms: 0,
  alive: true,
  ...more,
});
const running = (calls: number) => ({ effects: { billing: { concurrency: 1, running: calls } } });

it.each<[string, boolean, WorkerPresence[]]>([
  ['once every worker was seen after the pause', true, [worker(2), worker(3, running(0))]],
  ['not while one is at a call', false, [worker(3, running(1))]],
  ['not while one that may have begun to host it was not seen since', false, [worker(-4)]],
  ['whatever workers of workflows do', true, [worker(-4, { kind: 'workflows' })]],
  ['without waiting for a worker that is gone', true, [worker(-4, { alive: false })]],
  ['where there is no worker', true, []],
])('a paused subscriber is drained %s: %s', (_, drained, workers) => {
  expect(isDrained(subscriber, pausedAt, workers)).toBe(drained);
});
