import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import { momentAgo, readSample, readTotals, type Sample, type Totals } from './sample.ts';

/** What a viewer is told: how everything is, why that can't be found out just now, or that this process stops. */
export type Told = { sample: Sample } | { trouble: string } | { end: true };
export type Viewer = (told: Told) => void;

/** How often it is looked, in ms. */
const EVERY = 2000;
/** Looking has at most this part of the time, so that a large backlog is looked at less often. */
const SHARE = 0.1;
/** Rates are over that long, in ms: workers say every five seconds what they have got done. */
const WINDOW = 10_000;
/** Totals are counted from one moment for that long, in ms. */
const COUNTED = 30 * 60_000;
/** How many samples a new viewer gets to begin with: five minutes of them. */
const KEPT = 150;

export interface LiveOptions {
  sql: Sql;
  log: Pick<Logger, 'warn'>;
  /** Default: 2000 ms. */
  everyMs?: number;
}

/** How everything is, every two seconds: looked at once however many viewers there are, and not at all where there is none. */
export class Live {
  readonly #options: LiveOptions;
  readonly #viewers = new Set<Viewer>();
  readonly #totals: Totals[] = [];
  /** Since when is counted: by this machine's clock, and by the database's. */
  #from = 0;
  #counted = new Date(0);
  #samples: Sample[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** Tells the viewer from now on. @returns the last five minutes, as far as somebody has been looking, and how to stop being told */
  watch(viewer: Viewer): { recent: Sample[]; stop: () => void } {
    if (this.#closed) {
      viewer({ end: true });
      return { recent: [], stop: () => {} };
    }
    this.#viewers.add(viewer);
    if (this.#viewers.size === 1 && !this.#looking) void this.#look();
    return { recent: this.#samples, stop: () => this.#leave(viewer) };
  }

  /** Ends all streams. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#tell({ end: true });
    this.#viewers.clear();
  }

  #leave(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size === 0) clearTimeout(this.#timer);
  }

  #tell(told: Told): void {
    for (const viewer of this.#viewers) viewer(told);
  }

  async #look(): Promise<void> {
    this.#looking = true;
    const began = performance.now();
    await this.#sample().catch((error: Error) => {
      this.#options.log.warn({ reason: error.message }, 'could not look at how everything is');
      this.#tell({ trouble: 'The database does not answer.' });
    });
    this.#looking = false;
    if (this.#closed || this.#viewers.size === 0) return;
    const took = performance.now() - began;
    this.#timer = setTimeout(() => void this.#look(), Math.max(this.#options.everyMs ?? EVERY, took / SHARE - took));
  }

  async #sample(): Promise<void> {
    const now = Date.now();
    const totals = await readTotals(this.#options.sql, await this.#countedFrom(now));
    while (this.#totals[1] && this.#totals[1].at <= now - WINDOW) this.#totals.shift();
    const since = this.#totals[0];
    this.#totals.push(totals);
    const sample = await readSample(this.#options.sql, totals, since);
    const oldest = now - KEPT * EVERY;
    this.#samples = [...this.#samples.filter(({ at }) => Date.parse(at) > oldest), sample].slice(-KEPT);
    this.#tell({ sample });
  }

  /** One moment for all totals that are compared; another one before what is that old is forgotten, or after a while without viewers. */
  async #countedFrom(now: number): Promise<Date> {
    const last = this.#totals.at(-1)?.at ?? 0;
    if (now - this.#from > COUNTED || now - last > 3 * WINDOW) {
      this.#counted = await momentAgo(this.#options.sql, COUNTED / 30);
      this.#from = now - COUNTED / 30;
      this.#totals.length = 0;
    }
    return this.#counted;
  }
}
