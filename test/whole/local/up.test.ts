import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJson, type Secrets } from '../../../src/local/files/home.ts';
import type { UpFile } from '../../../src/local/launcher/up-file.ts';
import { commonFolder } from '../../../src/local/postgres/programs.ts';
import { type Identity, isAlive } from '../../../src/local/processes/process-identity.ts';
import { knockon, type RunningCommand, startKnockon, untilUp } from './start-knockon.ts';

const run = promisify(execFile);
const minutes = 60_000;

/**
 * One home whose story is told from the first start to the last stop: each test goes on where the
 * one before ended.
 */
describe('knockon up', { timeout: 5 * minutes }, () => {
  let home: string;
  let command: RunningCommand;
  let up: UpFile;

  const upFile = () => readJson<UpFile>(join(home, 'up.json'));
  const processes = async () =>
    (await readJson<{ processes: (Identity & { name: string })[] }>(join(home, 'processes.json')))!
      .processes;
  const get = async (path: string) =>
    (await fetch(up.api_url + path, { headers: { authorization: `Bearer ${up.api_key}` } })).json();

  /** As a browser does: the mail page answers nobody else. */
  const open = async (url: string) =>
    (await fetch(url, { headers: { accept: 'text/html' } })).status;

  async function start(): Promise<void> {
    command = startKnockon(['up', '--port', '0'], { KNOCKON_HOME: home, KNOCKON_SHUTDOWN: '5s' });
    await untilUp(command);
    up = (await upFile())!;
  }

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'knockon-up-'));
    await chmod(home, 0o755);
    await start();
  }, 5 * minutes);

  afterAll(async () => {
    command.kill('SIGTERM');
    await command.ended;
    // As root, Postgres can't enter this home, which is ours alone: its data is elsewhere.
    const { id } = (await readJson<Secrets>(join(home, 'secrets.json')))!;
    await rm(join(commonFolder, `postgres-data-${id}`), { recursive: true, force: true });
    await rm(home, { recursive: true, force: true });
  }, minutes);

  it('writes up.json, for its owner alone, with the addresses and keys of everything', async () => {
    expect(Object.keys(up)).toEqual([
      ...[
        'pid',
        'api_url',
        'console_url',
        'temporal_ui_url',
        'temporal_address',
        'temporal_namespace',
        'database_url',
      ],
      ...['smtp_url', 'mail_url', 'health_urls', 'admin_key', 'workspace_id', 'api_key'],
    ]);
    expect(up.pid).toBe(command.pid);
    expect((await stat(join(home, 'up.json'))).mode & 0o777).toBe(0o600);
    for (const url of [`${up.api_url}/readyz`, up.temporal_ui_url!, up.mail_url])
      expect(await open(url), url).toBe(200);
  });

  it('has a port for the health and metrics of each process, and prints them', async () => {
    expect(Object.keys(up.health_urls)).toEqual(['api', 'worker effects', 'worker workflows']);
    for (const url of Object.values(up.health_urls)) {
      for (const path of ['/healthz', '/readyz', '/metrics'])
        await expect
          .poll(async () => [url, path, (await fetch(url + path)).status], { timeout: minutes })
          .toEqual([url, path, 200]);
      expect(command.output()).toContain(`${url}/metrics`);
    }
  });

  it('prints a curl that works when pasted, and again', async () => {
    const pasted = command.output().match(/curl [^']*(?:'[^']*'[^']*?)+\n\n/)![0];
    const posts = [
      await run('sh', ['-c', `${pasted.trim()} -s`]),
      await run('sh', ['-c', `${pasted.trim()} -s`]),
    ];
    expect(posts.map(({ stdout }) => (JSON.parse(stdout) as { seq: number }).seq)).toEqual([1, 2]);
  });

  it('brings about the effects of what was posted', async () => {
    const { data } = (await get('/v1/search?q=moth')) as { data: unknown[] };
    expect(data.length).toBeLessThanOrEqual(2);
    await expect
      .poll(async () => ((await get('/v1/search?q=moth')) as { data: unknown[] }).data, {
        timeout: 20_000,
      })
      .toHaveLength(2);
  });

  it('refuses a second one on the same home, with the addresses of the first', async () => {
    const { code, stderr } = await knockon(['up', '--port', '0'], { KNOCKON_HOME: home });
    expect(code).toBe(1);
    expect(stderr).toContain(up.api_url);
    expect(await upFile()).toEqual(up);
  });

  it('starts a worker again that was killed, and says so', async () => {
    const worker = (await processes()).find(({ name }) => name === 'worker effects')!;
    process.kill(worker.pid, 'SIGKILL');
    await expect
      .poll(command.output, { timeout: 2 * minutes })
      .toContain('worker effects runs again');
    expect(command.output()).toContain('worker effects ended (signal SIGKILL)');
  });

  it.each(['the launcher', 'everything'])(
    'starts again at once after a kill -9 of %s, keeping data and demo key',
    async (killed) => {
      const [former, left] = [up, await processes()];
      expect(left).toHaveLength(5);
      for (const { pid } of killed === 'everything' ? left : []) process.kill(pid, 'SIGKILL');
      process.kill(command.pid, 'SIGKILL');
      await start();
      expect(left.filter(isAlive)).toEqual([]);
      expect(up).toMatchObject({
        api_key: former.api_key,
        workspace_id: former.workspace_id,
        admin_key: former.admin_key,
      });
      expect(((await get('/v1/search?q=moth')) as { data: unknown[] }).data).toHaveLength(2);
    },
  );

  it('stops cleanly on Ctrl-C, leaving no process and no up.json', async () => {
    const running = await processes();
    process.kill(command.pid, 'SIGINT');
    const { code, stdout } = await command.ended;
    expect({ code, stopped: stdout.includes('Stopped.') }).toEqual({ code: 0, stopped: true });
    expect(running.filter(isAlive)).toEqual([]);
    expect(await upFile()).toBeUndefined();
    expect(await readFile(join(home, 'logs', 'postgres.log'), 'utf8')).toContain(
      'database system is shut down',
    );
  });

  it.each(['it is told to', 'nobody reads what it says any more'])(
    'stops half-way through its start when %s',
    async (why) => {
      command = startKnockon(['up', '--port', '0'], { KNOCKON_HOME: home });
      await expect.poll(command.output, { timeout: minutes, interval: 20 }).toContain('PostgreSQL');
      const running = await processes();
      if (why === 'it is told to') process.kill(command.pid, 'SIGTERM');
      else command.closeOutput();
      expect((await command.ended).code).toBe(0);
      expect(running.filter(isAlive)).toEqual([]);
    },
  );

  it('keeps all that it writes to its owner', async () => {
    const { stdout } = await run('find', [home, '-perm', '/077']);
    expect(stdout).toBe('');
  });
});
