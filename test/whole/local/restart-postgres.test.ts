import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../../src/local/launcher/ports.ts';
import { type Postgres, startPostgres } from '../../../src/local/postgres/postgres.ts';
import { type PostgresPrograms, postgresPrograms } from '../../../src/local/postgres/programs.ts';
import { identify, isAlive } from '../../../src/local/processes/process-identity.ts';

/** Each test finds the data folder as a former Postgres has left it. */
describe('Postgres is started again', { timeout: 60_000 }, () => {
  let folder: string;
  let programs: PostgresPrograms;
  let port: number;
  let running: Postgres | undefined;
  const strangers: ChildProcess[] = [];

  const path = (name: string) => join(folder, name);

  async function start(): Promise<string> {
    const options = {
      data: path('data'),
      elsewhere: 'none',
      port,
      password: 'test',
      log: path('log'),
      settings: { fsync: 'off' },
    };
    running = await startPostgres(options);
    const client = postgres(running.url('postgres'), { max: 1 });
    const [row] = await client<{ word: string }[]>`select word from kept`.catch(() => []);
    if (!row) await client`create table kept as select 'moth' as word`;
    await client.end();
    return row?.word ?? 'new';
  }

  /**
   * Not as a child of ours, but of a shell that never looks after its children: whoever of them
   * ends becomes a zombie.
   */
  async function startUnderOneThatNeverReaps(): Promise<number> {
    const command = [
      '-c',
      '"$@" >/dev/null 2>&1 & exec sleep 100',
      'sh',
      programs.postgres,
      '-D',
      path('data'),
      '-p',
      String(port),
    ];
    strangers.push(
      spawn(
        'sh',
        [...command, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
        programs.account,
      ),
    );
    await expect
      .poll(() => readFile(path('data/postmaster.pid'), 'utf8').catch(() => ''), {
        timeout: 20_000,
      })
      .toContain('ready');
    return Number.parseInt(await readFile(path('data/postmaster.pid'), 'utf8'), 10);
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'knockon-again-'));
    await chmod(folder, 0o755);
    programs = await postgresPrograms();
    [port] = (await freePorts(1)) as [number];
    await mkdir(path('data.initdb-that-was-killed'));
    expect(await start()).toBe('new');
  }, 60_000);
  afterEach(async () => {
    await running?.stop();
    for (const stranger of strangers.splice(0)) stranger.kill('SIGKILL');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('without what a first start that was killed has left', async () => {
    expect((await readdir(folder)).sort()).toEqual(['data', 'log']);
  });

  it('at once after a kill -9, though the killed one is still a zombie', async () => {
    const killed = await startUnderOneThatNeverReaps();
    process.kill(killed, 'SIGKILL');
    await expect
      .poll(() => readFile(`/proc/${killed}/stat`, 'utf8').catch(() => ') Z'))
      .toContain(') Z');
    expect(await start()).toBe('moth');
  });

  it('where the number of the killed one is now that of another program, which is left alone', async () => {
    const innocent = spawn('sleep', ['100'], programs.account);
    strangers.push(innocent);
    await writeFile(path('data/postmaster.pid'), `${innocent.pid}\n${path('data')}\n1\n${port}\n`);
    expect(await start()).toBe('moth');
    expect(innocent.exitCode ?? innocent.signalCode).toBeNull();
  });

  it('where the former one still runs, which is ended first', async () => {
    const former = identify(await startUnderOneThatNeverReaps());
    expect(await start()).toBe('moth');
    expect(isAlive(former)).toBe(false);
  });
});
