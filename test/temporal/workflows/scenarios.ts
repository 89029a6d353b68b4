import { ApplicationFailure } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import type { EffectCall } from '../../../src/transport/dispatch.ts';
import { type FakeEffect, healthy, type WorkflowTestbed } from './testbed.ts';

/** One way through the fan-out, whose history is kept in test/histories/ and replayed. */
export interface Scenario {
  effects: () => Record<string, FakeEffect>;
  start: Parameters<WorkflowTestbed['start']>[1];
  /** What to do while it runs. */
  during?: (handle: WorkflowHandle) => Promise<void>;
}

/** The time-skipping server's clock may be days ahead of ours. */
const DAY = 86_400_000;

const failing = (type: string, message: string) =>
  ApplicationFailure.create({ type, message, details: [message] });

/** Fails its first calls, then is done. */
const recovering = (failures: number): FakeEffect => {
  let calls = 0;
  return async (call) => {
    calls += 1;
    if (calls <= failures) throw failing('EffectRetry', 'down');
    return await healthy(call);
  };
};

const openOnce = (
  open: (call: EffectCall) => Awaited<ReturnType<FakeEffect>>['open'],
): FakeEffect => {
  let calls = 0;
  return async (call) => {
    calls += 1;
    return calls === 1 ? { done: 0, open: open(call) } : { done: 1, open: [] };
  };
};

/** Open at the first so many calls of each target, then done. */
const openUntil = (
  calls: number,
  open: (call: EffectCall) => Awaited<ReturnType<FakeEffect>>['open'],
): FakeEffect => {
  const counts = new Map<string | undefined, number>();
  return async (call) => {
    const nth = (counts.get(call.target) ?? 0) + 1;
    counts.set(call.target, nth);
    const isDone = call.target === undefined ? nth > 1 : nth >= calls;
    return isDone ? { done: 1, open: [] } : { done: 0, open: open(call) };
  };
};

/** Answers so, one call after another, and is done then. */
const inTurn = (...answers: (() => Awaited<ReturnType<FakeEffect>>)[]): FakeEffect => {
  return async () => answers.shift()?.() ?? { done: 2, open: [] };
};

async function cancelledOnceItWaits(handle: WorkflowHandle): Promise<void> {
  while (!(await handle.fetchHistory()).events?.some((event) => event.timerStartedEventAttributes))
    await new Promise(setImmediate);
  await handle.cancel();
}

export const scenarios: Record<string, Scenario> = {
  'one-event-six-effects': {
    effects: () =>
      Object.fromEntries(
        ['webhooks', 'notifications', 'search', 'analytics', 'audit', 'cache'].map((name) => [
          name,
          healthy,
        ]),
      ),
    start: {},
  },
  'a-group-in-slices': { effects: () => ({ search: healthy }), start: { size: 250, batch: 100 } },
  'an-undeclared-type': {
    effects: () => ({ audit: healthy }),
    start: { type: 'order.paid', workflow: 'onOrderPaid' },
  },
  'retried-by-policy': { effects: () => ({ webhooks: recovering(2) }), start: {} },
  'retried-alone': {
    effects: () => ({
      search: openOnce(() => [{ event_id: 'e1', state: 'retry', reason: 'busy' }]),
    }),
    start: { size: 2 },
  },
  'waited-for': {
    effects: () => ({
      notifications: openOnce(() => [
        { event_id: 'e1', state: 'later', until: new Date(Date.now() + 100 * DAY).toISOString() },
      ]),
    }),
    start: {},
  },
  'each-target-alone': {
    effects: () => ({
      webhooks: openOnce(() =>
        ['a', 'b'].map((target) => ({ event_id: 'e1', target, state: 'retry', reason: 'down' })),
      ),
    }),
    start: {},
  },
  'a-dead-letter-beside-health': {
    effects: () => ({ webhooks: recovering(99), search: healthy }),
    start: { retry: { attempts: 3 } },
  },
  'letters-told-while-another-waits': {
    effects: () => ({
      webhooks: recovering(99),
      notifications: openOnce(() => [
        { event_id: 'e1', state: 'later', until: new Date(0).toISOString(), in_ms: 60_000 },
      ]),
    }),
    start: { retry: { attempts: 2 } },
  },
  'cancelled-with-letters-told': {
    effects: () => ({
      webhooks: async () => ({
        done: 0,
        open: [{ event_id: 'e1', state: 'dead', reason: 'gone' }],
      }),
      notifications: openOnce(() => [
        { event_id: 'e1', state: 'later', until: new Date(0).toISOString(), in_ms: DAY },
      ]),
    }),
    start: {},
    during: cancelledOnceItWaits,
  },
  'halved-to-the-culprit': {
    effects: () => ({
      search: async (call) => {
        if (
          'offset' in call.events &&
          call.events.offset <= 5 &&
          call.events.offset + call.events.limit > 5
        )
          throw failing('EffectPoison', 'poison');
        return await healthy(call);
      },
    }),
    start: { size: 8, retry: { attempts: 1 } },
  },
  'targets-that-wait-themselves': {
    effects: () => ({
      webhooks: openUntil(3, (call) =>
        (call.target ? [call.target] : ['a', 'b']).map((target) => ({
          event_id: 'e1',
          target,
          state: 'retry',
          reason: 'down',
          after_ms: 7000,
          share: 'w1',
        })),
      ),
    }),
    start: { size: 2 },
  },
  'put-off-and-due-in-so-long': {
    effects: () => ({
      notifications: inTurn(
        () => ({ done: 0, open: [], put_off: new Date(0).toISOString(), put_off_ms: 2000 }),
        () => ({
          done: 0,
          open: ['e1', 'e2'].map((event_id, i) => ({
            event_id,
            state: 'later',
            until: new Date(0).toISOString(),
            in_ms: 300_000 - i,
          })),
        }),
      ),
    }),
    start: { size: 2 },
  },
  'goes-on-where-another-run-ended': {
    effects: () => ({
      webhooks: async (call) =>
        'ids' in call.events && call.events.ids.includes('e2') && call.alone && !call.target
          ? { done: 0, open: [{ event_id: 'e2', state: 'retry', reason: 'down' }] }
          : await healthy(call),
    }),
    start: {
      size: 4,
      retry: { attempts: 3 },
      before: {
        dead: { webhooks: { events: 1, reason: 'down' } },
        rest: {
          webhooks: {
            ids: ['e4'],
            runs: [],
            tries: [
              { ids: ['e1', 'e3'], places: [], target: 'a', tried: 2, due: Date.now() + 900 * DAY },
              { ids: ['e3'], places: [], target: 'b', tried: 1, buried: true },
              { ids: ['e2'], places: [], tried: 1, due: Date.now() + 900 * DAY },
            ],
          },
        },
      },
    },
  },
  'given-up-together': {
    effects: () => ({
      search: async (call) => {
        if ('offset' in call.events && call.events.offset < 4)
          throw failing('EffectPoison', 'poison');
        return await healthy(call);
      },
    }),
    start: { size: 8, retry: { attempts: 2 } },
  },
  'cancelled-while-it-waits-itself': {
    effects: () => ({
      search: openOnce(() => [{ event_id: 'e1', state: 'later', until: '', in_ms: 365 * DAY }]),
    }),
    start: {},
    during: cancelledOnceItWaits,
  },
  cancelled: {
    effects: () => ({
      notifications: openOnce(() => [
        { event_id: 'e1', state: 'later', until: new Date(Date.now() + 2000 * DAY).toISOString() },
      ]),
    }),
    start: {},
    during: cancelledOnceItWaits,
  },
};
