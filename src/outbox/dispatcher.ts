import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import { crashPoint } from '../crash-points.ts';
import { type Listen, NO_LISTENING } from '../db/client.ts';
import type { Transport } from '../transport/transport.ts';
import { BatchLinger, type BatchLingerOptions, LOOK_AGAIN } from './batch-linger.ts';
import { checkPayloads, type Fits } from './check-payloads.ts';
import { type ClaimedDispatch, claim, handedOver, markStarted, reclaim } from './claim.ts';
import { DueEvents } from './due-events.ts';
import { EVENTS_CHANNEL } from './emit.ts';

export interface DispatcherOptions {
  pg: Sql;
  listen: Listen;
  transport: Transport;
  /** Most events a dispatch. */
  size: number;
  log: Pick<Logger, 'info' | 'warn'>;
  /** Compares what SQL has emitted with its type's schema. */
  fits: Fits;
  /** How long to linger after a partly filled batch. */
  linger?: Partial<BatchLingerOptions>;
  /** How often to poll without a notification, in ms (default 1,000). */
  pollMs?: number;
  /**
   * Told of each dispatch that the transport has taken, and for how long it had been claimed, in
   * ms.
   */
  onDispatched?(dispatch: ClaimedDispatch, heldMs: number): void;
  /** Age at which a claim without a start counts as abandoned, in ms (default 15,000). */
  staleMs?: number;
}

/** How long the dispatch in hand is waited for at the end, in ms. */
const IN_HAND = 2000;

/**
 * Takes waiting events out of the outbox and hands them to the transport, one start at a time: what
 * arrives meanwhile travels together in the next. Keeps nothing in memory but the dispatch in hand;
 * what does not fit waits in Postgres. Every poll it also starts dispatches that a crash has left
 * claimed, its own or another's.
 */
export class Dispatcher {
  readonly #options: Required<DispatcherOptions>;
  #loop: Promise<void> | undefined;
  #stopping = false;
  #woken = false;
  #wake: () => void = () => {};
  #sweptAt = 0;
  readonly #linger: BatchLinger;
  readonly #due: DueEvents;

  constructor(options: DispatcherOptions) {
    this.#options = { pollMs: 1000, staleMs: 15_000, linger: {}, onDispatched() {}, ...options };
    this.#linger = new BatchLinger(this.#options.linger);
    this.#due = new DueEvents(options.pg, options.size);
  }

  /** Begins; Postgres and the transport may both be away, it waits for them. */
  start(): void {
    this.#loop = this.#run();
  }

  /**
   * Says that there are events (of these workspaces, where that is known). Costs nothing, may be
   * called for every one of them.
   */
  wake(workspaceIds?: string[]): void {
    if (workspaceIds && this.#linger.areLingering(workspaceIds)) {
      this.#linger.hear();
      return;
    }
    this.#woken = true;
    this.#wake();
  }

