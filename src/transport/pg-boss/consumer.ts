import { setTimeout as wait } from 'node:timers/promises';
import type { FetchOptions, Job, PgBoss } from 'pg-boss';
import type { Logger } from 'pino';
import { BEHIND, type CallJob } from './jobs.ts';
import { ClaimLostError } from './process-job.ts';

/** Says how many calls may be taken, and is told of them. */
export interface ConsumerSlots {
  readonly free: number;
  begin(): void;
  release(): void;
  onFree(tell: () => void): void;
}

export interface ConsumerOptions {
  boss: PgBoss;
  queue: string;
  slots: ConsumerSlots;
  /** Makes a call and writes what follows. Must end soon after the signal is aborted. */
  process(job: Job<CallJob>, signal: AbortSignal): Promise<void>;
  /** How many of so many calls may be taken now; default: all. */
  admit?(calls: number, signal: AbortSignal): Promise<number>;
  /** Whether an error means that the database could not be reached. */
  isAway(error: unknown): boolean;
  log: Pick<Logger, 'info' | 'warn'>;
  /**
   * How often to poll without a notification, in ms (default 1,000): the exactness of retries and
   * timers.
   */
  pollMs?: number;
}

interface Held {
  job: Job<CallJob>;
  stop: AbortController;
  done: Promise<void>;
}

/**
 * How often it is said of the calls under way that they are, in ms. Those of a killed process are
 * silent, and given to others.
 */
const HEARTBEAT = 3000;

/**
 * Of the calls of one share that are followed up, so many are under way at once, of all workers:
 * the others' don't queue behind all of them.
 */
const A_SHARE = 16;

/**
 * Every fourth fetch takes calls that come behind first, for a quarter of its room: others may
 * never leave any.
 */
const TURNS = 4;

/**
 * Waits before a call that could not be completed is made again, doubled each time, in ms: shorter
 * than others take to miss its heartbeat.
 */
const AWAY = { first: 100, most: 1000 };

/**
 * Takes the jobs of one queue, as many as it has slots free. A slow call holds its slot and nothing
 * else.
 */
export class Consumer {
  readonly #options: Required<ConsumerOptions>;
  readonly #held = new Map<string, Held>();
  readonly #ending = new AbortController();
  #loop: Promise<void> | undefined;
  #heart: NodeJS.Timeout | undefined;
  #stopping = false;
  #woken = false;
  #turn = 0;
  #wake: () => void = () => {};

  constructor(options: ConsumerOptions) {
    this.#options = { pollMs: 1000, admit: async (calls) => calls, ...options };
  }

  start(): void {
    this.#options.slots.onFree(() => this.wake());
    this.#loop = this.#run();
    this.#heart = setInterval(() => void this.#beat(), HEARTBEAT);
  }

  /** Says that there may be jobs. */
  wake(): void {
    this.#woken = true;
    this.#wake();
  }

  /** Takes no more, lets calls under way end within that time (ms), and hands back the others. */
  async stop(withinMs: number): Promise<void> {
    this.#stopping = true;
    this.#ending.abort();
    this.wake();
    await this.#loop;
    const late = setTimeout(() => this.#interrupt(), withinMs);
    await Promise.all([...this.#held.values()].map(({ done }) => done));
    clearTimeout(late);
    clearInterval(this.#heart);
  }

  #interrupt(): void {
    for (const { stop } of this.#held.values()) stop.abort(new Error('the worker stops'));
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#woken = false;
      const { free } = this.#options.slots;
      const admitted = free > 0 ? await this.#admit(free) : 0;
      const jobs = admitted > 0 ? await this.#fetch(admitted) : [];
      for (const job of jobs) this.#take(job);
      // Fewer than there was room for: that was all.
      if (admitted === 0 || jobs.length < admitted) await this.#rest();
    }
  }

  async #admit(calls: number): Promise<number> {
    const { admit, queue, log } = this.#options;
    try {
      const admitted = await admit(calls, this.#ending.signal);
      return this.#stopping ? 0 : admitted;
    } catch (error) {
      log.warn({ err: error, queue }, 'could not ask how many calls may be made');
      return 0;
    }
  }

  async #fetch(calls: number): Promise<Job<CallJob>[]> {
    this.#turn = (this.#turn + 1) % TURNS;
    const part = Math.ceil(calls / TURNS);
    const behind = this.#turn === 0 ? await this.#fetchSome(part, { maxPriority: BEHIND }) : [];
    const left = calls - behind.length;
    return left > 0 ? [...behind, ...(await this.#fetchSome(left))] : behind;
  }

  async #fetchSome(batchSize: number, which: FetchOptions = {}): Promise<Job<CallJob>[]> {
    const { boss, queue, log } = this.#options;
    try {
      const options = { ...which, batchSize, groupConcurrency: A_SHARE };
      return await boss.fetch<CallJob>(queue, options);
    } catch (error) {
      log.warn({ err: error, queue }, 'could not take jobs');
      return [];
    }
  }

  #take(job: Job<CallJob>): void {
    const stop = new AbortController();
    this.#options.slots.begin();
    const done = this.#see(job, stop.signal).finally(() => {
      this.#held.delete(job.id);
      this.#options.slots.release();
    });
    this.#held.set(job.id, { job, stop, done });
  }

  /**
   * While the database is away, a write is tried again as long as the claim holds. Otherwise the
   * job would go silent, and its next worker would believe that this one had died of it. Any other
   * write that fails is not lost: its job does go silent.
   */
  async #see(job: Job<CallJob>, signal: AbortSignal): Promise<void> {
    const { process, isAway, log, queue } = this.#options;
    for (let ms = AWAY.first; ; ms = Math.min(2 * ms, AWAY.most)) {
      try {
        return await process(job, signal);
      } catch (error) {
        if (error instanceof ClaimLostError) return log.info({ job: job.id, queue }, error.message);
        log.warn(
          { err: error, job: job.id, queue },
          'could not complete a call; it will be made again',
        );
        if (signal.aborted || !isAway(error)) return;
      }
      await wait(ms, undefined, { signal }).catch(() => {});
      await this.#beat();
    }
  }

  /** A claim that is found to be lost ends its call: another worker makes it. */
  async #beat(): Promise<void> {
    const { boss, queue, log } = this.#options;
    const held = [...this.#held.values()];
    if (held.length === 0) return;
    try {
      const jobs = held.map(({ job }) => job);
      const { settled } = (await boss.touch(queue, jobs)) as { settled?: string[] };
      for (const { job, stop } of held)
        if (settled && !settled.includes(job.id)) stop.abort(new ClaimLostError(job));
    } catch (error) {
      log.warn({ err: error, queue }, 'could not say that calls are under way');
    }
  }

  async #rest(): Promise<void> {
    if (this.#woken || this.#stopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#options.pollMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
