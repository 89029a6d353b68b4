import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { howItEnds } from '../../src/local/processes/background.ts';
import type { Options } from '../options.ts';
import type { RunFolder } from '../processes/run-folder.ts';
import type { Watchdog } from '../processes/watchdog.ts';

const script = fileURLToPath(new URL('./bad/process.ts', import.meta.url));

/** What one bad neighbour did, and what it was answered. */
export interface BadReport {
  name: string;
  does: string;
  acts: number;
  leftOut: number;
  /** Calls by their status; those that settled it in among them. */
  answers: Record<string, number>;
  calls: number;
  slowestMs: number;
  /** Calls that were answered late, or not at all. */
  late: string[];
  wrong: string[];
  /** Ids of the messages it was answered for. */
  accepted: string[];
}

/** What the process says. */
export type FromProcess = { settled: string } | { ready: true } | { report: BadReport[] };

/** Longest that settling in, and coming to an end, may take, in ms. */
const PATIENCE = 240_000;

/** The bad neighbours, from the outside. */
export class BadNeighbours {
  readonly #child: ChildProcess;
  readonly #watchdog: Watchdog;
  readonly #tell: (line: string) => void;

  constructor(
    stage: RunFolder,
    { only, seed }: Pick<Options, 'only' | 'seed'>,
    watchdog: Watchdog,
    tell: (line: string) => void,
  ) {
    const { adminKey, databaseUrl, apiUrls, env } = stage;
    const place = { apiUrl: apiUrls[0], adminKey, databaseUrl };
    const output = openSync(stage.log('neighbours'), 'a');
    this.#watchdog = watchdog;
    this.#tell = tell;
    this.#child = fork(script, [JSON.stringify({ place, only, seed })], {
      env,
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', output, output, 'ipc'],
    });
    closeSync(output);
    if (this.#child.pid) watchdog.isAlive(this.#child.pid);
  }

  /** Until all have what they need. @throws where they can't have it */
  async settled(): Promise<void> {
    await this.#hear((told) => {
      if ('settled' in told) this.#tell(`${told.settled} has moved in`);
      return 'ready' in told ? true : undefined;
    });
  }

  begin(): void {
    this.#child.send('begin');
  }

  /** Until all that was begun is answered, or given up. */
  async end(): Promise<BadReport[]> {
    const report = this.#hear((told) => ('report' in told ? told.report : undefined));
    this.#child.send('end');
    return await report;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
    if (this.#child.pid) this.#watchdog.isGone(this.#child.pid);
  }

  /** What `pick` makes of the first thing said that it takes. */
  async #hear<T>(pick: (told: FromProcess) => T | undefined): Promise<T> {
    const ended = howItEnds(this.#child).then((how) =>
      Promise.reject(new Error(`the bad neighbours ended (${how}): their log says why`)),
    );
    let late: NodeJS.Timeout | undefined;
    const heard = new Promise<T>((resolve, reject) => {
      late = setTimeout(
        () => reject(new Error(`the bad neighbours said nothing for ${PATIENCE / 1000} s`)),
        PATIENCE,
      );
      this.#child.on('message', (told: FromProcess) => {
        const picked = pick(told);
        if (picked !== undefined) resolve(picked);
      });
    });
    return await Promise.race([heard, ended]).finally(() => clearTimeout(late));
  }
}
