import { ApplicationFailure } from '@temporalio/activity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EffectCall, OpenOutcome } from '../../../src/transport/dispatch.ts';
import { testServerPath, workflowBundle } from '../../harness/temporal.ts';
import { type FakeEffect, healthy, WorkflowTestbed } from './testbed.ts';

const HOUR = 3_600_000;
let testbed: WorkflowTestbed;
beforeAll(async () => {
  testbed = await WorkflowTestbed.open(testServerPath(), workflowBundle());
});
afterAll(() => testbed.close());

const webhooksPolicy = { attempts: 12, initial_ms: 5000, backoff: 3, max_ms: 6 * HOUR };

const down = (event_id: string, more: object = {}): OpenOutcome => ({
  event_id,
  state: 'retry',
  reason: 'down',
  ...more,
});

/**
 * As a worker does: "retry" of a single event is thrown where its workflow does not count tries.
 */
function answered(call: EffectCall, outcome: OpenOutcome): Awaited<ReturnType<FakeEffect>> {
  if (
    !call.alone ||
    call.tried !== undefined ||
    outcome.state !== 'retry' ||
    outcome.target !== call.target
  )
    return { done: 0, open: [outcome] };
  const { after_ms: nextRetryDelay } = outcome;
  throw ApplicationFailure.create({ type: 'EffectRetry', message: outcome.reason, nextRetryDelay });
}

/**
 * Fails every try of an event, by the way given, and notes when they were. @returns the waits
 * between them, in seconds
 */
async function waitsOf(
  fail: (call: EffectCall) => Awaited<ReturnType<FakeEffect>>,
  options: Parameters<WorkflowTestbed['start']>[1],
) {
  const times: number[] = [];
  const effect: FakeEffect = async (call) => {
    times.push(await testbed.env.currentTimeMs());
    return fail(call);
  };
  await testbed.with({ webhooks: effect }, async () => {
    await expect((await testbed.start(['webhooks'], options)).result()).rejects.toThrow();
  });
  return times.slice(1).map((time, i) => (time - times[i]!) / 1000);
}

/** Within a fifth, and what the server takes for a call. */
function expectWaits(waits: number[], expected: number[]): void {
  expect(waits).toHaveLength(expected.length);
  for (const [i, wait] of waits.entries()) {
    expect(wait).toBeGreaterThanOrEqual(expected[i]! * 0.8 - 0.1);
    expect(wait).toBeLessThanOrEqual(expected[i]! * 1.2 + 3);
  }
}

describe('an event that fails', () => {
  const SCHEDULE = [5, 15, 45, 135, 405];

  it.each([
    ['answers that it failed', (call: EffectCall) => answered(call, down('e1')), 1],
    [
      'answers so for one target',
      (call: EffectCall) => answered(call, down('e1', { target: call.target ?? 'a' })),
      1,
    ],
    ['answers so of one in a group', (call: EffectCall) => answered(call, down('e1')), 2],
    [
      'throws',
      () => {
        throw ApplicationFailure.create({ type: 'EffectRetry', message: 'down' });
      },
      1,
    ],
  ])('is tried again after 5, 15, 45 s … where its effect %s', async (_, fail, size) => {
    expectWaits(await waitsOf(fail, { size, retry: { ...webhooksPolicy, attempts: 6 } }), SCHEDULE);
  });

  it.each([0, -5, 1])(
    'is not tried sooner than the policy says where the other side asks for %i ms',
    async (after_ms) => {
      const waits = await waitsOf((call) => answered(call, down('e1', { after_ms })), {
        retry: { ...webhooksPolicy, attempts: 6 },
      });
      expectWaits(waits, SCHEDULE);
    },
  );

  it('is tried when the other side says where that is later, each time', async () => {
    const waits = await waitsOf((call) => answered(call, down('e1', { after_ms: 60_000 })), {
      retry: { ...webhooksPolicy, attempts: 5 },
    });
    for (const wait of waits.slice(0, 3)) expect(wait).toBeGreaterThanOrEqual(60);
    expectWaits(waits.slice(3), [135]);
  });

  it('uses up no try where it only waits', async () => {
    const calls: number[] = [];
    const effect: FakeEffect = async ({ target = 'a', tried }) => {
      calls.push(tried ?? -1);
      if (calls.length > 6) return { done: 1, open: [] };
      const waits = calls.length % 2 === 0;
      return {
        done: 0,
        open: [
          waits
            ? { event_id: 'e1', target, state: 'later', until: '', in_ms: 5000 }
            : down('e1', { target }),
        ],
      };
    };
    await testbed.with({ webhooks: effect }, async () => {
      await (
        await testbed.start(['webhooks'], { retry: { ...webhooksPolicy, attempts: 4 } })
      ).result();
      expect(calls).toEqual([0, 1, 1, 2, 2, 3, 3, 0]);
    });
  });

  it('is put off as long as it takes, and uses up no try', async () => {
    const times: number[] = [];
    const effect: FakeEffect = async (call) => {
      times.push(await testbed.env.currentTimeMs());
      return times.length < 30
        ? { done: 0, open: [], put_off: new Date(0).toISOString(), put_off_ms: 2000 }
        : await healthy(call);
    };
    await testbed.with({ webhooks: effect }, async () => {
      await (
        await testbed.start(['webhooks'], { retry: { ...webhooksPolicy, attempts: 1 } })
      ).result();
      expect((times.at(-1)! - times[0]!) / 1000).toBeGreaterThanOrEqual(58);
    });
  });
});

