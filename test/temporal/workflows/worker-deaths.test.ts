import { Context } from '@temporalio/activity';
import { expect, it } from 'vitest';
import type { EffectCall } from '../../../src/transport/dispatch.ts';
import { freshNamespace, workflowBundle } from '../../harness/temporal.ts';
import { healthy, WorkflowTestbed } from './testbed.ts';

// On a real server: the time-skipping one tries again by itself, whatever the policy says of
// heartbeats.
it('counts the death of a worker against no call that only waited for its turn there', {
  timeout: 120_000,
}, async () => {
  const testbed = await WorkflowTestbed.at(await freshNamespace(), workflowBundle());
  const calls: EffectCall[] = [];
  const search = async (call: EffectCall) => {
    calls.push(call);
    if (calls.length === 4) return await healthy(call);
    // Of the first it died, so the others are suspected. The server notices in its 15 s.
    if (calls.length === 3) Context.current().heartbeat('not begun');
    return await Context.current().cancelled;
  };
  await testbed.with({ search }, async () => {
    await (await testbed.start(['search'])).result();
    expect(calls.map(({ suspect }) => suspect)).toEqual([undefined, true, true, true]);
    expect(testbed.letters).toEqual([]);
  });
  await testbed.close();
});
