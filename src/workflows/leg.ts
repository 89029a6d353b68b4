import { isCancellation } from '@temporalio/workflow';
import type { Dispatch, EffectAnswer, Selection, SubscriberSpec } from '../transport/dispatch.ts';
import { count } from '../transport/selection.ts';
import { type About, callEffect, DeadLetterBox } from './calls.ts';
import type { Left } from './hand-over.ts';
import { type Dead, noneDead } from './reckoning.ts';
import type { Slots } from './slots.ts';
import { TargetCalls } from './target-calls.ts';
import type { Timers } from './timers.ts';

/** One dispatch's way to one subscriber, in one run of its workflow. */
export class Leg {
  readonly dispatch: Dispatch;
  readonly subscriber: SubscriberSpec;
  readonly slots: Slots;
  readonly timers: Timers;
  readonly letters: DeadLetterBox;
  readonly targets: TargetCalls;
  /** What is to be seen through by the workflow's next run; unset while this one goes on. */
  #left: Left[] | undefined;
  /** Of that, the targets of events. */
  readonly #leftTargets = new Map<string, Left[]>();
  #isDropped = false;
  #leaveOff: () => void = () => {};

  constructor(
    dispatch: Dispatch,
    subscriber: SubscriberSpec,
    { slots, timers }: { slots: Slots; timers: Timers },
  ) {
    this.dispatch = dispatch;
    this.subscriber = subscriber;
    this.slots = slots;
    this.timers = timers;
    this.letters = new DeadLetterBox(this);
    this.targets = new TargetCalls(this);
  }

  /** Calls the effect once there is a slot for it. @returns undefined where the run ended before */
  async call(events: Selection, about: About): Promise<EffectAnswer | undefined> {
    return await this.slots.use(
      async () => (this.isEnding ? undefined : await callEffect(this, events, about)),
      about.share,
    );
  }

  /**
   * Its subscriber is waited for no more, and nothing is begun. A call that is under way goes with
   * the run's end.
   */
  drop(): void {
    this.#isDropped = true;
    this.#left &&= [];
    this.#leaveOff();
  }

  /** Sees to it, until it is dropped: nothing is dead then. */
  async unlessDropped(seeTo: () => Promise<Dead>): Promise<Dead> {
    const dropped = new Promise<Dead>((resolve) => {
      this.#leaveOff = () => resolve(noneDead);
    });
    return this.#isDropped ? noneDead : await Promise.race([dropped, seeTo()]);
  }

  /** From now on what is interrupted, or not begun yet, is left to the next run. */
  endRun(): void {
    this.#left ??= [];
  }

  get isEnding(): boolean {
    return this.#isDropped || this.#left !== undefined;
  }

  get isDropped(): boolean {
    return this.#isDropped;
  }

  get left(): Left[] {
    return this.#left ?? [];
  }

  /** Targets of this event that the next run sees through. */
  leftTargets(eventId: string): Left[] {
    return this.#leftTargets.get(eventId) ?? [];
  }

  /** @throws the error where it is no interruption, or there is no next run */
  interrupted(error: unknown, events: Selection, about: About, due?: number): Dead {
    if (!this.isEnding || !isCancellation(error)) throw error;
    return this.leave(events, about, due);
  }

  leave(events: Selection, { target, share, tried, deaths, once }: About, due?: number): Dead {
    // Where Temporal counted the tries they begin anew, as they always have.
    const left: Left =
      once && count(events) === 1
        ? { events, target, share, tried: tried ?? 0, deaths, due }
        : { events };
    if (!this.#isDropped) this.#left?.push(left);
    if (target !== undefined && 'ids' in events) {
      for (const id of events.ids) this.#leftTargets.set(id, [...this.leftTargets(id), left]);
    }
    return noneDead;
  }
}
