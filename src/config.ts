import { isIP } from 'node:net';
import { closest } from 'fastest-levenshtein';
import ipaddr from 'ipaddr.js';
import ms, { type StringValue } from 'ms';
import { z } from 'zod';
import { isDatabaseUrl } from './database-url.ts';
import { isTemporals, readTemporal, type TemporalSettings } from './temporal-settings.ts';

const duration = (fallback: StringValue) =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const value = ms(text as StringValue);
      if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
      context.addIssue({
        code: 'custom',
        message: 'must be a duration such as "500ms", "30s", "5m" or "2h"',
      });
      return z.NEVER;
    });

const durationOrOff = (fallback: StringValue | 'off') =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      if (text.trim() === 'off') return null;
      const value = ms(text as StringValue);
      if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
      context.addIssue({
        code: 'custom',
        message: 'must be a duration such as "30s", "5m" or "90d", or "off"',
      });
      return z.NEVER;
    });

const url = (protocols: string[], example: string) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    message: `must be a URL such as ${example}`,
  });

const whole = (fallback: number, min: number, max: number) =>
  z
    .string()
    .default(String(fallback))
    .transform(Number)
    .refine((n) => Number.isInteger(n) && n >= min && n <= max, {
      message: `must be a whole number from ${min} to ${max}`,
    });

const portOrNone = z
  .string()
  .optional()
  .transform((text, context) => {
    if (text === undefined) return null;
    const port = Number(text);
    if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
    context.addIssue({ code: 'custom', message: 'must be a whole number from 0 to 65535' });
    return z.NEVER;
  });

const cidrs = z
  .string()
  .default('')
  .transform((text) => text.split(/[\s,]+/).filter(Boolean))
  .refine((list) => list.every((entry) => ipaddr.isValidCIDR(entry)), {
    message: 'must be a list of CIDRs such as "10.0.0.0/8, ::1/128"',
  });

const nameServers = z
  .string()
  .default('')
  .transform((text) => text.split(/[\s,]+/).filter(Boolean))
  .refine((list) => list.every(isNameServer), {
    message: 'must be a list of addresses such as "10.0.0.53, [2001:db8::53]:5353"',
  });

function isNameServer(text: string): boolean {
  const [, six, four = text, port = '53'] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  return isIP(six ?? four) !== 0 && Number(port) >= 1 && Number(port) <= 65_535;
}

const quota = (fallback: string, what = 'requests', such = '"600/1m" or "50/s"') =>
  z
    .string()
    .default(fallback)
    .transform((text, context) => {
      if (text.trim() === 'off') return null;
      const [, requests, window] = /^\s*(\d{1,9})\s*\/\s*(\d*\s*[a-z]+)\s*$/.exec(text) ?? [];
      const seconds =
        window && ms((/^\d/.test(window) ? window : `1${window}`) as StringValue) / 1000;
      if (Number(requests) >= 1 && Number.isInteger(seconds) && Number(seconds) >= 1)
        return { requests: Number(requests), seconds: Number(seconds) };
      context.addIssue({
        code: 'custom',
        message: `must be ${what} and a window in whole seconds such as ${such}, or "off"`,
      });
      return z.NEVER;
    });

/** What names of queues and workflows begin with where the deployment has none. */
const notDeployments = [
  'effects',
  'workflows',
  'retry',
  'reset',
  'replay',
  'backfill',
  'rebuild',
  'retire',
];

/**
 * Every setting: its variable, its format, its default. Durations are given as text and read as
 * milliseconds.
 */
