import { type Command, InvalidArgumentError } from 'commander';
import { type Config, ConfigError, readConfig } from '../config.ts';
import { safeReason } from '../safe-error.ts';
import type { Running } from '../workers/process/process.ts';
import { environmentHere } from './api/local-stack.ts';
import { CommandError, EXIT, processTerminal, reported } from './terminal/output.ts';

/** `EX_CONFIG` of sysexits.h: settings are missing or malformed; starting again won't help. */
const badConfig = 78;

const database = [
  'DATABASE_URL',
  'postgres://user:password@host:5432/knockon, or with several hosts: @one:5432,two:5432/',
];
const direct = [
  'KNOCKON_DATABASE_DIRECT_URL',
  'where DATABASE_URL is a pooler: a way around it, for LISTEN and migrations (none)',
];
const secret = ['KNOCKON_SECRET', '32 characters or more, the same for all processes'];
const temporal = [
  [
    'KNOCKON_TRANSPORT',
    '"temporal", or "pg-boss", which needs no server but Postgres; the same for all processes (temporal)',
  ],
  ['TEMPORAL_ADDRESS', 'host:port (localhost:7233)'],
  ['TEMPORAL_NAMESPACE', 'the namespace (default)'],
  [
    'KNOCKON_DEPLOYMENT',
    'goes before the names of queues, workflows and keys in Redis, where deployments share these (none)',
  ],
  ['TEMPORAL_API_KEY', 'for Temporal Cloud; turns TLS on'],
  ['TEMPORAL_TLS', '"true" or "false"; on by itself where a key or something of TLS is set'],
  [
    'TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_CERT_DATA',
    "a client's certificate for mTLS, as a file or as it is",
  ],
  ['TEMPORAL_TLS_CLIENT_KEY_PATH, TEMPORAL_TLS_CLIENT_KEY_DATA', 'its key'],
  [
    'TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_SERVER_CA_CERT_DATA',
    "who has signed the server's, where the system does not know",
  ],
  [
    'TEMPORAL_TLS_SERVER_NAME',
    "the name in the server's certificate, where it is not the address's",
  ],
  [
    'TEMPORAL_CONFIG_FILE',
    "the file of Temporal's profiles, or /dev/null; unset: where Temporal's own commands keep it",
  ],
  ['TEMPORAL_PROFILE', 'which of its profiles; unset: the one called default'],
];
const dispatching = [
  ['KNOCKON_DISPATCH_SIZE', 'most events a dispatch, up to 2000 (2000)'],
  ['KNOCKON_RELAY_AGE', 'age at which a claim that was not started is taken over (15s)'],
  ['KNOCKON_HEAL_AGE', 'age at which missing effects are started again, or "off" (5m)'],
  [
    'KNOCKON_RETENTION_EVENTS',
    'how long events are kept that all have done, such as 90d, or "off" (off)',
  ],
  [
    'KNOCKON_RETENTION_RECEIPTS',
    'the same for receipts alone; events that are replayed without happen again (off)',
  ],
];
const rebuilding = ['REDIS_URL', 'set: summaries that are rebuilt are put into Redis too'];
const requests = [
  ['KNOCKON_RATE_LIMIT', 'requests a key may make, such as 600/1m, or "off" (100000/1s)'],
  [
    'KNOCKON_KEYLESS_LIMIT',
    'requests with a wrong key or none an address may make, or "off" (1000/1m)',
  ],
  [
    'KNOCKON_TRUSTED_PROXIES',
    'proxies before it, whose X-Forwarded-For says where requests come from, as CIDRs (none)',
  ],
];
const outgoing = [
  ['KNOCKON_WEBHOOK_ALLOW', 'private networks that webhooks may reach, as CIDRs (none)'],
  [
    'KNOCKON_WEBHOOK_DENY',
    'networks that webhooks may not reach, though public or allowed, as CIDRs (none)',
  ],
  [
    'KNOCKON_WEBHOOK_NAME_SERVERS',
    "name servers for webhooks, such as 10.0.0.53; by default the machine's (none)",
  ],
  ['KNOCKON_WEBHOOK_TIMEOUT', "longest wait for an endpoint's answer (10s)"],
];
const always = [
  direct,
  ['KNOCKON_HOST', 'the address it listens on (127.0.0.1)'],
  [
    'KNOCKON_KEEP_ALIVE',
    'how long a connection may rest between two requests; longer than in the load balancer (65s)',
  ],
  [
    'KNOCKON_METRICS_PORT',
    'a port for /healthz, /readyz and /metrics, without a key; 0: any free one, the log says which (none)',
  ],
  ['KNOCKON_SHUTDOWN', 'how long a stopping process lets its work finish (30s)'],
  ['KNOCKON_VERSION', "what this build calls itself, such as a commit (the package's version)"],
  ['LOG_LEVEL', 'fatal, error, warn, info, debug, trace or silent (info)'],
];

