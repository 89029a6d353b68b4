import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const chaos = fileURLToPath(new URL('../../chaos/main.ts', import.meta.url));

/** Beside the others; before that it works alone for 20 s, and all have to move in. */
const MINUTES = 1.6;
const LONGEST = 15 * 60_000;

interface Bar {
  bar: string;
  alone: number | null;
  beside: number | null;
  most: number;
  kept: boolean;
  such_as: string[];
}

it('lets a customer work beside bad neighbours as if they were not there, and loses nothing', { timeout: LONGEST }, async () => {
  const args = ['--import', 'tsx', chaos, '--neighbours', '--minutes', String(MINUTES), '--seed', '5', '--json'];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 2 ** 26 }).catch((error: { stdout: string; stderr: string }) => {
    console.error(error.stderr);
    return error;
  });
  const { bars, checks, bad } = JSON.parse(stdout);
  expect(bars.filter(({ kept }: Bar) => !kept)).toEqual([]);
  expect(checks.flatMap(({ promise, wrong }: { promise: string; wrong: string[] }) => wrong.map((what) => `${promise}: ${what}`))).toEqual(
    [],
  );
  expect(bad.filter(({ acts }: { acts: number }) => acts === 0)).toEqual([]);
});
