import type { PgBoss } from 'pg-boss';
import { LOOK_AFTER } from './boss.ts';

/**
 * How long the database must have answered before silence means that a worker is gone, in ms: then
 * all that live have been heard.
 */
const GRACE = 10_000;

/** An answer that took so long, in ms, came after the database had been away. */
const SLOW = LOOK_AFTER * 1000;

/**
 * Gives jobs to others whose worker is gone. While the database is away nobody can say that a call
 * is under way: so after an outage, and at its own start, this waits until those who live have said
 * so. Their calls would count as deaths otherwise, be halved, and be made one at a time.
 */
export class LostJobs {
  readonly #boss: Pick<PgBoss, 'supervise'>;
  readonly #graceMs: number;
  #answersSince: number | undefined;

  constructor(boss: Pick<PgBoss, 'supervise'>, graceMs = GRACE) {
    this.#boss = boss;
    this.#graceMs = graceMs;
  }

  /** @param ask any statement @throws where the database is away */
  async look(ask: () => Promise<unknown>): Promise<void> {
    const began = performance.now();
    try {
      await ask();
      if (performance.now() - began > SLOW) this.#answersSince = undefined;
      this.#answersSince ??= performance.now();
      if (performance.now() - this.#answersSince >= this.#graceMs) await this.#boss.supervise();
    } catch (error) {
      this.#answersSince = undefined;
      throw error;
    }
  }
}
