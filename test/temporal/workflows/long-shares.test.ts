import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
