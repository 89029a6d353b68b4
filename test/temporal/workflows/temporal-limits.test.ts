import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  LETTERS_SIGNAL,
  LETTERS_WORKFLOW,
  WORKFLOW_QUEUE,
} from '../../../src/transport/dispatch.ts';
import { attributesOfLetters } from '../../../src/transport/temporal/search-attributes.ts';
import { freshNamespace, workflowBundle } from '../../harness/temporal.ts';
import { type FakeEffect, healthy, WorkflowTestbed } from './testbed.ts';

/** The real server: the one that skips time takes names of any length. */
let testbed: WorkflowTestbed;
beforeAll(async () => {
  testbed = await WorkflowTestbed.at(await freshNamespace(), workflowBundle());
});
afterAll(() => testbed?.close());

/** The fairness keys of the calls of an effect that names a share. */
async function sharesOf(share: string) {
  let calls = 0;
  const effect: FakeEffect = async (call) => {
    calls += 1;
    if (calls > 1) return await healthy(call);
    return { done: 0, open: [{ event_id: 'e1', state: 'retry', reason: 'busy', share }] };
  };
  return await testbed.with({ webhooks: effect, search: healthy }, async () => {
    const handle = await testbed.start(['webhooks', 'search'], { retry: { initial_ms: 10 } });
    await handle.result();
    const { events = [] } = await handle.fetchHistory();
    return events!.flatMap(({ activityTaskScheduledEventAttributes: of }) =>
      of?.activityType?.name === 'webhooks' ? [of.priority?.fairnessKey] : [],
    );
  });
}

describe('a dispatch ends', () => {
  it.each([
    ['64 bytes', 'y'.repeat(64), 'y'.repeat(64)],
    ['66 bytes', 'é'.repeat(33), expect.stringMatching(/^[0-9a-f]{16}$/)],
    ['2,000 bytes', 'y'.repeat(2000), expect.stringMatching(/^[0-9a-f]{16}$/)],
  ])('where an effect names a share of %s', async (_, share, key) => {
    expect((await sharesOf(share))[1]).toEqual(key);
  });
});

it('shows the open letters of more subscribers than Temporal takes names of', async () => {
  const letters = (open: number) => ({
    open,
    effects: Array.from({ length: 60 }, (_, i) => `${'x'.repeat(60)}-${i + 10}`),
  });
  await testbed.with({}, async () => {
    const handle = await testbed.env.client.workflow.start(LETTERS_WORKFLOW, {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: 'letters',
      args: [letters(60)],
      typedSearchAttributes: attributesOfLetters(letters(60)),
    });
    await handle.signal(LETTERS_SIGNAL, letters(59));
    const shown = async () => (await handle.describe()).searchAttributes;
    await expect.poll(async () => (await shown()).OpenLetters).toEqual([59]);
    expect((await shown()).FailedEffects).toEqual(letters(59).effects.slice(0, 31));
    await handle.terminate();
  });
});
