import { isCancellation } from '@temporalio/workflow';
import type { Dispatch, EffectAnswer, SubscriberSpec } from '../transport/dispatch.ts';
import { count } from '../transport/retry/selection.ts';
import { callEffect, type TargetedCall } from './call-effect.ts';
import { type Dead, DeadLetterBox, noneDead } from './dead-letter-box.ts';
import type { Left } from './hand-over.ts';
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
  /** Calls that the workflow's next run makes; undefined: this run goes on. */
  #left: Left[] | undefined;
  /** Of those, the calls for targets, by event. */
  readonly #leftTargets = new Map<string, Left[]>();
  #isDropped = false;
  #onDrop: () => void = () => {};

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

  /**
   * Calls the effect as soon as a slot is free. Of a flood few calls are in the queue at once: the
   * others don't queue behind all of them.
   *
   * @returns undefined: the run ended before
   */
  async call(call: TargetedCall): Promise<EffectAnswer | undefined> {
    return await this.slots.use(
      async () => (this.isEnding ? undefined : await callEffect(this, call)),
      call.share ?? this.dispatch.share,
    );
  }

  /**
   * The workflow no longer waits for this subscriber, and begins nothing for it. A pending call
   * ends with the run.
   */
  drop(): void {
    this.#isDropped = true;
    this.#left &&= [];
    this.#onDrop();
  }

  /** Finishes the leg, or stops waiting for it when it is dropped: then nothing is dead. */
  async unlessDropped(finish: () => Promise<Dead>): Promise<Dead> {
    const dropped = new Promise<Dead>((resolve) => {
      this.#onDrop = () => resolve(noneDead);
    });
    return this.#isDropped ? noneDead : await Promise.race([dropped, finish()]);
  }

  /** From now on, calls that are interrupted or not begun are left to the next run. */
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

  /** Calls for targets of this event that are left to the next run. */
  leftTargets(eventId: string): Left[] {
    return this.#leftTargets.get(eventId) ?? [];
  }

  /**
   * Leaves an interrupted call to the next run.
   *
   * @throws the error, where it is no interruption or there is no next run
   */
  interrupted(error: unknown, call: TargetedCall, due?: number): Dead {
    if (!this.isEnding || !isCancellation(error)) throw error;
    return this.leave(call, due);
  }

  leave({ events, target, share, tried, deaths, once }: TargetedCall, due?: number): Dead {
    // Where Temporal counts the tries, they begin anew.
    const isCounted = once && count(events) === 1;
    const left: Left = isCounted ? { events, target, share, tried, deaths, due } : { events };
    if (!this.#isDropped) this.#left?.push(left);
    if (target !== undefined && 'ids' in events) {
      for (const id of events.ids) this.#leftTargets.set(id, [...this.leftTargets(id), left]);
    }
    return noneDead;
  }
}
