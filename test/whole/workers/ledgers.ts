import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Deployment, TestProcess } from '../../harness/processes.ts';
import { hasProgram, root } from '../package/project.ts';

const run = promisify(execFile);

/** A worker of a subscriber that books invoices, in some language. */
export interface Ledger {
  /** The subscriber's name. */
  name: string;
  /** Whether its language is on this machine. */
  isHere: boolean;
  /** Builds it in that folder, once. */
  build(folder: string): Promise<void>;
  /** Resolves once it takes calls. */
  start(deployment: Deployment, folder: string): Promise<LedgerProcess>;
}

export interface LedgerProcess {
  /** SIGKILL. */
  kill(): Promise<unknown>;
  /** SIGTERM. */
  stop(): Promise<unknown>;
}

const ours: Ledger = {
  name: 'ts-ledger',
  isHere: true,
  build: async () => {},
  async start(deployment): Promise<TestProcess> {
    const path = fileURLToPath(new URL('./ledger-worker.ts', import.meta.url));
    return await deployment.startScript(path);
  },
};

const python: Ledger = {
  name: 'python-ledger',
  isHere: hasProgram('python3', '-m', 'pip', '--version'),
  async build(folder) {
    await cp(join(root, 'examples/python-worker'), join(folder, 'python'), { recursive: true });
    const args = ['-m', 'pip', 'install', '--quiet', '--target', 'packages'];
    const cwd = join(folder, 'python');
    await run('python3', [...args, '-r', 'requirements.txt'], { cwd });
  },
  start: (deployment, folder) =>
    startForeign('python3', ['worker.py'], deployment, join(folder, 'python')),
};

const go: Ledger = {
  name: 'go-ledger',
  isHere: hasProgram('go', 'version'),
  async build(folder) {
    const cwd = join(root, 'examples/go-worker');
    await run('go', ['build', '-o', join(folder, 'go-worker'), '.'], { cwd });
  },
  start: (deployment, folder) => startForeign(join(folder, 'go-worker'), [], deployment, folder),
};

export const ledgers = [ours, python, go];

export const newFolder = () => mkdtemp(join(tmpdir(), 'knockon-workers-'));
export const removeFolder = (folder: string) => rm(folder, { recursive: true, force: true });

/** The role that workers in other languages connect as: it may do their work, and nothing else. */
export async function makeRole({ url, database: { pg } }: Deployment): Promise<void> {
  const role = roleOf(url);
  await pg.unsafe(`
    create role ${role} login password 'test' in role knockon_worker;
    ${await readFile(join(root, 'examples/python-worker/schema.sql'), 'utf8')};
    grant select on accounts to ${role};
    grant insert on ledger to ${role}`);
}

const roleOf = (url: string) => `ledger_${new URL(url).pathname.slice(6)}`;

async function startForeign(
  command: string,
  args: string[],
  { url, temporal }: Deployment,
  cwd: string,
): Promise<LedgerProcess> {
  const own = new URL(url);
  own.username = roleOf(url);
  own.password = 'test';
  const child = spawn(command, args, {
    cwd,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PYTHONPATH: 'packages',
      DATABASE_URL: own.href,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<string>((resolve) => child.once('close', () => resolve('ended')));
  await untilReady(child, ended);
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended;
  };
  return { kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}

/** @throws with what it has written, where it ends before */
async function untilReady(child: ChildProcess, ended: Promise<string>): Promise<void> {
  let output = '';
  const ready = new Promise<string>((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.includes('takes its calls from')) resolve('ready');
      });
  });
  if ((await Promise.race([ready, ended])) === 'ended')
    throw new Error(`the worker ended before it was ready:\n${output}`);
}
