import postgres from 'postgres';
import type { Home, Secrets } from '../files/home.ts';
import type { ProcessesFile } from '../files/processes-file.ts';
import { startMailCatcher } from '../mail-catcher.ts';
import { startPostgres } from '../postgres/postgres.ts';
import type { Background } from '../processes/background.ts';
import { migrateInChild, startChild } from '../processes/child.ts';
import { giveWay } from '../processes/give-way.ts';
import type { Layer, Services } from '../processes/supervise.ts';
import { supervise } from '../processes/supervise.ts';
import { startTemporal } from '../temporal/temporal.ts';
import { findTemporalCli } from '../temporal/temporal-cli.ts';
import type { Ports } from './ports.ts';
import type { Progress } from './progress.ts';

type Tell = (line: string) => void;

/** What is started, as people are told. */
const steps = [
  'PostgreSQL',
  'Temporal',
  'Mail catcher',
  'API',
  'Workflow worker',
  'Effect worker',
] as const;

/** Whether that environment asks for Temporal, or does without it and its workflows. */
export const hasTemporal = (env: NodeJS.ProcessEnv): boolean => env.KNOCKON_TRANSPORT !== 'pg-boss';

/** The steps of a start, in their order. */
export const stepTitles = (env: NodeJS.ProcessEnv) =>
  steps.filter(
    (title) => hasTemporal(env) || (title !== 'Temporal' && title !== 'Workflow worker'),
  );

export interface StackOptions {
  home: Home;
  secrets: Secrets;
  ports: Ports;
  /** The environment of our own processes, all addresses included. */
  env: NodeJS.ProcessEnv;
  services: Services;
  processes: ProcessesFile;
  progress: Progress;
  /** Told of crashes and restarts, as long as it runs. */
  tell: Tell;
}

/**
 * Starts everything: Postgres, Temporal (unless the environment chooses another transport) and the
 * mail catcher side by side, then our own processes.
 *
 * @returns once all of it answers, with where the API does
 * @throws the first failure, when everything else has come to an end of its start; what did start
 * is in `services`
 */
export async function startStack(options: StackOptions): Promise<{ apiUrl: string }> {
  const temporal = hasTemporal(options.env);
  await all([
    startDatabase(options),
    startMail(options),
    ...(temporal ? [startDevServer(options)] : []),
  ]);
  const [apiUrl] = await all([
    startOwn(options, { title: 'API', layer: 'api', args: ['api'], health: 'apiHealth' }),
    startOwn(options, {
      title: 'Effect worker',
      layer: 'workers',
      args: ['worker', 'effects'],
      health: 'effectsHealth',
    }),
    ...(temporal
      ? [
          startOwn(options, {
            title: 'Workflow worker',
            layer: 'workers',
            args: ['worker', 'workflows'],
            health: 'workflowsHealth',
          }),
        ]
      : []),
  ]);
  return { apiUrl: apiUrl! };
}

/** Like Promise.all, but nothing is still starting when it throws. */
async function all<T>(promises: Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

interface Service {
  name: string;
  layer: Layer;
  stopSignal?: NodeJS.Signals;
  /** What it is started with, where it is a process of ours. */
  args?: string[];
  /** The API and what it needs go first. */
  givesWay?: boolean;
  start(onSpawn: (pid: number) => void): Promise<Background>;
}

/** Keeps a process running and its id on disk. */
async function keep({ services, processes, tell }: StackOptions, service: Service): Promise<void> {
  const { name, args, layer, stopSignal = 'SIGTERM', givesWay = false, start } = service;
  const onSpawn = (pid: number) => {
    processes.record({ name, pid, layer, signal: stopSignal });
    if (givesWay) giveWay(pid, args);
  };
  services.add(layer, await supervise({ name, start: () => start(onSpawn), tell }));
}

function startDatabase(options: StackOptions): Promise<void> {
  const { home, secrets, ports } = options;
  return options.progress.step('PostgreSQL', async (tell) => {
    let url = '';
    const start = async (onSpawn: (pid: number) => void) => {
      const [data, elsewhere, log] = [
        home.path('postgres'),
        `postgres-data-${secrets.id}`,
        home.log('postgres'),
      ];
      const running = await startPostgres({
        data,
        elsewhere,
        port: ports.postgres,
        password: secrets.database_password,
        log,
        onSpawn,
      });
      if (running.data !== data)
        tell(
          `the account that runs Postgres can't enter ${home.folder}: its data is in ` +
            `${running.data}`,
        );
      url = running.url('postgres');
      return running.server;
    };
    await keep(options, { name: 'postgres', layer: 'servers', stopSignal: 'SIGINT', start });
    tell('migrating');
    await createDatabase(url);
    await migrateInChild(options.env);
  });
}

async function createDatabase(url: string): Promise<void> {
  const client = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const [found] = await client`select 1 from pg_database where datname = 'knockon'`;
    if (!found) await client`create database knockon`;
  } finally {
    await client.end();
  }
}

function startDevServer(options: StackOptions): Promise<void> {
  const { home, ports } = options;
  return options.progress.step('Temporal', async (tell) => {
    const cli = await findTemporalCli(tell);
    const settings = {
      cli,
      port: ports.temporal,
      uiPort: ports.temporalUi,
      file: home.path('temporal.db'),
      log: home.log('temporal'),
    };
    const start = async (onSpawn: (pid: number) => void) =>
      (await startTemporal({ ...settings, onSpawn })).server;
    await keep(options, { name: 'temporal', layer: 'servers', givesWay: true, start });
  });
}

function startMail({ progress, services, ports }: StackOptions): Promise<void> {
  return progress.step('Mail catcher', async () => {
    services.add('servers', await startMailCatcher({ smtpPort: ports.smtp, webPort: ports.mail }));
  });
}

interface Own {
  title: (typeof steps)[number];
  layer: Layer;
  args: string[];
  /** Whose port is its KNOCKON_METRICS_PORT: they run on one machine. */
  health: keyof Ports;
}

function startOwn(
  options: StackOptions,
  { title, layer, args, health }: Own,
): Promise<string | undefined> {
  const env = { ...options.env, KNOCKON_METRICS_PORT: String(options.ports[health]) };
  return options.progress.step(title, async () => {
    let url: string | undefined;
    const name = args.join(' ');
    const start = async (onSpawn: (pid: number) => void) => {
      const child = await startChild({ args, env, log: options.home.log(name), onSpawn });
      url = child.url;
      return child;
    };
    await keep(options, { name, args, layer, givesWay: layer === 'workers', start });
    return url;
  });
}
