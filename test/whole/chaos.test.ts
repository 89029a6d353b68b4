import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const chaos = fileURLToPath(new URL('../../chaos/main.ts', import.meta.url));

/**
 * Of the kills alone, and until everybody was hit once. A busy machine needs a while to come to
 * rest afterwards.
 */
const MINUTES = 0.3;
const LONGEST = 25 * 60_000;

it('keeps every promise while each process is killed, Temporal and Postgres included', {
  timeout: LONGEST,
}, async () => {
  const args = [
    '--import',
    'tsx',
    chaos,
    '--minutes',
    String(MINUTES),
    '--writers',
    '3',
    '--seed',
    '5',
    '--json',
  ];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 2 ** 26 }).catch(
    (error: { stdout: string; stderr: string }) => {
      console.error(error.stderr);
      return error;
    },
  );
  const { checks, traffic, parts } = JSON.parse(stdout);
  expect(
    checks.flatMap(({ promise, wrong }: { promise: string; wrong: string[] }) =>
      wrong.map((what) => `${promise}: ${what}`),
    ),
  ).toEqual([]);
  expect(traffic['messages accepted']).toBeGreaterThan(0);
  expect(parts.filter(({ kills }: { kills: number }) => kills === 0)).toEqual([]);
});
