import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import type { Effect } from '../activities/runtime/effect.ts';
import type { Database } from '../db/client.ts';
import { databaseTime } from '../db/server.ts';
import { readFingerprint } from '../ops/status/workers.ts';
import type { Config } from '../settings/config.ts';
import type { Middleware } from './middleware.ts';
import { retryUntilAvailable, type ShutdownStack } from './process/process.ts';
import { repeat } from './process/repeat.ts';

/** How often a worker says that it is there and what it has done, in ms. */
const BEAT = 5000;

/** The version that this process runs, for operators. */
export function versionOf({ KNOCKON_VERSION }: Pick<Config, 'KNOCKON_VERSION'>): string {
  if (KNOCKON_VERSION !== undefined) return KNOCKON_VERSION;
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  return version;
}

/**
 * The name of a worker process, as it is known to the transport and to operators: it says whose it
 * is, which others see on a queue that is shared.
 */
const identityOf = (kind: string, mark: string): string =>
  `${process.pid}@${hostname()}.${mark}/${kind}`;

/**
 * How far this machine's clock is ahead of the database's, in ms, to half of what the question
 * takes.
 */
async function clockAhead(pg: Sql): Promise<number> {
  const asked = Date.now();
  const theirs = await databaseTime(pg);
  return Math.round((asked + Date.now()) / 2 - theirs);
}

interface Tally {
  queue: string;
  concurrency: number;
  running: number;
  done: number;
  failed: number;
}

type Kind = 'effects' | 'workflows';

interface PresenceOptions {
  pg: Sql;
  /** Of its database: `readFingerprint`. */
  mark: string;
  kind: Kind;
  version: string;
  log: Pick<Logger, 'warn'>;
}

interface Wiring {
  config: Config;
  database: Database;
  log: Logger;
  started: ShutdownStack;
}

/**
 * The presence of this worker, which stops with it. Waits until Postgres answers.
 *
 * @param isAway which errors to wait for (default: all)
 */
export async function createPresence(
  kind: Kind,
  { config, database: { pg }, log, started }: Wiring,
  isAway?: (error: unknown) => boolean,
): Promise<Presence> {
  const trouble = 'Postgres does not answer';
  const mark = await retryUntilAvailable(trouble, () => readFingerprint(pg), log, isAway);
  const presence = new Presence({ pg, mark, kind, version: versionOf(config), log });
  return started.add(presence, (p) => p.stop());
}

/**
 * Says in Postgres that this worker is there, what it hosts, how much of that is under way, and
 * what got done.
 */
export class Presence {
  readonly identity: string;
  readonly #options: PresenceOptions;
  readonly #tallies = new Map<string, Tally>();
  #beating: { stop(): Promise<void> } | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.identity = identityOf(options.kind, options.mark);
  }

  /** Counts the calls of an effect. @param concurrency most of them at once */
  counted<Beside extends unknown[] = []>(
    { name, task_queue: queue }: Pick<Effect, 'name' | 'task_queue'>,
    concurrency: number,
  ): Middleware<Beside> {
    const tally = { queue, concurrency, running: 0, done: 0, failed: 0 };
    this.#tallies.set(name, tally);
    return (next) =>
      async (call, ...beside) => {
        tally.running += 1;
        try {
          const answer = await next(call, ...beside);
          tally.done += answer.done;
          tally.failed += answer.open.filter(({ state }) => state !== 'later').length;
          return answer;
        } catch (error) {
          tally.failed += 1;
          throw error;
        } finally {
          tally.running -= 1;
        }
      };
  }

  /** It is not hosted here any more. */
  forget(effect: string): void {
    this.#tallies.delete(effect);
  }

  start(): void {
    this.#beating = repeat(
      {
        what: 'say that this worker is there',
        everyMs: BEAT,
        log: this.#options.log,
        restFactor: 1,
      },
      () => this.#beat(),
    );
  }

  /** What got done since the last time is kept; then the worker is gone. */
  async stop(): Promise<void> {
    await this.#beating?.stop();
    const leave = async () => {
      await this.#beat();
      await this.#options.pg`delete from knockon.workers where identity = ${this.identity}`;
    };
    await Promise.race([
      leave().catch(() => {}),
      new Promise((resolve) => void setTimeout(resolve, 2000).unref()),
    ]);
  }

  async #beat(): Promise<void> {
    const { pg, kind, version } = this.#options;
    const tallies = [...this.#tallies];
    const effects = Object.fromEntries(
      tallies.map(([name, { queue, concurrency, running }]) => [
        name,
        { queue, concurrency, running },
      ]),
    );
    const ahead = await clockAhead(pg);
    await pg`
      insert into knockon.workers (identity, kind, version, host, pid, effects, clock_ahead_ms)
      values (${this.identity}, ${kind}, ${version}, ${hostname()}, ${process.pid},
        ${pg.json(effects)}, ${ahead})
      on conflict (identity) do update
        set seen_at = now(), effects = excluded.effects, version = excluded.version,
          clock_ahead_ms = excluded.clock_ahead_ms`;
    for (const [name, tally] of tallies) {
      const { done, failed } = tally;
      if (done + failed === 0) continue;
      await pg`
        insert into knockon.effect_rates (subscriber, since, done, failed)
        values (${name}, date_bin('10 seconds', now(), timestamptz 'epoch'), ${done}, ${failed})
        on conflict (subscriber, since) do update set done = effect_rates.done + excluded.done,
          failed = effect_rates.failed + excluded.failed`;
      tally.done -= done;
      tally.failed -= failed;
    }
  }
}
