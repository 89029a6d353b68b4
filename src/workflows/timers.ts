import { CancellationScope, sleep } from '@temporalio/workflow';
import { grainOf, roundUp } from '../transport/selection.ts';

/**
 * What the wait for a try again is lengthened by at most, in ms: a 64th of long ones. They are
 * spread over four tenths anyway, and so however many fail together cost some 25 timers a round.
 */
export const coarseGrainOf = (ms: number): number =>
  Math.max(grainOf(ms), 1000 * Math.ceil(ms / 64_000));

/**
 * The durable timers of a run, which hold nothing but their place in its history: who waits for the
 * same moment shares one. They are cancelled together, when the run hands over to the next.
 */
export class Timers {
  readonly #scope: CancellationScope;
  readonly #running = new Map<number, Promise<void>>();

  /** @param parent cancelled, it cancels them too */
  constructor(parent: CancellationScope) {
    this.#scope = new CancellationScope({ parent, cancellable: true });
  }

  /** The moment at which a wait ends, in ms since 1970 by the workflow's clock. */
  due(ms: number, grain = grainOf(ms)): number {
    return roundUp(Date.now() + Math.max(0, ms), grain);
  }

  /** @throws CancelledFailure where the run, or the workflow, is cancelled */
  async until(due: number): Promise<void> {
    const ms = due - Date.now();
    if (ms > 0) await (this.#running.get(due) ?? this.#begin(due, ms));
  }

  #begin(due: number, ms: number): Promise<void> {
    const timer = this.#scope.run(() => sleep(ms)).finally(() => this.#running.delete(due));
    this.#running.set(due, timer);
    return timer;
  }

  /** Ends all waits, and those that are yet to begin. */
  cancel(): void {
    this.#scope.cancel();
  }
}
