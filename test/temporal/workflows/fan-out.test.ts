import { ApplicationFailure } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EffectCall } from '../../../src/transport/dispatch.ts';
import { testServerPath, workflowBundle } from '../../harness/temporal.ts';
import { healthy, WorkflowTestbed } from './testbed.ts';

const HOUR = 3_600_000;
let testbed: WorkflowTestbed;
beforeAll(async () => {
  testbed = await WorkflowTestbed.open(testServerPath(), workflowBundle());
});
afterAll(() => testbed.close());

const failing = (reason: string) =>
  ApplicationFailure.create({ type: 'EffectRetry', message: reason, details: [reason] });
const reasonOf = async (result: Promise<unknown>) => {
  const error = await result.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof WorkflowFailedError))
    throw new Error(`the workflow did not fail: ${error}`);
  return error.cause?.message ?? '';
};

describe('the fan-out', () => {
  it('calls every subscriber once, on its own queue, with the dispatch and never a body', async () => {
    const calls: EffectCall[] = [];
    const noted = async (call: EffectCall) => {
      calls.push(call);
      return await healthy(call);
    };
    await testbed.with({ search: noted, audit: noted }, async () => {
      const handle = await testbed.start(['search', 'audit'], { size: 3 });
      await handle.result();
      expect(calls.map((call) => call.subscriber).sort()).toEqual(['audit', 'search']);
      expect(calls[0]).toEqual({
        dispatch_id: handle.workflowId,
        subscriber: calls[0]?.subscriber,
        events: { offset: 0, limit: 3 },
        alone: false,
      });
    });
  });

  it('splits a dispatch that is larger than a subscriber takes', async () => {
    const seen: number[] = [];
    const effect = async (call: EffectCall) => {
      if ('limit' in call.events) seen.push(call.events.limit);
      return await healthy(call);
    };
    await testbed.with({ search: effect }, async () => {
      await (await testbed.start(['search'], { size: 250, batch: 100 })).result();
      expect(seen.sort((a, b) => a - b)).toEqual([50, 100, 100]);
    });
  });

  it('has few calls of a flood in the queue at once, so that others wait for few', async () => {
    let [running, most] = [0, 0];
    const effect = async (call: EffectCall) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      return await healthy(call);
    };
    await testbed.with({ search: effect }, async () => {
      const handle = await testbed.start(['search'], { size: 40, batch: 1, share: 'floods' });
      const { events = [] } = await handle.result().then(() => handle.fetchHistory());
      let [pending, mostPending] = [0, 0];
      for (const event of events ?? []) {
        if (event.activityTaskScheduledEventAttributes) pending += 1;
        if (event.activityTaskCompletedEventAttributes) pending -= 1;
        mostPending = Math.max(mostPending, pending);
      }
      expect(mostPending).toBe(16);
      expect(most).toBeLessThanOrEqual(16);
    });
  });

  it('takes an event type that it has never heard of', async () => {
    await testbed.with({ audit: healthy }, async () => {
      const handle = await testbed.start(['audit'], {
        type: 'order.paid',
        workflow: 'onOrderPaid',
      });
      await expect(handle.result()).resolves.toBeUndefined();
    });
  });

  it('sees an effect through that fails for two days and then succeeds', async () => {
    let first: number | undefined;
    const effect = async (call: EffectCall) => {
      const now = await testbed.env.currentTimeMs();
      first ??= now;
      if (now - first < 48 * HOUR) throw failing('not yet');
      return await healthy(call);
    };
    await testbed.with({ webhooks: effect }, async () => {
      const handle = await testbed.start(['webhooks'], {
        retry: { attempts: 0, max_ms: 6 * HOUR },
      });
      await handle.result();
      expect((await testbed.env.currentTimeMs()) - (first ?? 0)).toBeGreaterThan(48 * HOUR);
    });
  });

  it('buries an effect that never succeeds, lets the others finish and fails with a sentence', async () => {
    let tries = 0;
    const never = async () => {
      tries += 1;
      throw failing('hooks.example.com answered 500');
    };
    let done = 0;
    const other = async (call: EffectCall) => {
      done += 1;
      return await healthy(call);
    };
    await testbed.with({ webhooks: never, search: other, audit: other }, async () => {
      const handle = await testbed.start(['webhooks', 'search', 'audit'], {
        retry: { attempts: 4 },
      });
      const reason = await reasonOf(handle.result());
      expect(reason).toContain(
        'webhooks gave up on the message.created event: hooks.example.com answered 500',
      );
      expect(reason).toContain('reset this workflow');
      expect(tries).toBe(4);
      expect(done).toBe(2);
      expect(testbed.letters.flatMap((l) => l.letters)).toMatchObject([
        { cause: 'hooks.example.com answered 500' },
      ]);
      const { searchAttributes } = await handle.describe();
      expect(searchAttributes.FailedEffects).toEqual(['webhooks']);
    });
  });

  it('does not try again what is dead by its own word', async () => {
    let calls = 0;
    const effect = async () => {
      calls += 1;
      return {
        done: 0,
        open: [
          { event_id: 'e1', state: 'dead' as const, reason: 'gone for good', cause: 'HTTP 410' },
        ],
      };
    };
    await testbed.with({ webhooks: effect }, async () => {
      expect(await reasonOf((await testbed.start(['webhooks'])).result())).toContain(
        'gone for good',
      );
      expect(calls).toBe(1);
      expect(testbed.letters[0]?.letters).toEqual([
        { events: { ids: ['e1'] }, cause: 'HTTP 410', reason: 'gone for good' },
      ]);
    });
  });

  it('retries one bad event of a hundred alone, and the ninety-nine are called once', async () => {
    const calls: EffectCall[] = [];
    const effect = async (call: EffectCall) => {
      calls.push(call);
      if (!call.alone)
        return { done: 99, open: [{ event_id: 'bad', state: 'retry' as const, reason: 'busy' }] };
      if (calls.length < 4) throw failing('busy');
      return { done: 1, open: [] };
    };
    await testbed.with({ search: effect }, async () => {
      await (await testbed.start(['search'], { size: 100 })).result();
      expect(calls.map((call) => call.events)).toEqual([
        { offset: 0, limit: 100 },
        ...Array(3).fill({ ids: ['bad'] }),
      ]);
    });
  });

  it('waits as long as the other side asks before it tries again', async () => {
    const times: number[] = [];
    const effect = async (call: EffectCall) => {
      times.push(await testbed.env.currentTimeMs());
      if (!call.alone)
        return {
          done: 1,
          open: [{ event_id: 'e1', state: 'retry' as const, reason: 'slow down', after_ms: HOUR }],
        };
      return { done: 1, open: [] };
    };
    await testbed.with({ webhooks: effect }, async () => {
      await (await testbed.start(['webhooks'], { size: 2 })).result();
      expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(HOUR);
    });
  });

  it('waits out a grace period by a durable timer and calls again', async () => {
    const calls: { at: number; call: EffectCall }[] = [];
    const effect = async (call: EffectCall) => {
      const at = await testbed.env.currentTimeMs();
      calls.push({ at, call });
      if (calls.length > 1) return { done: 1, open: [] };
      return {
        done: 0,
        open: [
          { event_id: 'e1', state: 'later' as const, until: new Date(at + 300_000).toISOString() },
        ],
      };
    };
    await testbed.with({ notifications: effect }, async () => {
      await (await testbed.start(['notifications'])).result();
      expect(calls).toHaveLength(2);
      expect((calls[1]?.at ?? 0) - (calls[0]?.at ?? 0)).toBeGreaterThanOrEqual(300_000);
      expect(calls[1]?.call.events).toEqual({ ids: ['e1'] });
    });
  });

  it('retries each target alone and asks once more for the whole event when all are settled', async () => {
    const calls: (string | undefined)[] = [];
    const effect = async (call: EffectCall) => {
      calls.push(call.target);
      const first = calls.length === 1;
      if (first) {
        const open = ['a', 'b'].map((target) => ({
          event_id: 'e1',
          target,
          state: 'retry' as const,
          reason: 'down',
        }));
        return { done: 0, open };
      }
      return { done: 1, open: [] };
    };
    await testbed.with({ webhooks: effect }, async () => {
      await (await testbed.start(['webhooks'])).result();
      expect(calls).toEqual([undefined, expect.any(String), expect.any(String), undefined]);
      expect(calls.slice(1, 3).sort()).toEqual(['a', 'b']);
    });
  });

  it('lets a dead target stand for its event, and the other target succeed', async () => {
    const calls: (string | undefined)[] = [];
    const effect = async (call: EffectCall) => {
      calls.push(call.target);
      if (call.target === 'a') throw failing('a is down');
      if (call.target === 'b') return { done: 1, open: [] };
      return {
        done: 0,
        open: ['a', 'b'].map((target) => ({
          event_id: 'e1',
          target,
          state: 'retry' as const,
          reason: 'down',
        })),
      };
    };
    await testbed.with({ webhooks: effect }, async () => {
      expect(
        await reasonOf((await testbed.start(['webhooks'], { retry: { attempts: 3 } })).result()),
      ).toContain('a is down');
      expect(calls.filter((target) => target === 'a')).toHaveLength(2);
      expect(calls.filter((target) => target === undefined)).toHaveLength(1);
      expect(testbed.letters.flatMap((l) => l.letters)).toMatchObject([
        { events: { ids: ['e1'] }, target: 'a' },
      ]);
    });
  });

  it('halves a group that fails as a whole until the culprit is alone', async () => {
    const culprit = 5;
    const effect = async (call: EffectCall) => {
      if (!('offset' in call.events)) throw new Error('a run of events was expected');
      const { offset, limit } = call.events;
      if (offset <= culprit && culprit < offset + limit)
        throw ApplicationFailure.create({ type: 'EffectPoison', message: 'poison' });
      return { done: limit, open: [] };
    };
    await testbed.with({ search: effect }, async () => {
      expect(
        await reasonOf(
          (await testbed.start(['search'], { size: 8, retry: { attempts: 2 } })).result(),
        ),
      ).toContain('search gave up on 1 of 8');
      expect(testbed.letters.flatMap((l) => l.letters)).toMatchObject([
        { events: { offset: culprit, limit: 1 }, reason: 'poison' },
      ]);
    });
  });

  it('leaves a dead letter for what a cancelled workflow has not done', async () => {
    const effect = async () => ({
      done: 0,
      open: [
        {
          event_id: 'e1',
          state: 'later' as const,
          until: new Date((await testbed.env.currentTimeMs()) + 24 * HOUR).toISOString(),
        },
      ],
    });
    await testbed.with({ notifications: effect }, async () => {
      const handle = await testbed.start(['notifications']);
      await expect
        .poll(async () =>
          (await handle.fetchHistory()).events?.some((e) => e.timerStartedEventAttributes),
        )
        .toBe(true);
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
      expect((await handle.describe()).status.name).toBe('CANCELLED');
      expect(testbed.letters.flatMap((l) => l.letters)).toEqual([
        {
          events: { offset: 0, limit: 1 },
          cause: 'cancelled',
          reason: 'the workflow was cancelled',
        },
      ]);
    });
  });

  it('leaves off a subscriber that it is told to drop, and sees the others through', async () => {
    const waiting = async () => ({
      done: 0,
      open: [
        {
          event_id: 'e1',
          state: 'later' as const,
          until: '2100-01-01T00:00:00Z',
          in_ms: 24 * HOUR,
        },
      ],
    });
    let isDue = false;
    const sibling = async (call: EffectCall) => {
      if (isDue) return await healthy(call);
      return {
        done: 0,
        open: [
          { event_id: 'e1', state: 'later' as const, until: '2100-01-01T00:00:00Z', in_ms: 1500 },
        ],
      };
    };
    await testbed.with({ retired: waiting, sibling }, async () => {
      // Nobody takes the calls of one of them: time is not skipped meanwhile.
      const handle = await testbed.start(['retired', 'unhosted', 'sibling']);
      await expect
        .poll(
          async () =>
            (await handle.fetchHistory()).events?.filter((e) => e.timerStartedEventAttributes)
              .length,
          { timeout: 10_000 },
        )
        .toBe(2);
      isDue = true;
      await handle.signal('drop', 'retired');
      await handle.signal('drop', 'unhosted');
      await handle.signal('drop', 'nobody of that name');
      await handle.result();
      expect(testbed.letters).toEqual([]);
    });
  });

  it.each([
    ['the one event of a dispatch', 1, 4],
    ['a group', 3, 2],
    ['an event that is called alone', 2, 4],
  ])(
    'makes a call again that a stranger has refused, and uses up no try: %s',
    async (_, size, times) => {
      let refusals = 0;
      const refusing = async (call: EffectCall) => {
        if (size === 2 && !call.alone)
          return {
            done: 0,
            open: ['e1', 'e2'].map((event_id) => ({
              event_id,
              state: 'retry' as const,
              reason: 'busy',
            })),
          };
        refusals += 1;
        if (refusals <= times)
          throw ApplicationFailure.create({ type: 'UnknownDispatchError', message: 'not here' });
        return await healthy(call);
      };
      await testbed.with({ search: refusing }, async () => {
        const handle = await testbed.start(['search'], { size, retry: { attempts: 3 } });
        await handle.result();
        expect(refusals).toBeGreaterThan(times);
        expect(testbed.letters).toEqual([]);
      });
    },
  );
});