describe('the targets of an event', () => {
  const names = Array.from({ length: 80 }, (_, i) => `t${i}`);
  const open = (targets: string[]) =>
    targets.map((target) => down('e1', { target, after_ms: 30_000, share: 'w1' }));

  it('share calls where the worker takes several of them, and each counts its own tries', async () => {
    const calls: EffectCall[] = [];
    const effect: FakeEffect = async (call) => {
      calls.push(call);
      const failing =
        call.targets?.filter((target) => target === 't7') ?? (call.target === 't7' ? ['t7'] : []);
      if (calls.length === 1) return { done: 0, open: open(names), takes_targets: true };
      return { done: 0, open: open(failing), takes_targets: true };
    };
    await testbed.with({ webhooks: effect }, async () => {
      await expect(
        (
          await testbed.start(['webhooks'], {
            size: 2,
            batch: 1,
            retry: { ...webhooksPolicy, attempts: 3 },
          })
        ).result(),
      ).rejects.toThrow();
    });
    const together = calls.filter(({ targets }) => targets);
    expect(together).toHaveLength(3);
    expect(together.flatMap(({ targets }) => targets).sort()).toEqual([...names].sort());
    expect(Math.max(...together.map(({ targets }) => targets!.length))).toBe(32);
    expect(calls.filter(({ target }) => target === 't7').map(({ tried }) => tried)).toEqual([2]);
    expect(testbed.letters.flatMap(({ letters }) => letters.map(({ target }) => target))).toEqual([
      't7',
    ]);
  });

  it('are called alone after a call for several has failed as a whole, which uses up no try', async () => {
    const calls: EffectCall[] = [];
    const effect: FakeEffect = async (call) => {
      calls.push(call);
      if (call.targets)
        throw ApplicationFailure.create({
          type: 'EffectPoison',
          message: 'broken',
          nonRetryable: true,
        });
      if (calls.length === 1) return { done: 0, open: open(['a', 'b']), takes_targets: true };
      return { done: 1, open: [] };
    };
    await testbed.with({ webhooks: effect }, async () => {
      await (
        await testbed.start(['webhooks'], { retry: { ...webhooksPolicy, attempts: 2 } })
      ).result();
    });
    const [first, together, ...alone] = calls.map(
      ({ target, targets, tried }) => `${targets ?? target} ${tried}`,
    );
    expect([first, together, ...alone.sort()]).toEqual([
      'undefined 0',
      'a,b 1',
      'a 1',
      'b 1',
      'undefined 0',
    ]);
    expect(testbed.letters).toEqual([]);
  });
});

describe('events that are to be called again apart', () => {
  it('are called again at once, those of each share together', async () => {
    const calls: EffectCall[] = [];
    const apart = (event_id: string, share: string): OpenOutcome => ({
      event_id,
      share,
      state: 'later',
      until: new Date().toISOString(),
      in_ms: 0,
      apart: true,
    });
    const effect: FakeEffect = async (call) => {
      calls.push(call);
      if (calls.length > 1) return { done: 1, open: [] };
      return { done: 1, open: [apart('e1', 'w1'), apart('e2', 'w2'), apart('e3', 'w1')] };
    };
    await testbed.with({ webhooks: effect }, async () => {
      await (await testbed.start(['webhooks'], { size: 4 })).result();
    });
    const again = calls
      .slice(1)
      .map(({ events }) => ('ids' in events ? events.ids.join() : events));
    expect(again.sort()).toEqual(['e1,e3', 'e2']);
  });
});

describe('while 301 targets of one workspace fail', () => {
  const OTHERS = 100;

  it('the targets of others are tried again when they are due, and timers are shared', async () => {
    const bad = Array.from({ length: 301 }, (_, i) => `bad-${i}`);
    const good = Array.from({ length: OTHERS }, (_, i) => `good-${i}`);
    let first = 0;
    const again = new Map<string, number>();
    const effect: FakeEffect = async (call) => {
      const { target } = call;
      const now = await testbed.env.currentTimeMs();
      if (target === undefined && again.size === 0) {
        first = now;
        // Theirs are due a little later, when all of the others are under way.
        const theirs = good.map((id) => down(id, { target: id, share: 'good', after_ms: 8000 }));
        const open = [...bad.map((id) => down(id, { target: id, share: 'bad' })), ...theirs];
        return { done: 0, open };
      }
      if (target?.startsWith('bad')) return answered(call, down(target, { target, share: 'bad' }));
      if (target) again.set(target, (now - first) / 1000);
      return { done: 1, open: [] };
    };
    // All six subscribers have their part of the calls that a workflow may have under way.
    const beside = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, healthy]));
    await testbed.with({ webhooks: effect, ...beside }, async () => {
      const handle = await testbed.start(['webhooks', ...Object.keys(beside)], {
        size: 401,
        retry: { ...webhooksPolicy, attempts: 5 },
      });
      await expect(handle.result()).rejects.toThrow();
      expect(again.size).toBe(OTHERS);
      expect(Math.max(...again.values())).toBeLessThan(20);
      const { events } = await handle.fetchHistory();
      expect(events!.filter((event) => event.timerStartedEventAttributes).length).toBeLessThan(80);
    });
  }, 120_000);
});
