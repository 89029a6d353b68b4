import { type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { EffectAnswer, EffectCall, Selection, SubscriberSpec } from '../transport/dispatch.ts';
import { FAILURE } from '../transport/retry/failure.ts';
import type { PendingCall } from '../transport/retry/next-steps.ts';
import { count, isFollowUp } from '../transport/retry/selection.ts';
import { fairnessKey } from '../transport/temporal-bytes.ts';
import { checkedAnswer, malformed, STRANGE_EVENT } from './checked-answer.ts';
import { database } from './database.ts';
import type { Leg } from './leg.ts';

const WORKER_DIED = 'TemporalTimeout:Heartbeat';

/** After these failures Temporal does not repeat a group as it is: we halve it. */
const HALVED = [FAILURE.poison, 'TemporalTimeout:StartToClose', WORKER_DIED];

/**
 * Where a queue has a backlog, first calls go before those that follow up: what fails again and
 * again delays nothing that is new. Calls of different shares take turns, where the server knows
 * fairness keys; to every other they say nothing.
 */
const FOLLOW_UP = 4;

/** A call for one target of an event, or for several at once. */
export type TargetedCall = PendingCall & { targets?: string[] };

/**
 * One activity call on the subscriber's queue.
 *
 * @throws ActivityFailure, or of a malformed answer
 */
export async function callEffect(
  { dispatch, subscriber }: Pick<Leg, 'dispatch' | 'subscriber'>,
  call: TargetedCall,
): Promise<EffectAnswer> {
  const { events, target, targets, tried, deaths } = call;
  const alone = count(events) === 1;
  const activities = proxyActivities<Record<string, (call: EffectCall) => Promise<EffectAnswer>>>({
    taskQueue: subscriber.task_queue,
    // Start-to-close alone: the other limits run on while a queue is paused.
    startToCloseTimeout: subscriber.timeout_ms,
    heartbeatTimeout: '15s',
    retry: alone
      ? policyOfOne(subscriber, call)
      : { maximumInterval: '30s', nonRetryableErrorTypes: HALVED },
    summary: summary(events, call),
    ...priorityOf(dispatch, call),
  });
  const activity = activities[subscriber.activity];
  if (!activity) throw new Error('proxyActivities gives a function for every name');
  const answer = await activity({
    dispatch_id: dispatch.id,
    origin: dispatch.origin,
    subscriber: subscriber.name,
    events,
    target,
    targets,
    alone,
    tried: alone ? tried : undefined,
    suspect: deaths === undefined ? undefined : true,
  });
  if (subscriber.host !== 'worker') return checkedAnswer(answer);
  const checked = checkedAnswer(answer, { events, now: Date.now() });
  await assureOwn(dispatch.id, events, checked);
  return checked;
}

/** The database knows the events of a call that has only places. @throws ApplicationFailure */
async function assureOwn(
  dispatch_id: string,
  events: Selection,
  { open }: EffectAnswer,
): Promise<void> {
  if ('ids' in events || open.length === 0) return;
  const ids = open.map(({ event_id }) => event_id);
  if (!(await database.areOfCall({ dispatch_id, events, ids }))) throw malformed(STRANGE_EVENT);
}

function priorityOf(
  dispatch: Leg['dispatch'],
  call: TargetedCall,
): Pick<ActivityOptions, 'priority'> {
  const share = call.share ?? dispatch.share;
  const priority = {
    ...(call.once && isFollowUp(call) && { priorityKey: FOLLOW_UP }),
    ...(share !== undefined && { fairnessKey: fairnessKey(share) }),
  };
  return Object.keys(priority).length > 0 ? { priority } : {};
}

function policyOfOne(
  { retry }: SubscriberSpec,
  { tried, once }: PendingCall,
): ActivityOptions['retry'] {
  // The event may kill workers: the workflow counts their deaths itself.
  const nonRetryableErrorTypes = [WORKER_DIED];
  if (once) return { maximumAttempts: 1, nonRetryableErrorTypes };
  return {
    // 0 means without end to us; to Temporal, undefined does.
    maximumAttempts: retry.attempts === 0 ? undefined : Math.max(1, retry.attempts - tried),
    initialInterval: retry.initial_ms,
    maximumInterval: Math.max(retry.initial_ms, retry.max_ms),
    backoffCoefficient: retry.backoff,
    nonRetryableErrorTypes,
  };
}

function summary(events: Selection, { target, targets }: TargetedCall): string | undefined {
  if (targets) return `for ${targets.length} targets`;
  if (target !== undefined) return `for ${target}`;
  return count(events) === 1 ? undefined : `${count(events)} events`;
}
