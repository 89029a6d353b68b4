import { setFlagsFromString } from 'node:v8';
import { type Command, InvalidArgumentError } from 'commander';
import { databaseTrouble } from '../db/errors.ts';
import { useSchema } from '../db/own-schema.ts';
import { safeReason } from '../safe-error.ts';
import type { Config } from '../settings/config.ts';
import { ConfigError } from '../settings/problems.ts';
import type { Reader, Setting } from '../settings/setting.ts';
import { type SettingName, settings, table } from '../settings/table.ts';
import type { Running } from '../workers/process/process.ts';
import { environmentHere } from './api/local-stack.ts';
import { namesIn } from './terminal/arguments.ts';
import { CommandError, EXIT, processTerminal, reported } from './terminal/output.ts';

// The commands that are processes of a deployment. Each but `migrate` runs until a signal stops it.

/** `EX_CONFIG` of sysexits.h: settings are missing or malformed. A restart does not help. */
const badConfig = 78;

export function apiCommand(program: Command): void {
  addProcess(program.command('api'), {
    reader: 'api',
    description: 'serve HTTP, and dispatch what it stores',
    start: async (config) => (await import('../workers/api.ts')).start(config),
  });
}

export function relayCommand(program: Command): void {
  addProcess(program.command('relay'), {
    reader: 'relay',
    description: 'dispatch stored events in a process of its own; several may run side by side',
    start: async (config) => (await import('../workers/relay.ts')).start(config),
  });
}

export function workerCommand(program: Command): void {
  const worker = program
    .command('worker')
    .description('run a worker: `worker workflows` or `worker effects`');
  addProcess(worker.command('workflows'), {
    reader: 'worker workflows',
    description: 'run the workflows that fan out to the effects',
    start: async (config) => (await import('../workers/workflows.ts')).start(config),
  });
  const effects = worker
    .command('effects')
    .option('--only <names>', 'run only these effects, separated by commas', namesIn('effect'))
    .option(
      '--from <module>',
      "run the effects that this file or folder exports instead of Knock-on's own",
    )
    .option(
      '--concurrency <n>',
      "calls of each effect at once in this process, 1 to 1000 (default: the effect's own, or " +
        'KNOCKON_CONCURRENCY)',
      parseConcurrency,
    );
  addProcess(effects, {
    reader: 'worker effects',
    description: 'run effects, each on its own task queue, and register them',
    start: async (config, options) =>
      (await import('../workers/effects.ts')).start(config, {
        only: options.only,
        from: options.from,
        concurrency: options.concurrency,
      }),
  });
}

interface ProcessCommand {
  reader: Reader;
  description: string;
  start(config: Config, options: ProcessOptions): Promise<Running>;
}

interface ProcessOptions {
  only?: string[];
  from?: string;
  concurrency?: number;
}

function addProcess(command: Command, { reader, description, start }: ProcessCommand): void {
  const read = settings.filter((name) => table[name].readBy.includes(reader));
  command
    .description(description)
    .addHelpText('after', ({ command }) => variables(command, read))
    .addHelpText(
      'after',
      '\nSIGTERM or Ctrl-C: running work finishes, then the process stops. ' +
        'A second one stops at once.',
    )
    .action(async (options: ProcessOptions) => {
      await reported(() => run(start, options))();
      // What a failed start has opened, and native handles of the SDK, would hold the process open.
      process.exit(process.exitCode ?? EXIT.done);
    });
}

