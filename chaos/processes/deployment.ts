import { fileURLToPath } from 'node:url';
import { startPostgres } from '../../src/local/postgres/postgres.ts';
import { giveWay } from '../../src/local/processes/give-way.ts';
import { startTemporal } from '../../src/local/temporal/temporal.ts';
import { findTemporalCli } from '../../src/local/temporal/temporal-cli.ts';
import type { ProcessSpec } from './managed-process.ts';
import { type OwnProcess, startOwn } from './own-process.ts';
import { dataOf, type RunFolder } from './run-folder.ts';

const ownEffects = fileURLToPath(new URL('../own-effects', import.meta.url));
const httpService = fileURLToPath(new URL('../http-service/service.ts', import.meta.url));
const orderWorker = fileURLToPath(new URL('../order/worker.ts', import.meta.url));

/** The servers that ours need. Both keep their state on disk. */
export async function serverSpecs(
  stage: RunFolder,
  tell: (line: string) => void,
): Promise<ProcessSpec[]> {
  const all = [postgres(stage)];
  if (stage.transport === 'temporal') all.push(temporal(stage, await findTemporalCli(tell)));
  return all;
}

/** Two of everything that a deployment may have two of. */
export function allProcesses(stage: RunFolder): ProcessSpec[] {
  const worker = (kind: string, n: number) =>
    own(stage, `${kind} worker ${n}`, { args: ['worker', kind] });
  return [
    own(stage, 'api 1', {
      args: ['api'],
      env: { ...stage.env, KNOCKON_PORT: String(stage.ports.apis[0]) },
    }),
    own(stage, 'api 2', {
      args: ['api'],
      env: { ...stage.env, KNOCKON_PORT: String(stage.ports.apis[1]) },
    }),
    own(stage, 'relay', { args: ['relay'] }),
    ...(stage.transport === 'temporal' ? [worker('workflows', 1), worker('workflows', 2)] : []),
    worker('effects', 1),
    worker('effects', 2),
    own(stage, 'order worker 1', { path: orderWorker }),
    own(stage, 'order worker 2', { path: orderWorker }),
    own(stage, 'own effects worker 1', { args: ['worker', 'effects', '--from', ownEffects] }),
    own(stage, 'own effects worker 2', { args: ['worker', 'effects', '--from', ownEffects] }),
    own(stage, 'http service', {
      path: httpService,
      env: { ...stage.env, DATABASE_URL: stage.databaseUrl, PORT: String(stage.ports.service) },
    }),
  ];
}

/** One of each, as on a small machine: who waits for whom shows best. */
export function oneOfEach(stage: RunFolder): ProcessSpec[] {
  const names = ['api 1', 'workflows worker 1', 'effects worker 1'];
  return allProcesses(stage).filter(({ name }) => names.includes(name));
}

function postgres(stage: RunFolder): ProcessSpec {
  const { password } = stage;
  const log = stage.log('postgres');
  return {
    name: 'postgres',
    // An immediate shutdown: nobody is told, nothing is written, the next start recovers from the
    // log.
    blow: 'SIGQUIT',
    log,
    start: async (onSpawn) => {
      const settings = { max_connections: '250' };
      return (
        await startPostgres({
          ...dataOf(stage),
          port: stage.ports.postgres,
          password,
          log,
          settings,
          onSpawn,
        })
      ).server;
    },
  };
}

function temporal(stage: RunFolder, cli: string): ProcessSpec {
  const log = stage.log('temporal');
  const file = `${stage.folder}/temporal.db`;
  return {
    name: 'temporal',
    blow: 'SIGKILL',
    log,
    start: async (onSpawn) =>
      (
        await startTemporal({
          cli,
          port: stage.ports.temporal,
          file,
          log,
          onSpawn: givingWay(onSpawn),
        })
      ).server,
  };
}

function own(
  stage: RunFolder,
  name: string,
  process: Pick<OwnProcess, 'args' | 'path'> & Partial<OwnProcess>,
): ProcessSpec {
  const log = stage.log(name);
  const { args } = process;
  const spawned = (onSpawn: OnSpawn) =>
    args?.[0] === 'worker' ? givingWay(onSpawn, args) : onSpawn;
  return {
    name,
    blow: 'SIGKILL',
    log,
    start: (onSpawn) => startOwn({ env: stage.env, log, ...process }, spawned(onSpawn)),
  };
}

type OnSpawn = (pid: number) => void;

/** As `knockon up` starts them. */
function givingWay(onSpawn: OnSpawn, args?: string[]): OnSpawn {
  return (pid) => {
    onSpawn(pid);
    giveWay(pid, args);
  };
}
