import { type Client, isGrpcServiceError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import proto, { type temporal } from '@temporalio/proto';
import type { EffectCall } from '../dispatch.ts';
import { namingOf } from '../naming.ts';
import type { SeeCalls, SeenCall } from '../transport.ts';
import { soon } from './queues.ts';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/**
 * Pages of a history that are read, of 1,000 events each: the first calls of a group are on the
 * first.
 */
const PAGES = 3;

/** gRPC's code for what is not there. */
const NOT_FOUND = 5;

const STARTED = proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED;

/** The calls of effects in a workflow's history. */
export const temporalCalls =
  (client: Client, naming = namingOf(undefined)): SeeCalls =>
  async (workflowId) =>
    soon(callsOf(client, naming.of(naming.own(workflowId) ?? workflowId)));

/**
 * A call that is not ended stands in the history as if nobody had taken it; whether a worker has is
 * told apart.
 */
async function callsOf(client: Client, workflowId: string): Promise<SeenCall[]> {
  const calls = callsIn(await historyOf(client, workflowId));
  const open = [...calls.values()].filter(({ call }) => call.ended_at === null);
  if (open.length > 0) {
    const asked = { namespace: client.options.namespace, execution: { workflowId } };
    const { pendingActivities } = await client.workflowService.describeWorkflowExecution(asked);
    for (const { call, activityId } of open) {
      const taken = (pendingActivities ?? []).find((pending) => pending.activityId === activityId);
      if (taken?.state === STARTED)
        Object.assign(call, {
          started_at: momentOf(taken.lastStartedTime),
          attempt: taken.attempt ?? 1,
        });
    }
  }
  return [...calls.values()].map(({ call }) => call);
}

async function historyOf(client: Client, workflowId: string): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  let nextPageToken: Uint8Array | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const asked = {
      namespace: client.options.namespace,
      execution: { workflowId },
      maximumPageSize: 1000,
      nextPageToken,
    };
    const answer = await client.workflowService
      .getWorkflowExecutionHistory(asked)
      .catch(noneWhereAbsent);
    events.push(...(answer?.history?.events ?? []));
    nextPageToken = answer?.nextPageToken?.length ? answer.nextPageToken : undefined;
    if (!nextPageToken) break;
  }
  return events;
}

function noneWhereAbsent(error: unknown): undefined {
  if (!isGrpcServiceError(error) || error.code !== NOT_FOUND) throw error;
}

/** Scheduled, taken and ended are events of their own, which name the first of them. */
function callsIn(events: HistoryEvent[]): Map<string, { call: SeenCall; activityId: string }> {
  const calls = new Map<string, { call: SeenCall; activityId: string }>();
  for (const event of events) {
    const {
      activityTaskScheduledEventAttributes: scheduled,
      activityTaskStartedEventAttributes: taken,
    } = event;
    if (scheduled) {
      const call = callOf(scheduled.input?.payloads?.[0]);
      const own = { activityId: scheduled.activityId ?? '' };
      if (call)
        calls.set(String(event.eventId), {
          call: { ...call, ...unstarted, scheduled_at: momentOf(event.eventTime) },
          ...own,
        });
    } else if (taken) {
      const started = { started_at: momentOf(event.eventTime), attempt: taken.attempt ?? 1 };
      Object.assign(calls.get(String(taken.scheduledEventId))?.call ?? {}, started);
    } else {
      Object.assign(calls.get(endedBy(event))?.call ?? {}, {
        ended_at: momentOf(event.eventTime),
        failure: failureOf(event),
      });
    }
  }
  return calls;
}

const unstarted = { attempt: 1, started_at: null, ended_at: null, failure: null };

/** Undefined where it is no call of an effect. */
function callOf(
  payload: temporal.api.common.v1.IPayload | undefined,
): Pick<SeenCall, 'subscriber' | 'events'> | undefined {
  const call = payload
    ? defaultPayloadConverter.fromPayload<Partial<EffectCall>>(payload)
    : undefined;
  return call?.subscriber && call.events
    ? { subscriber: call.subscriber, events: call.events }
    : undefined;
}

function endedBy(event: HistoryEvent): string {
  const {
    activityTaskCompletedEventAttributes: completed,
    activityTaskFailedEventAttributes: failed,
  } = event;
  const {
    activityTaskTimedOutEventAttributes: late,
    activityTaskCanceledEventAttributes: cancelled,
  } = event;
  return String((completed ?? failed ?? late ?? cancelled)?.scheduledEventId ?? '');
}

function failureOf(event: HistoryEvent): string | null {
  const { activityTaskFailedEventAttributes: failed, activityTaskTimedOutEventAttributes: late } =
    event;
  if (late) return 'its worker died or ran out of time';
  return event.activityTaskCanceledEventAttributes
    ? 'it was cancelled'
    : (failed?.failure?.message ?? null);
}

type Time = HistoryEvent['eventTime'];

const momentOf = (time: Time): string =>
  new Date(Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6).toISOString();