async function run(start: ProcessCommand['start'], options: ProcessOptions): Promise<void> {
  // Several processes share the cores of a machine. Node 20 collects young objects on all of them:
  // it is done a little sooner, and takes a tenth more of the processor. On 24 both are the same.
  setFlagsFromString('--no-parallel-scavenge');
  const config = await configuration(options);
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

export function migrateCommand(program: Command): void {
  program
    .command('migrate')
    .description(
      "bring the database to this version's schema; safe to run twice or at the same time",
    )
    .option('--json', 'print one line of JSON')
    .addHelpText('after', ({ command }) =>
      variables(command, ['DATABASE_URL', 'KNOCKON_DATABASE_DIRECT_URL', 'KNOCKON_SCHEMA']),
    )
    .action(
      reported(async ({ json }: { json?: boolean }) => {
        const url = await databaseUrl();
        const { migrate } = await import('../db/migrate.ts');
        const { applied, note } = await migrate(url).catch((error) => explained(error));
        const did = applied.length > 0 ? `Applied ${applied.join(', ')}. ` : '';
        const told = [`${did}The database is up to date.`, ...(note ? [note] : [])];
        processTerminal().out(
          json
            ? JSON.stringify({ migrated: true, applied, ...(note && { note }) })
            : told.join('\n'),
        );
      }),
    );
}

/** The settings that a process reads, for the end of its help. */
function variables(command: Command, names: SettingName[]): string {
  const help = command.createHelp();
  help.prepareContext({ helpWidth: process.stdout.columns ?? 100 });
  const width = Math.max(...names.map((name) => name.length));
  const lines = (some: SettingName[]) =>
    some.map((name) => help.formatItem(name, width, inBrief(table[name]), help)).join('\n');
  const isNeeded = (name: SettingName) => (table[name] as Setting).isRequired === true;
  return `
Environment variables that it needs:
${lines(names.filter(isNeeded))}
If DATABASE_URL is not set and \`npm start\` runs in this folder or above, all of them come from it.

It also reads (defaults in brackets):
${lines(names.filter((name) => !isNeeded(name)))}`;
}

const inBrief = ({ means, byDefault, unset = 'none', isRequired, must }: Setting) =>
  isRequired ? `${means} It ${must}.` : `${means} (${byDefault ?? unset})`;

/** Effects of one's own seal nothing: they need no secret. */
const NO_SECRET = { KNOCKON_SECRET: 'effects of their own need no secret' };

async function configuration({ from }: ProcessOptions): Promise<Config> {
  const env = surroundings();
  return await read(from === undefined || env.KNOCKON_SECRET ? env : { ...env, ...NO_SECRET });
}

function surroundings(): NodeJS.ProcessEnv {
  const env = environmentHere(processTerminal().err);
  useSchema(env.KNOCKON_SCHEMA);
  return env;
}

async function read(env: NodeJS.ProcessEnv): Promise<Config> {
  const { readConfig } = await import('../settings/config.ts');
  return told(() => readConfig(env));
}

/** @throws CommandError with what is wrong with the settings */
function told<T>(reading: () => T): T {
  try {
    return reading();
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.message, badConfig);
    throw error;
  }
}

/** Migrating needs to know where the database is, and nothing else. */
async function databaseUrl(): Promise<string> {
  const { readDatabaseSettings } = await import('../settings/database.ts');
  const { DATABASE_URL, KNOCKON_DATABASE_DIRECT_URL } = told(() =>
    readDatabaseSettings(surroundings()),
  );
  return KNOCKON_DATABASE_DIRECT_URL ?? DATABASE_URL;
}

/** Tells a failure of what a process needs without a stack. @throws CommandError */
export function explained(error: unknown, config?: Config): never {
  const { name: ours } = Object(error) as Error;
  const cause =
    error instanceof Error && error.cause instanceof Error && ours !== 'MigrationError'
      ? error.cause
      : error;
  const { code, name, message, port } = Object(cause) as NodeJS.ErrnoException & {
    port?: number;
  };
  const setting =
    port !== undefined && port === config?.KNOCKON_METRICS_PORT
      ? 'KNOCKON_METRICS_PORT'
      : 'KNOCKON_PORT';
  if (isElsewhere(cause, config?.KNOCKON_HOST))
    throw new CommandError(
      `KNOCKON_HOST is ${JSON.stringify(config?.KNOCKON_HOST)}: it must be an address of this ` +
        `machine (${code})`,
      badConfig,
    );
  if (error instanceof ConfigError) throw new CommandError(error.message, badConfig);
  if (name === 'EffectModuleError') throw new CommandError(`--from: ${message}`, EXIT.usage);
  if (name === 'UnknownEffectError') throw new CommandError(`--only: ${message}`, EXIT.usage);
  if (ours === 'NotMigratedError') throw new CommandError(`${(error as Error).message}.`);
  if (name === 'TakenNameError') throw new CommandError(`Could not start: ${message}.`);
  if (name === 'MigrationError' || name === 'UnsupportedPostgresError')
    throw new CommandError(message);
  if (code === 'EADDRINUSE')
    throw new CommandError(`${message}: something listens there already; set ${setting}.`);
  if (!code) throw error;
  const trouble = databaseTrouble(cause);
  if (trouble) throw new CommandError(`Could not start: ${trouble.problem}. ${trouble.remedy}`);
  const reason = safeReason(cause);
  throw new CommandError(
    `Could not start: ${reason.includes(code) ? reason : `${reason} (${code})`}`,
  );
}

/** Whether the address that we are to listen on is nowhere, or another machine's. */
function isElsewhere(error: unknown, host: string | undefined): boolean {
  const {
    code = '',
    hostname,
    address,
  } = Object(error) as NodeJS.ErrnoException & {
    hostname?: string;
    address?: string;
  };
  return (
    host !== undefined &&
    [hostname, address].includes(host) &&
    ['ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL'].includes(code)
  );
}

function parseConcurrency(text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n >= 1 && n <= 1000) return n;
  throw new InvalidArgumentError('It must be an integer from 1 to 1000.');
}
