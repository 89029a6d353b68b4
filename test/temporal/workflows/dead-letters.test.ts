import type { WorkflowHandle } from '@temporalio/client';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  LETTERS_SIGNAL,
  LETTERS_WORKFLOW,
  type OpenLetters,
  WORKFLOW_QUEUE,
} from '../../../src/transport/dispatch.ts';
import { attributesOfLetters } from '../../../src/transport/temporal/search-attributes.ts';
import { testServerPath, workflowBundle } from '../../harness/temporal.ts';
import { type FakeEffect, healthy, WorkflowTestbed } from './testbed.ts';

let testbed: WorkflowTestbed;
beforeAll(async () => {
  testbed = await WorkflowTestbed.open(testServerPath(), workflowBundle());
});
afterAll(() => testbed.close());

const dead: FakeEffect = async () => ({
  done: 0,
  open: ['e1', 'e2', 'e3'].map((event_id) => ({
    event_id,
    state: 'dead' as const,
    reason: 'HTTP 500',
  })),
});

async function told(
  handle: WorkflowHandle,
): Promise<{ status: string; letters: unknown; effects: unknown }> {
  const { status, searchAttributes } = await handle.describe();
  return {
    status: status.name,
    letters: searchAttributes.OpenLetters,
    effects: searchAttributes.FailedEffects,
  };
}

describe('a dispatch', () => {
  it('says what is dead as soon as the letter is written, while another effect is still under way', async () => {
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow: FakeEffect = async (call) => {
      await released;
      return await healthy(call);
    };
    await testbed.with({ webhooks: dead, search: slow }, async () => {
      const handle = await testbed.start(['webhooks', 'search'], { size: 3 });
      await expect
        .poll(() => told(handle))
        .toEqual({ status: 'RUNNING', letters: [3], effects: ['webhooks'] });
      release();
      await expect(handle.result()).rejects.toThrow();
      // Who has ended answers for no letter: `showLetters` does.
      expect(await told(handle)).toEqual({ status: 'FAILED', letters: [0], effects: ['webhooks'] });
    });
  });

  it('of which all is well bears nothing of it, and takes two workflow tasks', async () => {
    await testbed.with({ search: healthy, audit: healthy }, async () => {
      const handle = await testbed.start(['search', 'audit']);
      await handle.result();
      const { events } = await handle.fetchHistory();
      expect(events?.filter((event) => event.markerRecordedEventAttributes)).toEqual([]);
      expect(
        events?.filter((event) => event.upsertWorkflowSearchAttributesEventAttributes),
      ).toEqual([]);
      expect(
        events?.filter((event) => event.workflowTaskCompletedEventAttributes).length,
      ).toBeLessThanOrEqual(3);
    });
  });

  it('sets no search attributes where it was started without, and ends', async () => {
    await testbed.with({ webhooks: dead }, async () => {
      const handle = await testbed.start(['webhooks'], { attributes: false });
      await expect(handle.result()).rejects.toThrow();
      expect(await told(handle)).toEqual({
        status: 'FAILED',
        letters: undefined,
        effects: undefined,
      });
    });
  });
});

describe('the workflow that shows open letters', () => {
  const show = (letters: OpenLetters) =>
    testbed.env.client.workflow.start(LETTERS_WORKFLOW, {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: `letters.${uuidv7()}`,
      args: [letters],
      typedSearchAttributes: attributesOfLetters(letters),
    });

  it('runs for as long as there are any, and says how many and of which effects', async () => {
    await testbed.with({}, async () => {
      const handle = await show({ open: 3, effects: ['search', 'webhooks'] });
      expect(await told(handle)).toEqual({
        status: 'RUNNING',
        letters: [3],
        effects: ['search', 'webhooks'],
      });
      await handle.signal(LETTERS_SIGNAL, { open: 1, effects: ['webhooks'] } satisfies OpenLetters);
      await expect
        .poll(() => told(handle))
        .toEqual({ status: 'RUNNING', letters: [1], effects: ['webhooks'] });
      await handle.signal(LETTERS_SIGNAL, { open: 0, effects: [] } satisfies OpenLetters);
      await handle.result();
      expect(await told(handle)).toEqual({
        status: 'COMPLETED',
        letters: [0],
        effects: ['webhooks'],
      });
    });
  });
});
