import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import { safeReason } from '../../safe-error.ts';
import type { Sample } from './sample.ts';
import { Sampler } from './sampler.ts';

/**
 * What a viewer is told: the figures of all subscribers, why these can't be found out just now, or
 * that this process stops.
 */
export type Told = { sample: Sample } | { trouble: string } | { end: true };
export type Viewer = (told: Told) => void;

/** How often to take a sample, in ms. */
const EVERY = 2000;
/** Looking has at most this part of the time, so that a large backlog is looked at less often. */
const SHARE = 0.1;
/** Rates are over that long, in ms: workers say every five seconds what they have got done. */
const WINDOW = 10_000;
/** How many samples a new viewer gets to begin with: five minutes of them. */
const KEPT = 150;

export interface LiveOptions {
  pg: Sql;
  log: Pick<Logger, 'warn'>;
  /** Default: 2000 ms. */
  everyMs?: number;
}

/**
 * The figures of all subscribers, every two seconds: read once however many viewers there are, and
 * not at all where there is none.
 */
export class Live {
  readonly #options: LiveOptions;
  readonly #viewers = new Set<Viewer>();
  readonly #sampler: Sampler;
  #samples: Sample[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#sampler = new Sampler(options.pg, WINDOW);
  }

  /**
   * Tells the viewer from now on. @returns the last five minutes, as far as somebody has been
   * looking, and how to stop being told
   */
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
    await this.#sample().catch((error: unknown) => {
      this.#options.log.warn(
        { reason: safeReason(error) },
        'could not read the figures of all subscribers',
      );
      this.#tell({ trouble: 'The database does not answer.' });
    });
    this.#looking = false;
    if (this.#closed || this.#viewers.size === 0) return;
    const took = performance.now() - began;
    this.#timer = setTimeout(
      () => void this.#look(),
      Math.max(this.#options.everyMs ?? EVERY, took / SHARE - took),
    );
  }

  async #sample(): Promise<void> {
    const sample = await this.#sampler.look();
    const oldest = Date.now() - KEPT * EVERY;
    this.#samples = [...this.#samples.filter(({ at }) => Date.parse(at) > oldest), sample].slice(
      -KEPT,
    );
    this.#tell({ sample });
  }
}
