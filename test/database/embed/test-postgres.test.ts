import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { expect, it } from 'vitest';

const testing = new URL('../../../src/testing/index.ts', import.meta.url).href;
const script = `
  const { startTestPostgres } = await import(${JSON.stringify(testing)});
  const { url } = await (await startTestPostgres()).database();
  console.log(url);
  setInterval(() => {}, 1000);`;

it('a throw-away Postgres ends with the process that started it, though that is killed', async () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const url = String(text).trim();
  const ask = async () => {
    const pg = postgres(url, { max: 1, connect_timeout: 2, fetch_types: false });
    return await pg`select from knockon.events`
      .then(() => 'answers')
      .catch(({ code }) => code as string)
      .finally(() => pg.end());
  };
  expect(await ask()).toBe('answers');
  child.kill('SIGKILL');
  await expect.poll(ask).toBe('ECONNREFUSED');
});
