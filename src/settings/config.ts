import { closest } from 'fastest-levenshtein';
import type { z } from 'zod';
import { otherVariables, schema, settings, table } from './table.ts';
import { isTemporals, readTemporal, type TemporalSettings } from './temporal-profile.ts';

type Settings = z.output<typeof schema>;

type Temporal = TemporalSettings & { address: string; namespace: string };

export type Config = Settings & {
  /** What the TEMPORAL_ variables and the profile come to. */
  temporal: Temporal;
  TEMPORAL_ADDRESS: string;
  TEMPORAL_NAMESPACE: string;
};

export { settings };

/** Thrown when settings are missing, malformed or unknown; the message has a line for each. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * What Kubernetes, and Docker's links, put into the environment for each service beside: of one
 * called `knockon-api` `KNOCKON_API_PORT=tcp://10.0.0.7:80`.
 */
const serviceLink =
  /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
const serviceAddress = /^(tcp|udp|sctp):\/\//;

/**
 * The variables that somebody has set: without empty ones, and without those that tell of services
 * beside, whatever these are called.
 */
export function variablesOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const isSet = (entry: [string, string | undefined]): entry is [string, string] =>
    entry[1] !== undefined && entry[1].trim() !== '';
  const isLink = ([name, value]: [string, string]) =>
    serviceLink.test(name) || (name.endsWith('_PORT') && serviceAddress.test(value));
  return Object.fromEntries(
    Object.entries(env)
      .filter(isSet)
      .filter((entry) => !isLink(entry)),
  );
}

/**
 * Reads the settings from the environment. An empty variable counts as unset.
 *
 * @throws ConfigError naming every variable that is wrong: what it got, what it must be, and for an
 * unknown KNOCKON_ or TEMPORAL_ variable the near spelling
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = variablesOf(env);
  const parsed = schema.safeParse(given);
  const problems = [...unknownVariables(given)];
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0]);
    problems.push(
      given[name] === undefined
        ? `${name} is not set: it ${table[name as keyof Settings].must}`
        : `${name} is ${shown(name, given[name])}: it ${issue.message}`,
    );
  }
  if (parsed.data?.KNOCKON_LOCKS === 'redis' && !parsed.data.REDIS_URL)
    problems.push('KNOCKON_LOCKS is "redis": REDIS_URL must be set too');
  const temporal = temporalOf(given, problems);
  if (problems.length > 0 || !parsed.success)
    throw new ConfigError(
      `The configuration can't be used:\n${problems.map((p) => `  ${p}`).join('\n')}`,
    );
  const REDIS_URL = keyedBy(parsed.data.KNOCKON_DEPLOYMENT, parsed.data.REDIS_URL);
  return {
    ...parsed.data,
    REDIS_URL,
    temporal,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
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
    if (/^(KNOCKON|TEMPORAL)_/.test(name) && !known.includes(name) && !isTemporals(name))
      yield `${name} is not a setting of Knock-on; did you mean ${closest(name, known)}?`;
  }
}

function shown(name: string, value: string): string {
  return /SECRET|KEY|URL/.test(name)
    ? `set to something it can't use (${value.length} characters)`
    : JSON.stringify(value);
}
