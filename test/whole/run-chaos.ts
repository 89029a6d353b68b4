import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../../chaos/main.ts', import.meta.url));

interface Check {
  promise: string;
  wrong: string[];
}

/** Runs `npm run chaos` with these options. @returns what it prints with `--json` */
// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
export async function chaos(...options: string[]): Promise<any> {
  const args = ['--import', 'tsx', main, ...options, '--json'];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 2 ** 26 }).catch(
    (error: { stdout: string; stderr: string }) => {
      console.error(error.stderr);
      return error;
    },
  );
  return JSON.parse(stdout);
}

/** Which promises were not kept, and what shows it. */
export const wrongOf = ({ checks }: { checks: Check[] }): string[] =>
  checks.flatMap(({ promise, wrong }) => wrong.map((what) => `${promise}: ${what}`));
