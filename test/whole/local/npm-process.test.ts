import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const watching = `
  import { whenNpmIsGone } from ${JSON.stringify(fileURLToPath(new URL('../../../src/local/processes/npm-process.ts', import.meta.url)))};
  whenNpmIsGone(() => { console.log('npm is gone'); process.exit(); });
  setTimeout(() => process.exit(), 30_000);
  console.log('here');
`;

/** As npm runs a script: by a shell, under a title of its own. */
const npm = `
  process.title = 'npm start';
  const command = '"$0" --import tsx --input-type=module --eval "$1"; true';
  require('node:child_process').spawn('sh', ['-c', command, process.execPath, process.argv[1]], { stdio: ['ignore', 'inherit', 'inherit'] });
`;

it('a script learns that the npm which runs it was killed, a shell between them or not', async () => {
  const env = { ...process.env, npm_lifecycle_event: 'start' };
  const child = spawn(process.execPath, ['--eval', npm, watching], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (said += text));
  await expect.poll(() => said).toContain('here');
  child.kill('SIGKILL');
  await once(child.stdout, 'end');
  expect(said).toContain('npm is gone');
});
