import type { Sql } from 'postgres';
import { momentAgo, readSample, readTotals, type Sample, type Totals } from './sample.ts';

/** Totals are counted from one moment for that long, in ms. */
const COUNTED = 30 * 60_000;

/** Reads the figures of all subscribers, again and again. What was done in between makes rates. */
export class Sampler {
  readonly #pg: Sql;
  readonly #windowMs: number;
  readonly #totals: Totals[] = [];
  /** Since when is counted: by this machine's clock, and by the database's. */
  #from = 0;
  #counted = new Date(0);

  /** @param windowMs over how long rates are, in ms */
  constructor(pg: Sql, windowMs: number) {
    this.#pg = pg;
    this.#windowMs = windowMs;
  }

  async look(): Promise<Sample> {
    const now = Date.now();
    const totals = await readTotals(this.#pg, await this.#countedFrom(now));
    while (this.#totals[1] && this.#totals[1].at <= now - this.#windowMs) this.#totals.shift();
    const since = this.#totals[0];
    this.#totals.push(totals);
    return await readSample(this.#pg, totals, since);
  }

  /**
   * One moment for all totals that are compared; another one before what is that old is forgotten,
   * or where nobody has looked for a while.
   */
  async #countedFrom(now: number): Promise<Date> {
    const last = this.#totals.at(-1)?.at ?? 0;
    if (now - this.#from > COUNTED || now - last > 3 * this.#windowMs) {
      this.#counted = await momentAgo(this.#pg, COUNTED / 30);
      this.#from = now - COUNTED / 30;
      this.#totals.length = 0;
    }
    return this.#counted;
  }
}