const schema = z.object({
  /**
   * Where Postgres (15 to 18) is, or a pooler before it such as pgbouncer, in whichever mode. Of
   * several hosts (`@one:5432,two:5432/`) the first is used that takes connections, and writes.
   */
  DATABASE_URL: z.string().refine(isDatabaseUrl, {
    message: 'must be a URL such as postgres://user:password@localhost:5432/knockon',
  }),
  /**
   * The way to the same database around a pooler, for LISTEN and migrations. Without it what is new
   * is looked for every second.
   */
  KNOCKON_DATABASE_DIRECT_URL: z
    .string()
    .refine(isDatabaseUrl, {
      message: 'must be a URL such as postgres://user:password@localhost:5432/knockon',
    })
    .optional(),
  /**
   * Who sees effects through: `temporal`, or `pg-boss`, which needs no server but Postgres. The
   * same for all processes.
   */
  KNOCKON_TRANSPORT: z
    .enum(['temporal', 'pg-boss'], { message: 'must be "temporal" or "pg-boss"' })
    .default('temporal'),
  /**
   * Tells deployments apart that share a Temporal namespace, or a Redis: it and a dot go before the
   * names of task queues and workflows, and before keys in Redis. The same for all processes.
   * Changing it is like changing the transport: what is under way stays where it is.
   */
  KNOCKON_DEPLOYMENT: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,31}$/, {
      message: 'must be a lower-case letter, then up to 31 of a-z, 0-9, _ and -',
    })
    .refine((name) => !notDeployments.includes(name), {
      message: `must not be one of ${notDeployments.join(', ')}: other names begin so`,
    })
    .optional(),
  // How Temporal is reached: `readTemporal` makes one of these and of the profile.
  /** Temporal's gRPC address; default localhost:7233. */
  TEMPORAL_ADDRESS: z.string().optional(),
  /** Default: `default`. */
  TEMPORAL_NAMESPACE: z.string().optional(),
  /** For Temporal Cloud; setting it turns TLS on. */
  TEMPORAL_API_KEY: z.string().optional(),
  /** `true` or `false`. On by itself where an API key or something else of TLS is set. */
  TEMPORAL_TLS: z.string().optional(),
  /** A client's certificate and its key (mTLS), each a file or what would be in it. */
  TEMPORAL_TLS_CLIENT_CERT_PATH: z.string().optional(),
  TEMPORAL_TLS_CLIENT_CERT_DATA: z.string().optional(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: z.string().optional(),
  TEMPORAL_TLS_CLIENT_KEY_DATA: z.string().optional(),
  /** Who has signed the server's certificate, where the system does not know them. */
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: z.string().optional(),
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: z.string().optional(),
  /** The name that the server's certificate bears, where it is another than the address. */
  TEMPORAL_TLS_SERVER_NAME: z.string().optional(),
  /**
   * The file of profiles that Temporal's own commands use (`temporal config`); /dev/null: none.
   * What is set here goes before it.
   */
  TEMPORAL_CONFIG_FILE: z.string().optional(),
  /** Which of its profiles. */
  TEMPORAL_PROFILE: z.string().optional(),
  /** Where people see the Temporal UI; journeys link to it. Empty: no links. */
  TEMPORAL_UI_URL: url(['http:', 'https:'], 'http://localhost:8233').optional(),
  /** Set: channel summaries are served from Redis, and API processes share their limits. */
  REDIS_URL: url(['redis:', 'rediss:'], 'redis://localhost:6379').optional(),
  /**
   * Where workers lock what ordered effects may do only one at a time. `redis` needs REDIS_URL. All
   * workers must have the same.
   */
  KNOCKON_LOCKS: z
    .enum(['postgres', 'redis'], { message: 'must be "postgres" or "redis"' })
    .default('postgres'),
  /** Unset: nobody is e-mailed. */
  SMTP_URL: url(['smtp:', 'smtps:'], 'smtp://user:password@mail.example.com:587').optional(),
  MAIL_FROM: z.string().default('Knock-on <notifications@knockon.example>'),
  /**
   * The operator's key, 16 characters or more. Make it random, as with `openssl rand -base64 24`: a
   * right key is let in however many wrong ones came before.
   */
  KNOCKON_ADMIN_KEY: z.string().min(16, { message: 'must have 16 characters or more' }).optional(),
  /**
   * Seals webhook secrets and keys the audit chain; 32 characters or more. What was sealed can't be
   * read under another.
   */
  KNOCKON_SECRET: z.string().min(32, {
    message: 'must have 32 characters or more, such as from `openssl rand -base64 32`',
  }),
  /** Where the API listens, and each process with its KNOCKON_METRICS_PORT. */
  KNOCKON_HOST: z.string().default('127.0.0.1'),
  /** The API's. 0: any free port. */
  KNOCKON_PORT: whole(3000, 0, 65_535),
  /**
   * Set: the process answers /healthz, /readyz and /metrics on this port, without a key and
   * whatever the API's own port is busy with. Keep it from strangers. Processes of one machine need
   * one each. On the API's own port /metrics asks for an operator's key unless KNOCKON_HOST is this
   * machine alone. 0: any free port; the log says which.
   */
  KNOCKON_METRICS_PORT: portOrNone,
  /**
   * How long a connection may rest between two requests: longer than a load balancer in front keeps
   * it (60 s is usual), or requests meet its end.
   */
  KNOCKON_KEEP_ALIVE: duration('65s').refine((value) => value >= 1000, {
    message: 'must be 1s or more',
  }),
  /**
   * Requests a key may make, such as `600/1m`; `off`: any number. By default so many that only a
   * runaway loop meets it.
   */
  KNOCKON_RATE_LIMIT: quota('100000/1s'),
  /**
   * Requests with a wrong key, or none, from one address (or /64 of IPv6); beyond it they are
   * answered 429. `off`: any number.
   */
  KNOCKON_KEYLESS_LIMIT: quota('1000/1m'),
  /**
   * Proxies in front of the API, whose X-Forwarded-For says where a request comes from; none by
   * default.
   */
  KNOCKON_TRUSTED_PROXIES: cidrs,
  /** Private networks that webhooks may reach; none by default. */
  KNOCKON_WEBHOOK_ALLOW: cidrs,
  /**
   * Networks that webhooks may not reach, though public or allowed: addresses of your own that
   * nobody outside should ask.
   */
  KNOCKON_WEBHOOK_DENY: cidrs,
  /** Longest wait for an endpoint's answer. */
  KNOCKON_WEBHOOK_TIMEOUT: duration('10s'),
  /**
   * Requests to webhooks' endpoints that one worker process has under way at once, shared by
   * workspace, then by endpoint.
   */
  KNOCKON_WEBHOOK_CONCURRENCY: whole(512, 1, 10_000),
  /**
   * Name servers for webhooks, such as `10.0.0.53` or `10.0.0.53:5353, 10.0.1.53`; by default those
   * of the machine.
   */
  KNOCKON_WEBHOOK_NAME_SERVERS: nameServers,
  /**
   * Tries of a webhook before it is a dead letter. They are 5 s, 15 s, 45 s … 6 h apart, each ± 20
   * %: the twelfth comes after 22.6 h.
   */
  KNOCKON_WEBHOOK_ATTEMPTS: whole(12, 1, 100),
  /**
   * Failures in a row after which an endpoint is left alone but for one delivery at a time that
   * tries whether it works again; 0: never.
   */
  KNOCKON_WEBHOOK_FAILURES: whole(10, 0, 1000),
  /** How long it is left alone at first; then as long as it has been failing, up to 15 minutes. */
  KNOCKON_WEBHOOK_PROBE: duration('30s'),
  /** How long a notification may stay unread before it is e-mailed. */
  KNOCKON_EMAIL_GRACE: duration('5m'),
  /**
   * E-mails a workspace may have sent in a window, such as `500/1h`; what is over it stays a
   * notification in the app that says so. `off`: any number.
   */
  KNOCKON_EMAIL_QUOTA: quota('500/1h', 'e-mails', '"500/1h"'),
  /** Whether the API process dispatches too; `off` where `knockon relay` runs by itself. */
  KNOCKON_DISPATCHER: z.enum(['on', 'off'], { message: 'must be "on" or "off"' }).default('on'),
  /** Most events a dispatch. */
  KNOCKON_DISPATCH_SIZE: whole(2000, 1, 2000),
  /** Calls of one effect that run at once in one worker process. */
  KNOCKON_CONCURRENCY: whole(8, 1, 1000),
  /**
   * Longest one SQL statement of an effect may take; a connection that is silent for longer is
   * taken for dead. More where an effect of yours needs it.
   */
  KNOCKON_STATEMENT_TIMEOUT: duration('20s').refine((value) => value >= 1000, {
    message: 'must be 1s or more',
  }),
  /**
   * /readyz fails once an event has waited for its dispatch, or an effect has been missing, for so
   * long.
   */
  KNOCKON_READY_AGE: duration('60s'),
  /**
   * A dispatch that was claimed so long ago and not started since is started by whoever finds it
   * (its dispatcher is gone).
   */
  KNOCKON_RELAY_AGE: duration('15s'),
  /**
   * How often the ledger is checked in the background, for /metrics and /readyz; several processes
   * share one check.
   */
  KNOCKON_CHECK_EVERY: duration('15s').refine((value) => value >= 100, {
    message: 'wants 100ms or more',
  }),
  /**
   * Missing effects are started again once nobody has started their dispatch for so long; `off`:
   * never.
   */
  KNOCKON_HEAL_AGE: durationOrOff('5m'),
  /**
   * A subscriber that has been paused for so long is told of by /readyz (which does not fail for
   * it), /metrics and the doctor.
   */
  KNOCKON_PAUSED_TOO_LONG: duration('1h'),
  /**
   * What this build calls itself, such as a commit, so that workers of two versions are told apart;
   * default: the package's version.
   */
  KNOCKON_VERSION: z.string().max(100).optional(),
  /**
   * How long events are kept that every subscriber has done, with all that belongs to them; `off`:
   * for ever.
   */
  KNOCKON_RETENTION_EVENTS: durationOrOff('off'),
  /**
   * How long receipts of what is done are kept; without them a replay of an event makes its effects
   * happen again. `off`: as long as events.
   */
  KNOCKON_RETENTION_RECEIPTS: durationOrOff('off'),
  /**
   * How long a stopping API goes on answering after /readyz has said no, so that load balancers
   * notice before connections are refused.
   */
  KNOCKON_DRAIN: duration('1s'),
  /** How long a stopping process lets its work finish. */
  KNOCKON_SHUTDOWN: duration('30s'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      message: 'must be "fatal", "error", "warn", "info", "debug", "trace" or "silent"',
    })
    .default('info'),
});