/** The commands that are processes of a deployment: each runs until it is told to stop. */
export function processCommands(program: Command): void {
  addProcess(program.command('api'), 'serve HTTP, and dispatch what it stores', {
    needs: [database, secret],
    takes: [
      [
        'KNOCKON_ADMIN_KEY',
        "the operator's key, 16 characters or more; unset: no workspace can be made",
      ],
      ['KNOCKON_PORT', 'the port it listens on (3000)'],
      ['KNOCKON_DISPATCHER', '"off" where `knockon relay` runs by itself (on)'],
      [
        'KNOCKON_PAUSED_TOO_LONG',
        'how long a subscriber may be paused before /readyz, /metrics and the doctor tell of it (1h)',
      ],
      [
        'KNOCKON_READY_AGE',
        '/readyz fails once an event has waited for its dispatch, or an effect been missing, so long (60s)',
      ],
      ...dispatching,
      ['KNOCKON_CHECK_EVERY', 'how often the ledger is checked for /readyz and /metrics (15s)'],
      [
        'KNOCKON_DRAIN',
        'how long it goes on answering when told to stop, while /readyz says no (1s)',
      ],
      ...requests,
      ...outgoing,
      [
        'REDIS_URL',
        'set: channel summaries are read from Redis, and all API processes share their limits',
      ],
      ['TEMPORAL_UI_URL', 'where people see the Temporal UI; journeys link to it'],
      ...temporal,
    ],
    start: async (config) => (await import('../workers/api.ts')).start(config),
  });
  addProcess(
    program.command('relay'),
    'dispatch stored events in a process of its own; several may run side by side',
    {
      needs: [database, secret],
      takes: [...dispatching, rebuilding, ...temporal],
      start: async (config) => (await import('../workers/relay.ts')).start(config),
    },
  );
  const worker = program
    .command('worker')
    .description('run a worker: `worker workflows` or `worker effects`');
  addProcess(worker.command('workflows'), 'run the workflows that fan out to the effects', {
    needs: [database, secret],
    takes: [rebuilding, ...temporal],
    start: async (config) => (await import('../workers/workflows.ts')).start(config),
  });
  const effects = worker
    .command('effects')
    .option('--only <names>', 'host these effects alone, separated by commas')
    .option(
      '--concurrency <n>',
      'calls of each effect at once in this process, 1 to 1000 (default: what it says, else KNOCKON_CONCURRENCY)',
      atOnce,
    );
  addProcess(effects, 'host effects, each on its own task queue, and register them', {
    needs: [database, secret],
    takes: [
      ['KNOCKON_CONCURRENCY', 'calls of one effect at once in this process (8)'],
      [
        'KNOCKON_STATEMENT_TIMEOUT',
        'longest SQL statement of an effect; a connection silent for longer is given up (20s)',
      ],
      ['SMTP_URL, MAIL_FROM', 'where e-mail goes; unset: nobody is e-mailed'],
      ['KNOCKON_EMAIL_GRACE', 'how long a notification may stay unread before it is e-mailed (5m)'],
      [
        'KNOCKON_EMAIL_QUOTA',
        'e-mails a workspace may have sent, such as 500/1h, or "off"; others stay in the app (500/1h)',
      ],
      ...outgoing,
      [
        'KNOCKON_WEBHOOK_CONCURRENCY',
        'requests to endpoints under way at once, shared by workspace, then by endpoint (512)',
      ],
      [
        'KNOCKON_WEBHOOK_ATTEMPTS',
        'tries before a webhook is a dead letter; twelve take 22.6 h (12)',
      ],
      [
        'KNOCKON_WEBHOOK_FAILURES',
        'failures in a row after which an endpoint is left alone but for a try now and then; 0: never (10)',
      ],
      ['KNOCKON_WEBHOOK_PROBE', 'how long it is left alone at first (30s)'],
      [
        'KNOCKON_LOCKS',
        '"postgres" or "redis": where ordered effects lock; the same for all effect workers (postgres)',
      ],
      ['REDIS_URL', 'set: channel summaries are kept in Redis'],
      ...temporal,
    ],
    start: async (config, options) =>
      (await import('../workers/effects.ts')).start(config, {
        only: list(options.only),
        concurrency: options.concurrency,
      }),
  });
  addMigrate(program);
}

