import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import { type Database, type Listen, NO_LISTENING } from '../db/client.ts';
import { type Control, readControls } from '../ops/controls/controls.ts';
import { CONTROLS_CHANNEL } from '../transport/pg-boss/queues.ts';
import { rateSlotsOf } from '../transport/rate-slots.ts';
import { repeat } from './process/repeat.ts';

/** How often the controls are read though nobody has told that they have changed, in ms. */
const EVERY = 2000;

/**
 * Most of a limit that is taken at once, as a part of a second: no more than what comes after a
 * rest is held up, or a second has too many.
 */
const SHARE = 0.1;

/** Applies pauses and limits of queues before calls are taken, if no server applies them. */
export class ControlWatcher {
  readonly #pg: Sql;
  readonly #listen: Listen;
  readonly #onChange: () => void;
  #controls = new Map<string, Control>();
  #loop: { stop(): Promise<void> } | undefined;

  /** @param onChange told whenever the controls have been read and are not as they were */
  constructor({ pg, listen }: Pick<Database, 'pg' | 'listen'>, onChange: () => void) {
    this.#pg = pg;
    this.#listen = listen;
    this.#onChange = onChange;
  }

  /** Reads the controls, and from then on whenever somebody says so. */
  async start(log: Pick<Logger, 'warn'>): Promise<void> {
    await this.#read();
    const isTold = await this.#listen(CONTROLS_CHANNEL, () => void this.#read().catch(() => {}));
    if (!isTold) log.warn(NO_LISTENING);
    this.#loop = repeat(
      { what: 'read what operators want of queues', everyMs: EVERY, log, restFactor: 5 },
      () => this.#read(),
    );
  }

  async stop(): Promise<void> {
    await this.#loop?.stop();
  }

  /**
   * How many of so many calls may be taken from the queue now. Waits for their turn where the queue
   * is limited.
   */
  async admit(queue: string, calls: number, signal: AbortSignal): Promise<number> {
    const control = this.#controls.get(queue);
    if (control?.paused_at) return 0;
    const perSecond = control?.calls_per_second ?? null;
    if (perSecond === null) return calls;
    const taken = Math.max(1, Math.min(calls, Math.floor(perSecond * SHARE)));
    await rateSlotsOf(this.#pg, queue, perSecond / taken)(signal);
    return this.#controls.get(queue)?.paused_at ? 0 : taken;
  }

  async #read(): Promise<void> {
    const before = JSON.stringify([...this.#controls]);
    this.#controls = new Map(
      (await readControls(this.#pg)).map((control) => [control.task_queue, control]),
    );
    if (JSON.stringify([...this.#controls]) !== before) this.#onChange();
  }
}
