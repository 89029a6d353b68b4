import { type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { DeadLetters, Dispatch, EffectAnswer, EffectCall, Selection, SubscriberSpec } from '../transport/dispatch.ts';
import { count } from '../transport/selection.ts';
import type { Dead } from './reckoning.ts';

type Leg = { dispatch: Dispatch; subscriber: SubscriberSpec };

const WORKER_DIED = 'TemporalTimeout:Heartbeat';

/** Failures that a group is not tried again for as it is: it is halved. */
const HALVED = ['EffectPoison', 'TemporalTimeout:StartToClose', WORKER_DIED];

const ledger = proxyActivities<{ recordDeadLetters(letters: DeadLetters): Promise<void> }>({
  taskQueue: 'workflows',
  startToCloseTimeout: '30s',
});

/** What a call is about beside its events. */
export interface About {
  target?: string;
  /** How many of the policy's attempts are used up. */
  tried?: number;
  /** How many workers have died while they were at it. */
  deaths?: number;
}

/** One activity call on the subscriber's queue. */
export async function callEffect(leg: Leg, events: Selection, about: About): Promise<EffectAnswer> {
  const { dispatch, subscriber } = leg;
  const alone = count(events) === 1;
  const activities = proxyActivities<Record<string, (call: EffectCall) => Promise<EffectAnswer>>>({
    taskQueue: subscriber.task_queue,
    // Start-to-close alone: the others run on while a queue is paused.
    startToCloseTimeout: subscriber.timeout_ms,
    heartbeatTimeout: '15s',
    retry: alone ? alonePolicy(subscriber, about.tried ?? 0) : { maximumInterval: '30s', nonRetryableErrorTypes: HALVED },
    summary: summary(events, about.target),
  });
  const call = {
    dispatch_id: dispatch.id,
    subscriber: subscriber.name,
    events,
    target: about.target,
    alone,
    suspect: about.deaths ? true : undefined,
  };
  const activity = activities[subscriber.activity];
  if (!activity) throw new Error('proxyActivities gives a function for every name');
  return await activity(call);
}

function alonePolicy({ retry }: SubscriberSpec, tried: number): ActivityOptions['retry'] {
  return {
    // 0 means without end to us and to Temporal alike.
    maximumAttempts: retry.attempts === 0 ? undefined : Math.max(1, retry.attempts - tried),
    initialInterval: retry.initial_ms,
    maximumInterval: Math.max(retry.initial_ms, retry.max_ms),
    backoffCoefficient: retry.backoff,
    // Perhaps it is the event that kills workers: the workflow counts these itself.
    nonRetryableErrorTypes: [WORKER_DIED],
  };
}

function summary(events: Selection, target: string | undefined): string | undefined {
  if (target !== undefined) return `for ${target}`;
  return count(events) === 1 ? undefined : `${count(events)} events`;
}

/** Writes dead letters for those of these events that have no receipt. */
export async function bury(
  { dispatch, subscriber }: Leg,
  events: Selection,
  why: { cause: string; reason: string; target?: string },
): Promise<Dead> {
  await ledger.recordDeadLetters({ dispatch_id: dispatch.id, subscriber: subscriber.name, letters: [{ events, ...why }] });
  return { events: count(events), reason: why.reason };
}
