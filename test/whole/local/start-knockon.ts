import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';

const program = fileURLToPath(new URL('../../../bin/knockon.js', import.meta.url));
const folder = fileURLToPath(new URL('../../..', import.meta.url));

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A `knockon` command, as it was built. */
export interface RunningCommand {
  pid: number;
  /** All it has printed so far. */
  output(): string;
  ended: Promise<Ended>;
  /** As a closed terminal, or `| head`: what it writes from now on goes nowhere. */
  closeOutput(): void;
  /** Does nothing where it has ended. */
  kill(signal: NodeJS.Signals): void;
}

/** Starts `knockon` with an environment that has nothing of ours but what is given. */
export function startKnockon(args: string[], env: NodeJS.ProcessEnv = {}): RunningCommand {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(KNOCKON_|TEMPORAL_|DATABASE_URL|REDIS_URL|SMTP_URL|LOG_LEVEL)/.test(name),
  );
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: { ...Object.fromEntries(own), ...env },
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (code) => resolve({ code, ...output })),
  );
  const closeOutput = () => [child.stdout, child.stderr].forEach((stream) => void stream.destroy());
  return {
    pid: child.pid!,
    output: () => output.stdout + output.stderr,
    ended,
    closeOutput,
    kill: (signal) => void child.kill(signal),
  };
}

/** Waits until `knockon up` has said that all runs, for four minutes at most. */
export async function untilUp(command: RunningCommand): Promise<void> {
  const isUp = vi.waitFor(() => expect(command.output()).toContain('Ctrl-C stops'), {
    timeout: 240_000,
    interval: 100,
  });
  await Promise.race([isUp, command.ended.then(() => expect.fail(command.output()))]);
}

export const knockon = (args: string[], env?: NodeJS.ProcessEnv) => startKnockon(args, env).ended;
