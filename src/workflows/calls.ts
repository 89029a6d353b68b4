import { type ActivityOptions, CancellationScope, proxyActivities } from '@temporalio/workflow';
import type {
  DeadLetters,
  Dispatch,
  EffectAnswer,
  EffectCall,
  Selection,
  SubscriberSpec,
} from '../transport/dispatch.ts';
import { count } from '../transport/selection.ts';
import { tellLetters } from './dead-letters.ts';

type Leg = { dispatch: Dispatch; subscriber: SubscriberSpec };

const WORKER_DIED = 'TemporalTimeout:Heartbeat';

/** Failures that a group is not tried again for as it is: it is halved. */
const HALVED = ['EffectPoison', 'TemporalTimeout:StartToClose', WORKER_DIED];

/** On the workflow's own queue. */
const ledger = proxyActivities<{ recordDeadLetters(letters: DeadLetters): Promise<void> }>({
  startToCloseTimeout: '30s',
  // The database may be away: once it is back this follows soon.
  retry: { maximumInterval: '5s' },
});

/** What a call is about beside its events. */
export interface About {
  target?: string;
  /** Several of the event's, instead of `target`. */
  targets?: string[];
  /** It may share a call with others of the event. */
  together?: boolean;
  /** Whose it is, where that is known. */
  share?: string;
  /** How many of the policy's attempts are used up. */
  tried?: number;
  /** How many workers have died while they were at it. */
  deaths?: number;
  /**
   * It is made once and the workflow waits before it is made again; unset: Temporal repeats it by
   * the policy.
   */
  once?: boolean;
}

/**
 * Where a queue has a backlog, first calls go before those that follow up: what fails again and
 * again delays nothing that is new.
 */
const FOLLOW_UP = { priorityKey: 4 };

/**
 * A first call names its events by their place, and nothing was tried before it: so does one for a
 * single event that is made `once`.
 */
const followsUp = (events: Selection, { tried }: About): boolean =>
  'ids' in events || tried !== undefined;

/** One activity call on the subscriber's queue. */
export async function callEffect(leg: Leg, events: Selection, about: About): Promise<EffectAnswer> {
  const { dispatch, subscriber } = leg;
  const alone = count(events) === 1;
  const activities = proxyActivities<Record<string, (call: EffectCall) => Promise<EffectAnswer>>>({
    taskQueue: subscriber.task_queue,
    // Start-to-close alone: the others run on while a queue is paused.
    startToCloseTimeout: subscriber.timeout_ms,
    heartbeatTimeout: '15s',
    retry: alone
      ? alonePolicy(subscriber, about)
      : { maximumInterval: '30s', nonRetryableErrorTypes: HALVED },
    summary: summary(events, about),
    ...(about.once && followsUp(events, about) && { priority: FOLLOW_UP }),
  });
  const call = {
    dispatch_id: dispatch.id,
    origin: dispatch.origin,
    subscriber: subscriber.name,
    events,
    target: about.target,
    targets: about.targets,
    alone,
    tried: alone ? (about.tried ?? 0) : undefined,
    suspect: about.deaths ? true : undefined,
  };
  const activity = activities[subscriber.activity];
  if (!activity) throw new Error('proxyActivities gives a function for every name');
  return await activity(call);
}

function alonePolicy(
  { retry }: SubscriberSpec,
  { tried = 0, once }: About,
): ActivityOptions['retry'] {
  // Perhaps it is the event that kills workers: the workflow counts these itself.
  const nonRetryableErrorTypes = [WORKER_DIED];
  if (once) return { maximumAttempts: 1, nonRetryableErrorTypes };
  return {
    // 0 means without end to us and to Temporal alike.
    maximumAttempts: retry.attempts === 0 ? undefined : Math.max(1, retry.attempts - tried),
    initialInterval: retry.initial_ms,
    maximumInterval: Math.max(retry.initial_ms, retry.max_ms),
    backoffCoefficient: retry.backoff,
    nonRetryableErrorTypes,
  };
}

function summary(events: Selection, { target, targets }: About): string | undefined {
  if (targets) return `for ${targets.length} targets`;
  if (target !== undefined) return `for ${target}`;
  return count(events) === 1 ? undefined : `${count(events)} events`;
}

type Letter = DeadLetters['letters'][number];

/** Writes dead letters for those of these events that have no receipt. */
export async function recordDeadLetters(
  { dispatch, subscriber }: Leg,
  letters: Letter[],
): Promise<void> {
  await ledger.recordDeadLetters({
    dispatch_id: dispatch.id,
    origin: dispatch.origin,
    subscriber: subscriber.name,
    letters,
  });
}

/** Letters that one call writes, and characters of a reason that travel. */
const MOST = { letters: 100, reason: 2000 };

/**
 * Writes a subscriber's dead letters, one call at a time: what comes up during it goes with the
 * next. However many events are given up at once, and however long the database is away, that is
 * one pending activity. It is seen through though the run is to end.
 */
export class DeadLetterBox {
  readonly #leg: Leg;
  #waiting: { letter: Letter; written: () => void; failed: (error: unknown) => void }[] = [];
  #isWriting = false;

  constructor(leg: Leg) {
    this.#leg = leg;
  }

  /** @returns once it is written */
  async post(letter: Letter): Promise<void> {
    const posted = new Promise<void>((written, failed) =>
      this.#waiting.push({ letter, written, failed }),
    );
    if (!this.#isWriting) void this.#write();
    await posted;
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    // Whatever else is given up by the same activation goes with it.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST.letters);
      const letters = batch.map(({ letter }) => ({
        ...letter,
        reason: letter.reason.slice(0, MOST.reason),
      }));
      try {
        await CancellationScope.nonCancellable(() => recordDeadLetters(this.#leg, letters));
        tellLetters(
          this.#leg.subscriber.name,
          batch.reduce((sum, { letter }) => sum + count(letter.events), 0),
        );
        for (const { written } of batch) written();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#isWriting = false;
  }
}
