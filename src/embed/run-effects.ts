import type { Effect } from '../activities/runtime/effect.ts';
import {
  aBoolean,
  anObject,
  anything,
  aString,
  aWholeNumber,
  checkOptions,
  type Must,
  oneOf,
} from '../known-members.ts';
import type { Config } from '../settings/config.ts';
import { checkEffects } from '../workers/check-effects.ts';
import type { Connection } from './connect.ts';

export interface RunEffectsOptions {
  /** Made with `defineEffect`; one or more, each with a name of its own. */
  effects: Effect[];
  /** A connection to use; it stays open afterwards. Default: a new one, to `url`. */
  database?: Connection | undefined;
  /** Default: `DATABASE_URL`. */
  url?: string | undefined;
  /** Default: `KNOCKON_TRANSPORT`, else `temporal`. All processes need the same. */
  transport?: 'temporal' | 'pg-boss' | undefined;
  /** Default: the variables `TEMPORAL_…` and the profile that they choose. */
  temporal?:
    | {
        /** `host:port`, such as `localhost:7233`. */
        address?: string | undefined;
        namespace?: string | undefined;
        /** For Temporal Cloud; it turns TLS on. */
        apiKey?: string | undefined;
      }
    | undefined;
  /** Calls of one effect at once, 1 to 1000. Default: the effect's own, else 8. */
  concurrency?: number | undefined;
  /**
   * Whether SIGTERM and SIGINT stop it (default true). A second signal ends the process. With
   * false, call `stop` yourself.
   */
  signals?: boolean | undefined;
  /** Where all other settings are read, also those of effects (default `process.env`). */
  env?: NodeJS.ProcessEnv | undefined;
}

const musts: Record<keyof RunEffectsOptions, Must> = {
  effects: anything,
  database: aConnection,
  url: aString,
  transport: oneOf('temporal', 'pg-boss'),
  temporal: anObject,
  concurrency: aWholeNumber(1, 1000),
  signals: aBoolean,
  env: anObject,
};
const mustsOfTemporal: Record<keyof NonNullable<RunEffectsOptions['temporal']>, Must> = {
  address: aString,
  namespace: aString,
  apiKey: aString,
};

function aConnection(value: unknown): string | undefined {
  const given = value as Partial<Connection> | null;
  return given?.db && given.pg ? undefined : 'must be what `connect` resolves to: wait for it';
}

/** Effects that run in this process. */
export interface RunningEffects {
  /** Takes no new calls, lets running ones finish within `KNOCKON_SHUTDOWN` (30 s), then closes. */
  stop(): Promise<void>;
  /** Resolves once it has stopped. Rejects if it can't go on, such as when a worker has failed. */
  ended: Promise<void>;
}

/**
 * Runs effects in this process, and registers them as subscribers: events are for them from then
 * on. Any number of processes may run the same effects. It waits for Postgres and Temporal where
 * these do not answer yet, and logs that.
 *
 * The database must be migrated, and the other processes of a deployment must run somewhere: `api`
 * or `relay`, and with Temporal `worker workflows`.
 *
 * @throws ConfigError with a line for each setting that is missing, malformed or unknown
 * @throws NotMigratedError if the database has not been migrated
 * @throws TypeError if there is no effect, two have the same name, one has that of an effect of
 * Knock-on's own, or an option is unknown or not what it must be
 */
export async function runEffects(options: RunEffectsOptions): Promise<RunningEffects> {
  checkOptions('runEffects', options, musts);
  checkOptions('runEffects: `temporal`', options.temporal ?? {}, mustsOfTemporal);
  checkEffects('runEffects', options.effects);
  if (options.effects.length === 0) throw new TypeError('runEffects: `effects` is empty');
  const env = environmentOf(options);
  const [{ readConfig }, { startEffects }] = await Promise.all([
    import('../settings/config.ts'),
    import('../workers/effects.ts'),
  ]);
  const config: Config = readConfig(env);
  const { effects, database, concurrency } = options;
  const running = await startEffects(config, { effects, env, database, concurrency });
  const stopping = stopOnce(running.stop);
  const forget = options.signals === false ? () => {} : stopOnSignals(stopping.stop);
  const ended = Promise.race([running.ended, stopping.stopped]).finally(forget);
  return { stop: stopping.stop, ended };
}

/** Effects of one's own seal nothing: they need no secret. */
const NO_SECRET = 'effects of their own need no secret';

/** The environment, and what the options say in its place. */
function environmentOf(options: RunEffectsOptions): NodeJS.ProcessEnv {
  const { env = process.env, database, url = database?.url, transport, temporal } = options;
  const said = {
    DATABASE_URL: url,
    // A direct way belongs to the URL beside it.
    KNOCKON_DATABASE_DIRECT_URL: url === undefined ? undefined : (database?.directUrl ?? ''),
    KNOCKON_TRANSPORT: transport,
    TEMPORAL_ADDRESS: temporal?.address,
    TEMPORAL_NAMESPACE: temporal?.namespace,
    TEMPORAL_API_KEY: temporal?.apiKey,
  };
  const given = Object.entries(said).filter(([, value]) => value !== undefined);
  return { KNOCKON_SECRET: NO_SECRET, ...env, ...Object.fromEntries(given) };
}

/** Stops at the first call; the others wait for the same end. */
function stopOnce(stop: () => Promise<void>) {
  let finish = () => {};
  let stopping: Promise<void> | undefined;
  const stopped = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const once = () => {
    stopping ??= stop().finally(finish);
    return stopping;
  };
  return { stop: once, stopped };
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** @returns what takes the listeners away */
function stopOnSignals(stop: () => Promise<void>): () => void {
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals > 1) process.exit(130);
    void stop();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
}