type Settings = z.output<typeof schema>;

type Temporal = TemporalSettings & { address: string; namespace: string };

export type Config = Settings & {
  /** What the TEMPORAL_ variables and the profile come to. */
  temporal: Temporal;
  TEMPORAL_ADDRESS: string;
  TEMPORAL_NAMESPACE: string;
};

/** The variables of all settings. */
export const settings = Object.keys(schema.shape) as (keyof Settings)[];

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
        ? `${name} is not set: it ${requirement(name, issue.message)}`
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

/** The client reads it from there, for whoever uses Redis. */
function keyedBy(deployment: string | undefined, redisUrl: string | undefined): string | undefined {
  if (deployment === undefined || redisUrl === undefined) return redisUrl;
  const url = new URL(redisUrl);
  url.searchParams.set('keyPrefix', `${deployment}.`);
  return url.href;
}

/** Variables of ours that are read elsewhere: by `knockon up` and the command line. */
const elsewhere = [
  'KNOCKON_HOME',
  'KNOCKON_TEMPORAL_CLI',
  'KNOCKON_API_URL',
  'KNOCKON_API_KEY',
  'KNOCKON_CRASH',
];

function* unknownVariables(env: Record<string, string | undefined>): Generator<string> {
  const known = [...settings, ...elsewhere];
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

function requirement(name: string, message: string): string {
  if (name === 'DATABASE_URL')
    return 'must be a URL such as postgres://user:password@localhost:5432/knockon';
  if (name === 'KNOCKON_SECRET')
    return 'must have 32 characters or more, such as from `openssl rand -base64 32`';
  return message;
}
