import { type Background, tail } from '../../src/local/processes/background.ts';
import { type Identity, identify, isAlive } from '../../src/local/processes/process-identity.ts';
import type { Watchdog } from './watchdog.ts';

/** What is to run, and how it is killed. */
export interface ProcessSpec {
  name: string;
  /** SIGKILL, except for Postgres: SIGQUIT to its postmaster is an immediate shutdown. */
  blow: NodeJS.Signals;
  log: string;
  /** Resolves once it can be used. @param onSpawn told the process id as soon as there is one */
  start(onSpawn: (pid: number) => void): Promise<Background>;
}

/** A pause after a process has ended by itself, in ms. */
const BREATH = 500;

/**
 * Starts in a row that may come to nothing before it was ever up: more, and it can't be started at
 * all.
 */
const FIRST_STARTS = 5;

/** A process that is killed and comes back, again and again. */
export class ManagedProcess {
  readonly name: string;
  readonly log: string;
  kills = 0;
  freezes = 0;
  isUp = false;
  /** How it ended where nobody had killed it, once it had been ready. */
  readonly ownEnds: string[] = [];
  /** Starts that came to nothing without a kill: what it needs was away. */
  failedStarts = 0;
  readonly #script: ProcessSpec;
  readonly #watchdog: Watchdog;
  readonly #tell: (line: string) => void;
  #process: Identity | undefined;
  #pid: number | undefined;
  /** Whether it was killed in this life, and how long it then stays down. */
  #isStruck = false;
  #downMs = BREATH;
  /** When a frozen one goes on, in ms since 1970. */
  #frozenUntil = 0;
  #wanted = true;
  #stopping = false;
  #running: Background | undefined;
  #life: Promise<void> | undefined;
  #wasUp = false;
  #onUp: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(script: ProcessSpec, watchdog: Watchdog, tell: (line: string) => void) {
    this.name = script.name;
    this.log = script.log;
    this.#script = script;
    this.#watchdog = watchdog;
    this.#tell = tell;
  }

  /** Its process; undefined while it is down. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /**
   * Until it is up, and not frozen. Begins its life if that has not begun. @throws where it can't
   * be started at all
   */
  async untilUp(): Promise<void> {
    this.#life ??= this.#live();
    await pause(Math.max(0, this.#frozenUntil - Date.now()));
    if (this.isUp) return;
    await new Promise<void>((resolve, reject) => this.#onUp.push({ resolve, reject }));
  }

  /** Kills it, at whatever it is, its start included. @returns false where it was down */
  kill(downMs: number): boolean {
    if (this.#pid === undefined) return false;
    this.kills += 1;
    this.#isStruck = true;
    this.#downMs = downMs;
    return signal(this.#pid, this.#script.blow);
  }

  /** Stops its clock for so long (ms), then lets it go on. @returns false where it was down */
  freeze(forMs: number): boolean {
    const pid = this.#pid;
    if (pid === undefined || !signal(pid, 'SIGSTOP')) return false;
    this.freezes += 1;
    this.#frozenUntil = Date.now() + forMs;
    setTimeout(() => {
      if (this.#pid === pid && signal(pid, 'SIGCONT')) this.#tell(`${this.name} goes on`);
    }, forMs);
    return true;
  }

  /** Ends it for good, in order. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#stopping = true;
    if (this.#running) await this.#running.stop();
    else if (this.#pid !== undefined) signal(this.#pid, 'SIGKILL');
    await this.#life;
  }

  async #live(): Promise<void> {
    for (let starts = 0; this.#wanted; starts += 1) {
      this.#isStruck = false;
      this.#downMs = BREATH;
      const began = Date.now();
      const how = await this.#once(
        () => starts > 0 && this.#tell(`${this.name} is back after ${seconds(Date.now() - began)}`),
      );
      if (this.#stopping) return;
      if (!this.#isStruck) this.#tell(`${this.name} ${how}`);
      if (!this.#wasUp && this.failedStarts >= FIRST_STARTS) return this.#giveUp(how);
      await pause(this.#downMs);
    }
  }

  /** Nobody waits for what never was up, and can't be started. */
  #giveUp(how: string): void {
    this.#wanted = false;
    const error = new Error(`${this.name} ${how}`);
    for (const { reject } of this.#onUp.splice(0)) reject(error);
  }

  /** One life, from start to end. @returns how it went, for people */
  async #once(onUp: () => void): Promise<string> {
    try {
      this.#running = await this.#script.start((pid) => this.#spawned(pid));
      this.isUp = true;
      this.#wasUp = true;
      onUp();
      for (const { resolve } of this.#onUp.splice(0)) resolve();
      const how = `ended by itself (${await this.#running.exited})`;
      if (this.#isStruck || this.#stopping) return how;
      this.ownEnds.push(`${how}\n${await tail(this.log, 6)}`);
      return this.ownEnds.at(-1)!;
    } catch (error) {
      if (!this.#isStruck) this.failedStarts += 1;
      await this.#makeSure();
      return `did not start: ${error instanceof Error ? error.message : error}`;
    } finally {
      this.isUp = false;
      this.#running = undefined;
      if (this.#pid !== undefined) this.#watchdog.isGone(this.#pid);
      this.#pid = undefined;
    }
  }

  #spawned(pid: number): void {
    this.#pid = pid;
    this.#process = identify(pid);
    this.#watchdog.isAlive(pid);
  }

  /** What has not become ready in time may still be there. */
  async #makeSure(): Promise<void> {
    if (!this.#process || !isAlive(this.#process)) return;
    signal(this.#process.pid, 'SIGKILL');
    while (isAlive(this.#process)) await pause(20);
  }
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
