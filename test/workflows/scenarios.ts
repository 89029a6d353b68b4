import { ApplicationFailure } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import type { EffectCall } from '../../src/transport/dispatch.ts';
import { type FakeEffect, healthy, type WorkflowBench } from './bench.ts';

/** One way through the fan-out, whose history is kept in test/histories/ and replayed. */
export interface Scenario {
  effects: () => Record<string, FakeEffect>;
  start: Parameters<WorkflowBench['start']>[1];
  /** What to do while it runs. */
  during?: (handle: WorkflowHandle) => Promise<void>;
}

/** The time-skipping server's clock may be days ahead of ours. */
const DAY = 86_400_000;

const failing = (type: string, message: string) => ApplicationFailure.create({ type, message, details: [message] });

/** Fails its first calls, then is done. */
const recovering = (failures: number): FakeEffect => {
  let calls = 0;
  return async (call) => {
    calls += 1;
    if (calls <= failures) throw failing('EffectRetry', 'down');
    return await healthy(call);
  };
};

const openOnce = (open: (call: EffectCall) => Awaited<ReturnType<FakeEffect>>['open']): FakeEffect => {
  let calls = 0;
  return async (call) => {
    calls += 1;
    return calls === 1 ? { done: 0, open: open(call) } : { done: 1, open: [] };
  };
};

export const scenarios: Record<string, Scenario> = {
  'one-event-six-effects': {
    effects: () =>
      Object.fromEntries(['webhooks', 'notifications', 'search', 'analytics', 'audit', 'cache'].map((name) => [name, healthy])),
    start: {},
  },
  'a-group-in-slices': { effects: () => ({ search: healthy }), start: { size: 250, batch: 100 } },
  'an-undeclared-type': { effects: () => ({ audit: healthy }), start: { type: 'order.paid', workflow: 'onOrderPaid' } },
  'retried-by-policy': { effects: () => ({ webhooks: recovering(2) }), start: {} },
  'retried-alone': {
    effects: () => ({ search: openOnce(() => [{ event_id: 'e1', state: 'retry', reason: 'busy' }]) }),
    start: { size: 2 },
  },
  'waited-for': {
    effects: () => ({
      notifications: openOnce(() => [{ event_id: 'e1', state: 'later', until: new Date(Date.now() + 100 * DAY).toISOString() }]),
    }),
    start: {},
  },
  'each-target-alone': {
    effects: () => ({ webhooks: openOnce(() => ['a', 'b'].map((target) => ({ event_id: 'e1', target, state: 'retry', reason: 'down' }))) }),
    start: {},
  },
  'a-dead-letter-beside-health': { effects: () => ({ webhooks: recovering(99), search: healthy }), start: { retry: { attempts: 3 } } },
  'halved-to-the-culprit': {
    effects: () => ({
      search: async (call) => {
        if ('offset' in call.events && call.events.offset <= 5 && call.events.offset + call.events.limit > 5)
          throw failing('EffectPoison', 'poison');
        return await healthy(call);
      },
    }),
    start: { size: 8, retry: { attempts: 1 } },
  },
  cancelled: {
    effects: () => ({
      notifications: openOnce(() => [{ event_id: 'e1', state: 'later', until: new Date(Date.now() + 365 * DAY).toISOString() }]),
    }),
    start: {},
    during: async (handle) => {
      while (!(await handle.fetchHistory()).events?.some((event) => event.timerStartedEventAttributes)) await new Promise(setImmediate);
      await handle.cancel();
    },
  },
};
