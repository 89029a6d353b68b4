import { closest } from 'fastest-levenshtein';
import { z } from 'zod';
import { otherSchema } from './database.ts';
import { ConfigError, cantBeUsed, isDockerLink, problemOf, variablesOf } from './problems.ts';
import { otherVariables, type SettingName, settings, table } from './table.ts';
import { isTemporals, readTemporal, type TemporalSettings } from './temporal-profile.ts';

type Shape = { [Name in SettingName]: ReturnType<(typeof table)[Name]['schema']> };

const schema = z.object(
  Object.fromEntries(settings.map((name) => [name, table[name].schema(z)])) as Shape,
);

type Settings = z.output<typeof schema>;

type Temporal = TemporalSettings & { address: string; namespace: string };

export type Config = Settings & {
  /** What the TEMPORAL_ variables and the profile come to. */
  temporal: Temporal;
  TEMPORAL_ADDRESS: string;
  TEMPORAL_NAMESPACE: string;
};

export { ConfigError, settings, variablesOf };

/**
 * Reads the settings from the environment. An empty variable counts as unset.
 *
 * @throws ConfigError naming every variable that is wrong: what it got, what it must be, and for an
 * unknown KNOCKON_ or TEMPORAL_ variable the near spelling
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = variablesOf(env);
  const parsed = schema.safeParse(given);
  const problems = [...unknownVariables(given), ...otherSchema(given)];
  for (const { path, message } of parsed.error?.issues ?? []) {
    const name = path[0] as keyof Settings;
    problems.push(problemOf(name, given[name], given[name] ? message : table[name].must));
  }
  if (parsed.data?.KNOCKON_LOCKS === 'redis' && !parsed.data.REDIS_URL)
    problems.push('KNOCKON_LOCKS is "redis": REDIS_URL must be set too');
  const temporal = temporalOf(given, problems);
  if (problems.length > 0 || !parsed.success) throw cantBeUsed(problems);
  const REDIS_URL = keyedBy(parsed.data.KNOCKON_DEPLOYMENT, parsed.data.REDIS_URL);
  return {
    ...parsed.data,
    REDIS_URL,
    temporal,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
}

/** @throws ConfigError where the API would listen on one port twice */
export function refuseSharedPort({ KNOCKON_PORT, KNOCKON_METRICS_PORT }: Config): void {
  if (KNOCKON_PORT === 0 || KNOCKON_PORT !== KNOCKON_METRICS_PORT) return;
  const must = 'must be another port than KNOCKON_PORT has';
  throw cantBeUsed([problemOf('KNOCKON_METRICS_PORT', String(KNOCKON_METRICS_PORT), must)]);
}

function temporalOf(given: Record<string, string>, problems: string[]): Temporal {
  const byDefault = { address: 'localhost:7233', namespace: 'default' };
  if (given.KNOCKON_TRANSPORT === 'pg-boss') return byDefault;
  try {
    const {
      address = byDefault.address,
      namespace = byDefault.namespace,
      ...how
    } = readTemporal(given);
    return { ...how, address, namespace };
  } catch (error) {
    // A parser's message goes on with the lines that it stumbled over, keys among them.
    problems.push(String(error instanceof Error ? error.message : error).split('\n')[0]!);
    return byDefault;
  }
}

/** The clients of Redis read the prefix of their keys from the URL. */
function keyedBy(deployment: string | undefined, redisUrl: string | undefined): string | undefined {
  if (deployment === undefined || redisUrl === undefined) return redisUrl;
  const url = new URL(redisUrl);
  url.searchParams.set('keyPrefix', `${deployment}.`);
  return url.href;
}

function* unknownVariables(env: Record<string, string | undefined>): Generator<string> {
  const known = [...settings, ...Object.keys(otherVariables)];
  for (const name of Object.keys(env)) {
    if (!/^(KNOCKON|TEMPORAL)_/.test(name) || known.includes(name)) continue;
    if (!isTemporals(name) && !isDockerLink(name, env[name]))
      yield `${name} is not a setting of Knock-on; did you mean ${closest(name, known)}?`;
  }
}
