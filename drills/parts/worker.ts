import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Stage } from '../product/stage.ts';

const knockon = fileURLToPath(new URL('../../bin/knockon.js', import.meta.url));

/** A worker process beside the product's own. */
export interface Worker {
  pid: number;
  isRunning(): boolean;
  stop(): Promise<void>;
}

/**
 * Starts `knockon worker …` and waits until it is ready; it ends with the drill. @param args such
 * as `['worker', 'effects']`
 */
export const startWorker = (stage: Stage, args: string[], settings: NodeJS.ProcessEnv) =>
  start(stage, knockon, { args, settings });

/** Starts a worker of ours, a file in TypeScript, in the same way. */
export const startScript = (stage: Stage, file: URL, settings: NodeJS.ProcessEnv) =>
  start(stage, fileURLToPath(file), { settings, execArgv: ['--import', 'tsx'] });

interface How {
  args?: string[];
  settings: NodeJS.ProcessEnv;
  execArgv?: string[];
}

async function start(
  stage: Stage,
  path: string,
  { args = [], settings, execArgv = [] }: How,
): Promise<Worker> {
  const env = { ...stage.env, LOG_LEVEL: 'silent', ...settings };
  const child = fork(path, args, { env, execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const worker = { pid: child.pid ?? 0, isRunning: () => isRunning(child), stop: () => end(child) };
  stage.afterwards(worker.stop);
  let errors = '';
  child.stderr?.on('data', (text: Buffer) => (errors += text));
  const said = await Promise.race([
    once(child, 'message').then(() => 'ready'),
    once(child, 'exit').then(() => 'ended'),
  ]);
  if (said === 'ended')
    throw new Error(`a worker of the drill's ended before it was ready:\n${errors}`);
  return worker;
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) =>
  exitCode === null && signalCode === null;

async function end(child: ChildProcess): Promise<void> {
  if (!isRunning(child) || !child.kill('SIGTERM')) return;
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await once(child, 'exit');
  clearTimeout(late);
}
