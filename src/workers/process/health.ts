import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { ApiDependencies } from '../../api/dependencies.ts';
import { connectDatabase, type Database } from '../../db/client.ts';
import { askToWrite } from '../../db/server.ts';
import { NotSoonError, soon } from '../../db/soon.ts';
import { safeReason } from '../../safe-error.ts';
import type { Config } from '../../settings/config.ts';
import type { Queues } from '../../transport/queues.ts';
import { registerProcessMetrics } from './metrics.ts';
import type { ShutdownStack } from './process.ts';
import { repeat } from './repeat.ts';

/** What is wrong with something that a process needs; null where nothing is. May throw instead. */
export type Check = () => Promise<string | null>;

/** Whether a process can do its work: it has started, is not stopping, and all it needs answers. */
export class ProcessHealth {
  readonly metrics = new Registry();
  readonly #checks = new Map<string, Check>();
  #state: 'starting' | 'started' | 'stopping' = 'starting';

  /**
   * Looked at from now on whenever readiness is asked for. An answer that takes longer than 1.5 s
   * is none.
   */
  check(name: string, check: Check): void {
    this.#checks.set(name, check);
  }

  is(state: 'started' | 'stopping'): void {
    this.#state = state;
  }

  /** Looks at everything at once, so that it answers within 2 s. */
  async readiness(): ReturnType<ApiDependencies['readiness']> {
    const found = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await problemOf(check)] as const),
    );
    const problems = found.flatMap(([name, problem]) =>
      problem === null ? [] : [`${name}: ${problem}`],
    );
    if (this.#state !== 'started') problems.unshift(`this process is ${this.#state}`);
    const checks = Object.fromEntries(
      found.map(([name, problem]) => [name, problem === null ? 'ok' : 'failed']),
    );
    const ok = problems.length === 0;
    return { ok, detail: ok ? checks : { ...checks, problem: problems.join('; ') } };
  }
}

async function problemOf(check: Check): Promise<string | null> {
  try {
    return await soon(check());
  } catch (error) {
    if (error instanceof NotSoonError) return 'no answer within 1.5 s';
    return safeReason(error);
  }
}

/**
 * The transport's server answers and has the namespace; nothing is asked where there is no server
 * but Postgres.
 */
export const transportAnswers =
  (queues: Queues): Check =>
  async () => {
    const server = await queues.server();
    return server && (server.away ?? server.namespace);
  };

/** How often a process asks Postgres whether it answers, in ms. */
const ASK = 5000;

/**
 * Asks Postgres again and again, over a connection that work can't hold up. So dead connections are
 * found within 8 s, for all pools of the process.
 *
 * @returns that connection
 */
export function askPostgres({ config, log, started }: ProcessContext): Database {
  const settings = { name: 'knockon health', connections: 1, statementMs: 1500 };
  const database = started.add(connectDatabase(config.DATABASE_URL, settings), (d) => d.close());
  // What needs Postgres logs that it is away.
  const ask = () => database.pg`select 1`.catch(() => {});
  started.add(repeat({ what: 'ask Postgres', everyMs: ASK, log, restFactor: 1 }, ask), (loop) =>
    loop.stop(),
  );
  return database;
}

interface ProcessContext {
  config: Config;
  log: Logger;
  /** Stops what is begun here. */
  started: ShutdownStack;
}

/**
 * Begins to tell of a process, on KNOCKON_METRICS_PORT where that is set: at first that it is
 * starting. Begun before anything is waited for, so that who looks hears what is missing.
 *
 * @param looks what it needs beside Postgres, which is asked over a connection that work can't hold
 * up
 */
export async function startHealth(
  serving: ProcessContext,
  looks: (database: Database) => Record<string, Check> = () => ({}),
): Promise<ProcessHealth> {
  const { config } = serving;
  const database = askPostgres(serving);
  const health = new ProcessHealth();
  registerProcessMetrics(health.metrics, config);
  health.check('database', () => askToWrite(database.pg));
  for (const [name, look] of Object.entries(looks(database))) health.check(name, look);
  await serveHealth(health, serving);
  return health;
}

/**
 * Serves a process' health and metrics on KNOCKON_METRICS_PORT, without a key; does nothing where
 * that is unset.
 */
export async function serveHealth(
  health: Pick<ProcessHealth, 'metrics' | 'readiness'>,
  { config, log, started }: ProcessContext,
): Promise<void> {
  const {
    KNOCKON_HOST: host,
    KNOCKON_METRICS_PORT: port,
    KNOCKON_KEEP_ALIVE: keepAliveTimeout,
  } = config;
  if (port === null) return;
  const [{ createHealthApp }, { serve }, { timeLimits }] = await Promise.all([
    import('../../api/routes/health.ts'),
    import('./http-server.ts'),
    import('./connections.ts'),
  ]);
  const app = createHealthApp({
    readiness: () => health.readiness(),
    metrics: health.metrics,
    log,
  });
  const server = await serve(app.fetch, { host, port }, { ...timeLimits, keepAliveTimeout });
  started.add(server, (s) => s.close(1000));
  log.info({ url: server.url }, 'health and metrics are here, without a key');
}
