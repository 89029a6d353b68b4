import { fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type Background,
  endChild,
  howItEnds,
  tail,
} from '../../src/local/processes/background.ts';

/** The built command: what is killed is what ships. */
export const knockon = fileURLToPath(new URL('../../bin/knockon.js', import.meta.url));

/** As `knockon up` starts its own. */
const modest = ['--max-old-space-size=512', '--max-semi-space-size=16'];

/** Longest that a process may take to say that it is ready, in ms. */
const PATIENCE = 120_000;

export interface OwnProcess {
  /** Of `knockon`; unset where `path` is given. */
  args?: string[];
  /** Another script, in TypeScript. */
  path?: string;
  env: NodeJS.ProcessEnv;
  /** File that its output is appended to. */
  log: string;
}

/**
 * Starts a process of ours and waits until it says that it is ready. @throws where it ends first,
 * or takes too long
 */
export async function startOwn(
  { args = [], path, env, log }: OwnProcess,
  onSpawn: (pid: number) => void,
): Promise<Background> {
  const output = openSync(log, 'a');
  const child = fork(path ?? knockon, args, {
    detached: true,
    env,
    execArgv: path ? [...modest, '--import', 'tsx'] : modest,
    stdio: ['ignore', output, output, 'ipc'],
  });
  closeSync(output);
  if (child.pid) onSpawn(child.pid);
  const exited = howItEnds(child);
  const ready = new Promise<'ready'>(
    (resolve) => void child.once('message', () => resolve('ready')),
  );
  const outcome = await Promise.race([ready, exited, late()]);
  if (outcome === 'ready')
    return {
      pid: child.pid ?? 0,
      exited,
      stop: (deadlineMs = 40_000) => endChild(child, 'SIGTERM', deadlineMs),
    };
  throw new Error(`${outcome}\n${await tail(log, 6)}`);
}

const late = () =>
  new Promise<string>((resolve) =>
    setTimeout(() => resolve(`not ready within ${PATIENCE / 1000} s`), PATIENCE).unref(),
  );
