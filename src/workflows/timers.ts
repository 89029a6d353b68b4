import { CancellationScope, sleep } from '@temporalio/workflow';

/**
 * The durable timers of a run, which cost nothing but their place in its history. Calls that wait
 * for the same moment share one. All are cancelled together, when the run hands over to the next.
 */
export class Timers {
  readonly #scope: CancellationScope;
  readonly #running = new Map<number, Promise<void>>();

  /** @param parent cancelled, it cancels them too */
  constructor(parent: CancellationScope) {
    this.#scope = new CancellationScope({ parent, cancellable: true });
  }

  /**
   * @param due in ms since 1970, by the workflow's clock
   * @throws CancelledFailure where the run, or the workflow, is cancelled
   */
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
