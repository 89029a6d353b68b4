import { vi } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';

/** How a command ended, and what it said. */
export interface Ended {
  exitCode: number;
  out: string;
  err: string;
}

/** Ends what commander refuses, in place of the process. */
class Exit extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`it ends with ${code}`);
    this.code = code;
  }
}

/**
 * Runs a command line in this process: a process of its own takes seconds to start. One at a time.
 */
export async function runCommand(
  words: string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const said = { out: '', err: '' };
  const hear = (stream: 'out' | 'err') => (text: unknown) => {
    said[stream] += text;
    return true;
  };
  const before = process.exitCode;
  const [out, err] = [
    vi.spyOn(process.stdout, 'write').mockImplementation(hear('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(hear('err')),
  ];
  const { argv } = process;
  process.argv = [process.execPath, 'knockon', ...words];
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  process.exitCode = 0;
  try {
    const exit = (code: number): never => {
      throw new Exit(code);
    };
    await (await createProgram(words, exit)).parseAsync(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    process.exitCode = error.code;
  } finally {
    vi.unstubAllEnvs();
    process.argv = argv;
    out.mockRestore();
    err.mockRestore();
  }
  const exitCode = Number(process.exitCode);
  process.exitCode = before;
  return { ...said, exitCode };
}
