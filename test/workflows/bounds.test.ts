import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EffectCall, OpenOutcome } from '../../src/transport/dispatch.ts';
import { testServerPath } from '../harness/temporal.ts';
import { type FakeEffect, WorkflowBench } from './bench.ts';

const HOUR = 3_600_000;
let bench: WorkflowBench;
beforeAll(async () => {
  bench = await WorkflowBench.open(testServerPath());
});
afterAll(() => bench.close());

const idsOf = ({ dispatch_id, events }: EffectCall) =>
  'ids' in events
    ? events.ids
    : Array.from({ length: events.limit }, (_, i) => `${dispatch_id}/${String(events.offset + i).padStart(4, '0')}`);

/** Every event fails for an hour, each for itself; then all succeed. */
function failingForAnHour(done: Set<string>, outcome: (id: string, now: number) => OpenOutcome): FakeEffect {
  let first: number | undefined;
  return async (call) => {
    const now = await bench.env.currentTimeMs();
    first ??= now;
    const ids = idsOf(call);
    if (now - first < HOUR) return { done: 0, open: ids.map((id) => outcome(id, now)) };
    for (const id of ids) done.add(id);
    return { done: ids.length, open: [] };
  };
}

/** The length of each run's history; a run that goes on as a new one ends with its id. */
async function historyLengths(handle: WorkflowHandle): Promise<number[]> {
  const lengths: number[] = [];
  for (let runId: string | null | undefined = (handle as { firstExecutionRunId?: string }).firstExecutionRunId; runId; ) {
    const history: Awaited<ReturnType<WorkflowHandle['fetchHistory']>> = await bench.env.client.workflow
      .getHandle(handle.workflowId, runId)
      .fetchHistory();
    lengths.push(history.events?.length ?? 0);
    runId = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  }
  return lengths;
}

describe('a dispatch in which every event fails for an hour', () => {
  it('stays far below the longest history Temporal allows, and loses nothing', async () => {
    const done = new Set<string>();
    const later = (id: string, now: number): OpenOutcome => ({
      event_id: id,
      state: 'later',
      // Each at a moment of its own: the worst case for timers.
      until: new Date(now + 300_000 + (Number(id.slice(-4)) % 500) * 40).toISOString(),
    });
    await bench.with({ search: failingForAnHour(done, later) }, async () => {
      const handle = await bench.start(['search'], { size: 150 });
      await handle.result();
      expect(done.size).toBe(150);
      const lengths = await historyLengths(handle);
      expect(lengths.length).toBeGreaterThan(1);
      expect(Math.max(...lengths)).toBeLessThan(25_000);
    });
  }, 240_000);
});
