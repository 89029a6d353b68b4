import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Customer } from '../../harness/customer.ts';
import { OPERATOR, useDeployment } from '../../harness/processes.ts';

const run = promisify(execFile);

/**
 * SCHEMATHESIS, what `.ci/run` has installed, or what is on the PATH; without one its test is
 * skipped.
 */
const installed = fileURLToPath(
  new URL('../../../node_modules/.cache/schemathesis/bin/schemathesis', import.meta.url),
);
const program = [process.env.SCHEMATHESIS, installed, 'schemathesis'].find(
  (name) => name && spawnSync(name, ['--version'], { timeout: 60_000 }).status === 0,
);

/** Everything but 127.0.0.0/8: endpoints are made up, and nobody out there is to hear of it. */
const elsewhere = [
  '0.0.0.0/2',
  '64.0.0.0/3',
  '96.0.0.0/4',
  '112.0.0.0/5',
  '120.0.0.0/6',
  '124.0.0.0/7',
  '126.0.0.0/8',
  '128.0.0.0/1',
  '::/0',
];

/** What it found, without the counts around it; all that it printed where it found nothing. */
function failuresIn(printed: string): string {
  const [before = '', found = before] = printed.split(/^=+ FAILURES =+$/m);
  return found.split(/^=+ (?:WARNINGS|SUMMARY) =+$/m)[0]!.slice(-20_000);
}

describe.skipIf(!program)('the API, as schemathesis tries it', () => {
  const deployment = useDeployment(() => ({
    KNOCKON_TRANSPORT: 'pg-boss',
    KNOCKON_KEYLESS_LIMIT: 'off',
    KNOCKON_READY_AGE: '1h',
    KNOCKON_WEBHOOK_DENY: elsewhere.join(','),
    KNOCKON_WEBHOOK_NAME_SERVERS: '127.0.0.1:1',
  }));

  it('answers every request as its document says, right ones and wrong ones', {
    timeout: 500_000,
  }, async () => {
    const [api] = await Promise.all([
      deployment.current.start('api'),
      deployment.current.start('worker effects'),
    ]);
    const product = await Customer.at(api.url);
    await product.post({ text: '@ada have you seen the moth?' });
    const folder = await mkdtemp(join(tmpdir(), 'knockon-schemathesis-'));
    const config = fileURLToPath(new URL('schemathesis.toml', import.meta.url));
    const options = [
      '--seed',
      '20261128',
      '--max-examples',
      '3',
      '--generation-database',
      'none',
      '--continue-on-failure',
      '--no-color',
    ];
    // What a schema can't say is refused too: cursors, moments that are past, keys that were used
    // for something else.
    const checks = ['--exclude-checks', 'positive_data_acceptance'];
    const ended = await run(
      program!,
      ['--config-file', config, 'run', `${api.url}/openapi.json`, ...options, ...checks],
      {
        cwd: folder,
        env: { ...process.env, KNOCKON_API_KEY: product.key, KNOCKON_ADMIN_KEY: OPERATOR },
        maxBuffer: 64 * 1024 ** 2,
        // It takes a quarter of that on a machine that does little else.
        timeout: 480_000,
        killSignal: 'SIGKILL',
      },
    ).catch((error: { code: number; stdout: string; stderr: string }) => error);
    await rm(folder, { recursive: true, force: true });
    expect('code' in ended ? failuresIn(`${ended.stdout}${ended.stderr}`) : '').toBe('');
  });
});
