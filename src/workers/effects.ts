import { closest } from 'fastest-levenshtein';
import type { Logger } from 'pino';
import type { EffectSettings } from '../activities/index.ts';
import type { TellAttempt } from '../activities/runtime/attempt-report.ts';
import type { Effect } from '../activities/runtime/effect.ts';
import type { Locks } from '../activities/runtime/locks/lock.ts';
import { postgresLocks } from '../activities/runtime/locks/postgres.ts';
import type { LimitedSubscribers } from '../activities/runtime/workspace-limits.ts';
import { schema } from '../activities/schema/index.ts';
import { connectDatabase, type Database } from '../db/client.ts';
import { errorCode, isDatabaseAway, NOT_MIGRATED, NotMigratedError } from '../db/errors.ts';
import { dispatchAnew } from '../outbox/dispatch-anew.ts';
import { assertOwn, type Registration, register } from '../outbox/subscribers.ts';
import type { Config } from '../settings/config.ts';
import { namingOf } from '../transport/naming.ts';
import { registerTypes, tellUnknownTypes } from './event-types.ts';
import { type HostMore, hostHttpSubscribers, httpSubscribersAmong } from './http-subscribers.ts';
import { loadEffects } from './load-effects.ts';
import { withOwnSettings } from './own-settings.ts';
import { createPresence, type Presence } from './presence.ts';
import { type Health, startHealth } from './process/health.ts';
import { LimitedLog } from './process/limited-log.ts';
import { EffectMetrics } from './process/metrics.ts';
import { createLog, type Running, retryUntilAvailable, ShutdownStack } from './process/process.ts';
import { watchWorkspaceLimits } from './workspace-limits.ts';

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
    // A call that waits for a row of one workspace may keep others waiting. It uses up no try.
    lockMs: Math.min(statementMs / 2, LOCK_MS),
    // Calls have time to wait for a connection: where many are under way, each has its turn.
    waitMs: statementMs,
  };
  return started.add(connectDatabase(config.DATABASE_URL, options), (d) => d.close());
}

/** What effects need, of the settings. */
export function effectSettings(config: Config): EffectSettings {
  return {
    secret: config.KNOCKON_SECRET,
    webhooks: {
      allow: config.KNOCKON_WEBHOOK_ALLOW,
      deny: config.KNOCKON_WEBHOOK_DENY,
      timeoutMs: config.KNOCKON_WEBHOOK_TIMEOUT,
      concurrency: config.KNOCKON_WEBHOOK_CONCURRENCY,
      nameServers: config.KNOCKON_WEBHOOK_NAME_SERVERS,
      attempts: config.KNOCKON_WEBHOOK_ATTEMPTS,
      circuit: { failures: config.KNOCKON_WEBHOOK_FAILURES, firstMs: config.KNOCKON_WEBHOOK_PROBE },
    },
    mail: {
      smtpUrl: config.SMTP_URL,
      from: config.MAIL_FROM,
      graceMs: config.KNOCKON_EMAIL_GRACE,
      quota: mailQuota(config),
    },
    notifyAgeMs: config.KNOCKON_NOTIFY_AGE,
    redisUrl: config.REDIS_URL,
  };
}

const mailQuota = ({ KNOCKON_EMAIL_QUOTA: quota }: Config) =>
  quota && { mails: quota.requests, seconds: quota.seconds };

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

/** What hosting effects takes. */
export interface Hosting {
  config: Config;
  database: Database;
  effects: Effect[];
  /** Names of the HTTP subscribers that are hosted beside them (default: all). */
  only?: string[];
  log: Logger;
  /** Stops what is begun here. */
  started: ShutdownStack;
}

/** Effects that are hosted. */
export interface EffectHost {
  /** Rejects where a worker fails for good. */
  ended: Promise<void>;
  hostMore: HostMore;
}

/** What a transport takes to host effects. */
export interface Hosted extends Hosting {
  /** Of the ordered ones. */
  locks: Locks;
  limited: LimitedSubscribers;
  /** Counts calls. */
  presence: Presence;
  /** Told what the transport needs. */
  health: Health;
  /** Measures calls. */
  metrics: EffectMetrics;
}

/** Tells the process' log of attempts that are not done: a line each, up to a number. */
export function tellingAttempts({ log, started }: Pick<Hosted, 'log' | 'started'>): TellAttempt {
  const sparing = started.add(new LimitedLog(log), (s) => s.close());
  return ({ subscriber, ...report }) =>
    sparing.warn({ subscriber }, report, 'an effect is not done');
}

/**
 * A worker for each effect, then their registration: from then on dispatches are for them too.
 * `ended` rejects where one fails for good.
 */
export async function hostEffects(hosting: Hosting): Promise<{ ended: Promise<void> }> {
  const { config, database, log, started } = hosting;
  const health = await startHealth(hosting);
  const naming = namingOf(config.KNOCKON_DEPLOYMENT);
  const effects = hosting.effects.map((effect) => ({
    ...effect,
    task_queue: naming.of(effect.task_queue),
  }));
  const locks = started.add(await locksOf(hosting), (l) => l.close());
  const limited = started.add(watchWorkspaceLimits(hosting), (w) => w.stop());
  const transport =
    config.KNOCKON_TRANSPORT === 'pg-boss'
      ? await import('./pg-boss.ts')
      : await import('./temporal.ts');
  // Stops after the calls: theirs count too.
  const presence = await createPresence('effects', hosting, isDatabaseAway);
  const names = effects.map(({ name }) => name);
  const untilAvailable = <T>(work: () => Promise<T>) =>
    retryUntilAvailable('Postgres does not answer', work, log, isDatabaseAway);
  await untilAvailable(() => assertOwn(database.pg, names));
  const { ended, hostMore } = await transport.host({
    ...hosting,
    effects,
    locks,
    limited,
    presence,
    health,
    metrics: new EffectMetrics(health.metrics),
  });
  presence.start();
  await registerTypes(hosting, isDatabaseAway);
  await tellUnknownTypes(hosting, effects).catch(() => {});
  const retired = await untilAvailable(() => register(database, effects.map(registration)));
  if (retired.length > 0)
    log.warn(
      { effects: retired },
      'these are retired and get no new event; `knockon retire NAME --undo` reinstates them',
    );
  await hostHttpSubscribers({ ...hosting, hostMore, presence });
  started.add(health, (h) => h.is('stopping'));
  health.is('started');
  log.info({ effects: names }, 'ready');
  return { ended };
}

/** Redis' client is loaded by those alone who lock there. */
async function locksOf({ config, database, log }: Hosting): Promise<Locks> {
  if (config.KNOCKON_LOCKS === 'postgres' || config.REDIS_URL === undefined)
    return postgresLocks(database.db);
  const { RedisLocks } = await import('../activities/runtime/locks/redis.ts');
  return new RedisLocks({
    url: config.REDIS_URL,
    db: database.db,
    onError: (err) => log.warn({ err }, 'Redis, where the locks are, does not answer'),
  });
}

/** An effect's row. */
export function registration(effect: Effect): Registration {
  const { name, description, on, task_queue, ordering, batch, timeout_ms, retry } = effect;
  const { concurrency = null, perSecond = null } = effect.perWorkspace ?? {};
  return {
    name,
    description,
    event_types: on,
    task_queue,
    activity: name,
    ordering,
    batch,
    timeout_ms,
    retry,
    debounce: effect.debounce,
    again: effect.again,
    workspace_limit: { concurrency, per_second: perSecond },
  };
}
