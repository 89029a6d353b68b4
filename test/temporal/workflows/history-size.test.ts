import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EffectCall, OpenOutcome } from '../../../src/transport/dispatch.ts';
import { testServerPath, workflowBundle } from '../../harness/temporal.ts';
import { type FakeEffect, WorkflowTestbed } from './testbed.ts';

const HOUR = 3_600_000;
let testbed: WorkflowTestbed;
beforeAll(async () => {
  testbed = await WorkflowTestbed.open(testServerPath(), workflowBundle());
});
afterAll(() => testbed.close());

const idsOf = ({ dispatch_id, events }: EffectCall) =>
  'ids' in events
    ? events.ids
    : Array.from(
        { length: events.limit },
        (_, i) => `${dispatch_id}/${String(events.offset + i).padStart(4, '0')}`,
      );

const TARGETS = ['down', 'mended'];

/** The length of each run's history; a run that goes on as a new one ends with its id. */
async function historyLengths(handle: WorkflowHandle): Promise<number[]> {
  const lengths: number[] = [];
  for (
    let runId: string | null | undefined = (handle as { firstExecutionRunId?: string })
      .firstExecutionRunId;
    runId;
  ) {
    const history: Awaited<ReturnType<WorkflowHandle['fetchHistory']>> =
      await testbed.env.client.workflow.getHandle(handle.workflowId, runId).fetchHistory();
    lengths.push(history.events?.length ?? 0);
    runId =
      history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  }
  return lengths;
}

describe('a dispatch in which every event fails time and again', () => {
  it('stays far below the longest history Temporal allows, and counts tries on from run to run', async () => {
    const tries = new Map<string, number>();
    // One target of an event fails to the end, the other succeeds at its third try.
    const effect: FakeEffect = async (call) => {
      const open = idsOf(call).flatMap((id) =>
        (call.target === undefined ? TARGETS : [call.target]).flatMap((target): OpenOutcome[] => {
          const nth = (tries.get(`${id} ${target}`) ?? 0) + 1;
          tries.set(`${id} ${target}`, nth);
          return target === 'mended' && nth >= 3
            ? []
            : [{ event_id: id, target, state: 'retry', reason: 'down', share: id.slice(-2) }];
        }),
      );
      return { done: 0, open };
    };
    await testbed.with({ webhooks: effect }, async () => {
      const handle = await testbed.start(['webhooks'], {
        size: 300,
        retry: { attempts: 14, initial_ms: 5000, backoff: 3, max_ms: HOUR },
      });
      await expect(handle.result()).rejects.toThrow();
      const counted = (target: string) =>
        new Set([...tries].filter(([key]) => key.endsWith(target)).map(([, n]) => n));
      expect([counted('down'), counted('mended')]).toEqual([new Set([14]), new Set([3])]);
      const letters = testbed.letters.flatMap((l) => l.letters);
      expect(letters).toHaveLength(300);
      expect(new Set(letters.map(({ target }) => target))).toEqual(new Set(['down']));
      const lengths = await historyLengths(handle);
      expect(lengths.length).toBeGreaterThan(1);
      expect(Math.max(...lengths)).toBeLessThan(25_000);
    });
  }, 240_000);
});
