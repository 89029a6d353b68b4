import type { Logger } from 'pino';
import type { TellAttempt } from '../activities/runtime/attempt-report.ts';
import type { Effect } from '../activities/runtime/effect.ts';
import type { Locks } from '../activities/runtime/locks/lock.ts';
import { postgresLocks } from '../activities/runtime/locks/postgres.ts';
import type { LimitedSubscribers } from '../activities/runtime/workspace-limits.ts';
import type { Database } from '../db/client.ts';
import { isDatabaseAway } from '../db/errors.ts';
import { assertOwn, register } from '../outbox/subscribers.ts';
import type { Config } from '../settings/config.ts';
import { namingOf } from '../transport/naming.ts';
import { registration } from './effect-settings.ts';
import { registerTypes, tellUnknownTypes } from './event-types.ts';
import { type HostMore, hostHttpSubscribers } from './http-subscribers.ts';
import { createPresence, type Presence } from './presence.ts';
import { type ProcessHealth, startHealth } from './process/health.ts';
import { LimitedLog } from './process/limited-log.ts';
import { EffectMetrics } from './process/metrics.ts';
import { retryUntilAvailable, type ShutdownStack } from './process/process.ts';
import { watchWorkspaceLimits } from './workspace-limits.ts';

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
  health: ProcessHealth;
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