interface ProcessCommand {
  /** Variables that must be set, and those that may be, each with what it must be. */
  needs: string[][];
  takes: string[][];
  start(config: Config, options: ProcessOptions): Promise<Running>;
}

interface ProcessOptions {
  only?: string;
  concurrency?: number;
}

function addProcess(
  command: Command,
  description: string,
  { needs, takes, start }: ProcessCommand,
): void {
  command
    .description(description)
    .addHelpText('after', variables(needs, [...takes, ...always]))
    .addHelpText(
      'after',
      '\nSIGTERM or Ctrl-C lets running work finish, then stops; a second one stops at once.',
    )
    .action(async (options: ProcessOptions) => {
      await reported(() => run(start, options))();
      // What a failed start has opened, and native handles of the SDK, would hold the process open.
      process.exit(process.exitCode ?? EXIT.done);
    });
}

async function run(start: ProcessCommand['start'], options: ProcessOptions): Promise<void> {
  const config = configuration();
  const [{ createLog, runProcess }, { refuseOldPostgres }] = await Promise.all([
    import('../workers/process/process.ts'),
    import('../db/client.ts'),
  ]);
  const log = createLog('knockon', config.LOG_LEVEL);
  const looking = new AbortController();
  const refused = refuseOldPostgres(config.DATABASE_URL, looking.signal);
  const running = runProcess(() => start(config, options), config.KNOCKON_SHUTDOWN, log);
  await Promise.race([running, refused.then(() => running)])
    .finally(() => looking.abort())
    .catch((error) => explained(error, config));
}

function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description(
      "bring the database to this version's schema; safe to run twice and from several machines at once",
    )
    .option('--json', 'print one line of JSON')
    .addHelpText('after', variables([database], [direct]))
    .action(
      reported(async ({ json }: { json?: boolean }) => {
        const url = databaseUrl();
        const { migrate } = await import('../db/migrate.ts');
        await migrate(url).catch((error) => explained(error));
        processTerminal().out(
          json ? JSON.stringify({ migrated: true }) : 'The database is up to date.',
        );
      }),
    );
}

function variables(needs: string[][], takes: string[][]): string {
  const width = Math.max(...[...needs, ...takes].map(([name]) => name!.length));
  const lines = (rows: string[][]) =>
    rows.map(([name, wants]) => `  ${name!.padEnd(width)}  ${wants}`).join('\n');
  const rest = takes.length > 0 ? `\n\nIt also reads (defaults in brackets):\n${lines(takes)}` : '';
  return `\nEnvironment variables it needs:\n${lines(needs)}\nWithout DATABASE_URL, where \`npm start\` runs here or in a folder above, all of them are taken from there.${rest}`;
}

function configuration(): Config {
  try {
    return readConfig(surroundings());
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message, badConfig);
    throw error;
  }
}

const surroundings = () => environmentHere(processTerminal().err);

/**
 * Migrating needs the database's address and nothing else; a malformed one is told as everywhere.
 */
function databaseUrl(): string {
  try {
    const { DATABASE_URL, KNOCKON_DATABASE_DIRECT_URL } = surroundings();
    const config = readConfig({
      DATABASE_URL,
      KNOCKON_DATABASE_DIRECT_URL,
      KNOCKON_SECRET: 'not needed to migrate: any will do',
    });
    return config.KNOCKON_DATABASE_DIRECT_URL ?? config.DATABASE_URL;
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message, badConfig);
    throw error;
  }
}

/** Tells a failure of what a process needs without a stack. */
function explained(error: unknown, config?: Config): never {
  const { name: ours } = error as Error;
  const cause =
    error instanceof Error && error.cause instanceof Error && ours !== 'MigrationError'
      ? error.cause
      : error;
  const { code, name, message, port } = cause as NodeJS.ErrnoException & { port?: number };
  const setting =
    port !== undefined && port === config?.KNOCKON_METRICS_PORT
      ? 'KNOCKON_METRICS_PORT'
      : 'KNOCKON_PORT';
  if (name === 'UnknownEffectError') throw new CommandError(`--only: ${message}`, EXIT.usage);
  if (name === 'MigrationError' || name === 'UnsupportedPostgresError')
    throw new CommandError(message);
  if (code === 'EADDRINUSE')
    throw new CommandError(`${message}: something listens there already; set ${setting}.`);
  if (code) throw new CommandError(`Could not start: ${safeReason(cause)} (${code})`);
  throw error;
}

function atOnce(text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n >= 1 && n <= 1000) return n;
  throw new InvalidArgumentError('It must be a whole number from 1 to 1000.');
}

const list = (names: string | undefined) =>
  names
    ?.split(',')
    .map((name) => name.trim())
    .filter(Boolean);