  /**
   * Ends after the dispatch in hand. One that is not started within 2 s, as where the transport is
   * away, is left to another dispatcher.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.wake();
    const ended = new AbortController();
    const late = wait(IN_HAND, undefined, { signal: ended.signal }).catch(() => {});
    await Promise.race([this.#loop, late]);
    ended.abort();
  }

  async #run(): Promise<void> {
    const { listen, log } = this.#options;
    const isTold = await this.#persist('listen for events', () =>
      listen(EVENTS_CHANNEL, () => this.wake()),
    );
    if (isTold === false) log.warn(NO_LISTENING);
    while (!this.#stopping) {
      const lingering = await this.#turn();
      const wasWoken = this.#woken;
      this.#woken = false;
      await this.#persist('claim events', () => this.#sweep());
      if (this.#due.inMs <= 0) await this.#promote();
      const claimed = await this.#persist('claim events', () => this.#claim(lingering));
      if (claimed?.length) await this.#handOver(claimed);
      else if (lingering.length === 0) await this.#restUntilDue(wasWoken);
    }
  }

  /** Takes what was scheduled and is due, if anything. @returns whether it did */
  async #promote(): Promise<boolean> {
    const { pollMs } = this.#options;
    const some = await this.#persist('take what is due', () => this.#due.promote(pollMs));
    if (some) crashPoint('after-promote');
    return some !== undefined && some > 0;
  }

  /** What woke it and left nothing to claim may have been scheduled: so look there first. */
  async #restUntilDue(wasWoken: boolean): Promise<void> {
    if (wasWoken && (await this.#promote())) return;
    await this.#rest(Math.min(this.#options.pollMs, this.#due.inMs));
  }

  /**
   * Waits until something may be claimed, and resolves with the workspaces whose events may not.
   */
  async #turn(): Promise<string[]> {
    await this.#rest(this.#linger.anybodyInMs(), false);
    while (!this.#woken && !this.#stopping && this.#linger.everybodyInMs() > 0)
      await this.#rest(Math.min(this.#linger.everybodyInMs(), LOOK_AGAIN));
    return this.#linger.lingering;
  }

  async #claim(lingering: string[]): Promise<ClaimedDispatch[]> {
    const { pg, size } = this.#options;
    const claimed = await claim(pg, size, lingering);
    this.#linger.count(claimed, lingering, size);
    return claimed;
  }

  /** What a crash has left: claimed, never started. */
  async #sweep(): Promise<void> {
    const { pg, staleMs, pollMs, log } = this.#options;
    if (performance.now() - this.#sweptAt < pollMs) return;
    this.#sweptAt = performance.now();
    const unstarted = await reclaim(pg, staleMs);
    const abandoned = unstarted.filter((dispatch) => dispatch.abandoned);
    if (abandoned.length > 0)
      log.warn(
        { dispatches: abandoned.map((d) => d.id) },
        'starting dispatches that were claimed and not started',
      );
    await this.#handOver(unstarted);
  }

  async #handOver(claimed: ClaimedDispatch[]): Promise<void> {
    const claimedAt = performance.now();
    const checked: ClaimedDispatch[] = [];
    for (const group of claimed) {
      crashPoint('after-claim');
      const found = await this.#persist('check payloads', () => this.#check(group));
      if (!found) return;
      checked.push(...found);
    }
    for (const group of checked) if (!(await this.#start(group, claimedAt))) return;
  }

  /**
   * All groups of a claim are checked before one is started: ordered events wait for each other.
   */
  async #check(group: ClaimedDispatch): Promise<ClaimedDispatch[]> {
    const { pg, fits } = this.#options;
    return await checkPayloads(pg, group, fits);
  }

  /** @returns false where the dispatcher is stopped first */
  async #start(group: ClaimedDispatch, claimedAt: number): Promise<boolean> {
    const { transport, pg, onDispatched } = this.#options;
    const { id, subscribers } = group;
    const start = () => transport.start(...handedOver(group));
    const began = performance.now();
    const runId = subscribers.length === 0 ? null : await this.#persist('start a workflow', start);
    if (runId === undefined) return false;
    this.#linger.took(performance.now() - began);
    onDispatched(group, performance.now() - claimedAt);
    crashPoint('after-start');
    await this.#persist('mark a dispatch', () => markStarted(pg, id, runId));
    return true;
  }

  /**
   * Does it until it is done, ever more slowly up to 5 s; undefined where the dispatcher is stopped
   * first.
   */
  async #persist<T>(what: string, action: () => Promise<T>): Promise<T | undefined> {
    for (let wait = 100; ; wait = Math.min(wait * 2, 5000)) {
      try {
        return await action();
      } catch (error) {
        if (this.#stopping) return undefined;
        this.#options.log.warn({ err: error }, `could not ${what}; trying again in ${wait} ms`);
        await this.#rest(wait, false);
      }
    }
  }

  /** Until the time is up, or (by default) somebody wakes it. */
  async #rest(forMs = this.#options.pollMs, wakeable = true): Promise<void> {
    if (forMs <= 0 || this.#stopping || (wakeable && this.#woken)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, forMs);
      this.#wake = () => {
        if (!wakeable && !this.#stopping) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
