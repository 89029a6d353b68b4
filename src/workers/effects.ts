import { closest } from 'fastest-levenshtein';
import type { Logger } from 'pino';
import type { Effect } from '../activities/runtime/effect.ts';
import { schema } from '../activities/schema/index.ts';
import { connectDatabase, type Database } from '../db/client.ts';
import { errorCode, isDatabaseAway, NOT_MIGRATED, NotMigratedError } from '../db/errors.ts';
import { dispatchAnew } from '../outbox/dispatch-anew.ts';
import type { Config } from '../settings/config.ts';
import { effectSettings } from './effect-settings.ts';
import { hostEffects } from './host-effects.ts';
import { httpSubscribersAmong } from './http-subscribers.ts';
import { loadEffects } from './load-effects.ts';
import { withOwnSettings } from './own-settings.ts';
import { createLog, type Running, ShutdownStack } from './process/process.ts';

/** Thrown where `--only` names an effect that this version does not have. */
export class UnknownEffectError extends Error {
  override name = 'UnknownEffectError';
}

/** What `knockon worker effects` is asked for. */
export interface WorkerOptions {
  /** Names of the effects to run (default: all). */
  only?: string[];
  /** Goes before what an effect says of itself. */
  concurrency?: number;
  /** A module with effects to run instead of this version's. */
  from?: string;
}

/**
 * `knockon worker effects`: hosts effects, each on its own queue of the transport, and registers
 * them as subscribers.
 *
 * @throws UnknownEffectError, EffectModuleError, ConfigError
 */
export async function start(config: Config, options: WorkerOptions = {}): Promise<Running> {
  const { only, concurrency, from } = options;
  const loaded = from === undefined ? undefined : await loadEffects(from);
  const effects = async (opened: Opened) =>
    await select(loaded ?? (await shippedEffects(config, opened)), only, opened);
  return await startEffects(config, { effects, only, concurrency });
}

interface Opened {
  database: Database;
  log: Logger;
  started: ShutdownStack;
}

/** Not loaded by those who host effects of their own alone. */
async function shippedEffects(config: Config, { database, started }: Opened): Promise<Effect[]> {
  const { createEffects } = await import('../activities/index.ts');
  const { effects, close } = await createEffects(effectSettings(config), database);
  started.add(close, (c) => c());
  return effects;
}

/** What it takes to host effects in a process. */
export interface StartOptions {
  effects: Effect[] | ((opened: Opened) => Promise<Effect[]>);
  /** Names of the HTTP subscribers that are hosted beside them (default: all). */
  only?: string[];
  /** Where settings of an effect's own are read (default `process.env`). */
  env?: NodeJS.ProcessEnv;
  /** Stays open afterwards. Default: a connection of its own. */
  database?: Database;
  concurrency?: number;
}

/** Hosts these effects until it is stopped. @throws ConfigError, NotMigratedError */
export async function startEffects(config: Config, options: StartOptions): Promise<Running> {
  const started = new ShutdownStack();
  try {
    return await startWith(started, config, options);
  } catch (error) {
    await started.stop().catch(() => {});
    throw NOT_MIGRATED.codes.includes(errorCode(error) ?? '') ? new NotMigratedError(error) : error;
  }
}

async function startWith(
  started: ShutdownStack,
  given: Config,
  { concurrency, only, env = process.env, ...options }: StartOptions,
): Promise<Running> {
  const config = concurrency === undefined ? given : { ...given, KNOCKON_CONCURRENCY: concurrency };
  const log = createLog('worker effects', config.LOG_LEVEL);
  const database = options.database ?? openDatabase(config, started);
  const wanted = options.effects;
  const effects = Array.isArray(wanted) ? wanted : await wanted({ database, log, started });
  // What is asked for this process goes before what an effect says of itself.
  const hosted = withSchema(withOwnSettings(effects, env)).map((effect) => ({
    ...effect,
    concurrency: concurrency ?? effect.concurrency,
  }));
  const { ended } = await hostEffects({ config, database, effects: hosted, only, log, started });
  return { stop: () => started.stop(), ended };
}

/** Adds the effect `schema`, which every worker of effects hosts. */
export function withSchema(effects: Effect[]): Effect[] {
  return [...effects, schema({ dispatchAnew })];
}

/** Longest that an effect's statement waits for a row that somebody else holds, in ms. */
const LOCK_MS = 3000;

function openDatabase(config: Config, started: ShutdownStack): Database {
  const statementMs = config.KNOCKON_STATEMENT_TIMEOUT;
  const connections = Math.min(3 * config.KNOCKON_CONCURRENCY, 24);
  const options = {
    directUrl: config.KNOCKON_DATABASE_DIRECT_URL,
    connections,
    // Effects that call the outside use single statements: they don't wait for those that change
    // our database.
    transactions: Math.ceil((3 / 4) * connections),
    name: 'knockon worker effects',
    statementMs,
    // A call that waits for a row of one workspace may keep others waiting. It uses up no attempt.
    lockMs: Math.min(statementMs / 2, LOCK_MS),
    // Calls have time to wait for a connection: where many are under way, each has its turn.
    waitMs: statementMs,
  };
  return started.add(connectDatabase(config.DATABASE_URL, options), (d) => d.close());
}

/** Those of that name; a name may be an HTTP subscriber's. @throws UnknownEffectError */
async function select(
  effects: Effect[],
  only: string[] | undefined,
  { database }: Opened,
): Promise<Effect[]> {
  if (!only) return effects;
  const names = effects.map((effect) => effect.name);
  const others = only.filter((name) => !names.includes(name));
  const http = others.length > 0 ? await httpNames(database, others) : [];
  const unknown = others.filter((name) => !http?.includes(name));
  if (unknown.length > 0) {
    const near = unknown.map((one) => closest(one, names)).join(', ');
    throw new UnknownEffectError(
      `there is no effect ${unknown.join(', ')}; did you mean ${near}? This version has ` +
        `${names.join(', ')}${http ? '' : '. HTTP subscribers are not known: Postgres does not answer'}`,
    );
  }
  return effects.filter((effect) => only.includes(effect.name));
}

/** Undefined: Postgres does not answer. */
const httpNames = ({ pg }: Database, names: string[]) =>
  httpSubscribersAmong(pg, names).catch((error) => {
    if (isDatabaseAway(error)) return undefined;
    throw error;
  });
