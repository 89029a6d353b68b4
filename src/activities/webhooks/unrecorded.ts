import type { HttpAttempt } from './send.ts';

/**
 * Tries that are kept, and for how long, in ms: calls are made again within minutes once the
 * database is back.
 */
const MOST = 10_000;
const KEPT_MS = 30 * 60_000;

/**
 * Tries that were made while the database could not take down what came of them. The call is made
 * again; the request is not, as long as it is by the same process.
 */
export class Unrecorded {
  readonly #made = new Map<string, { attempt: HttpAttempt; until: number }>();

  of(deliveryId: string): HttpAttempt | undefined {
    const kept = this.#made.get(deliveryId);
    return kept && kept.until > performance.now() ? kept.attempt : undefined;
  }

  keep(deliveryId: string, attempt: HttpAttempt): void {
    // Where there was no answer it may as well be tried again.
    if (attempt.status === null) return;
    this.#made.delete(deliveryId);
    this.#made.set(deliveryId, { attempt, until: performance.now() + KEPT_MS });
    const [oldest] = this.#made.keys();
    if (this.#made.size > MOST && oldest !== undefined) this.#made.delete(oldest);
  }

  forget(deliveryId: string): void {
    this.#made.delete(deliveryId);
  }
}
