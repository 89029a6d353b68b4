import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The built command line: what is measured is what ships. */
export const knockon = fileURLToPath(new URL('../bin/knockon.js', import.meta.url));

export interface ForkOptions {
  args?: string[];
  env?: NodeJS.ProcessEnv;
  flags?: string[];
}

/** A process of the bench's that says `{ ready: true, url? }` when it can be used. */
export interface Forked {
  child: ChildProcess;
  pid: number;
  url: string;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** @throws with what it wrote to stderr where it ends before it is ready */
export async function forkProcess(
  path: string,
  { args = [], env = {}, flags = [] }: ForkOptions,
): Promise<Forked> {
  const execArgv = path.endsWith('.ts') ? [...flags, '--import', 'tsx'] : flags;
  const child = fork(path, args, {
    execArgv,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said = (said + chunk).slice(-4000);
  });
  const ready = once(child, 'message') as Promise<[{ ready: true; url?: string }]>;
  const ended = once(child, 'exit').then(() =>
    Promise.reject(new Error(`${path} ended before it was ready.\n${said}`)),
  );
  const [message] = await Promise.race([ready, ended]);
  ended.catch(() => {});
  return {
    child,
    pid: child.pid!,
    url: message.url ?? '',
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
  };
}

/** Asks it to end; after 20 s it is killed. */
async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await exited;
  clearTimeout(timer);
}

/** Tells a process something and waits for its answer. @throws where it ends first */
export async function ask({ child }: Forked, question: object): Promise<void> {
  const ended = once(child, 'exit').then(() =>
    Promise.reject(new Error('the process ended while it was asked')),
  );
  ended.catch(() => {});
  child.send(question);
  await Promise.race([once(child, 'message'), ended]);
}
