import { spawn } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHome, secretsOf } from '../../../src/local/files/home.ts';
import { takeHome } from '../../../src/local/files/processes-file.ts';
import { environmentFor, notTaken } from '../../../src/local/launcher/environment.ts';
import { choosePorts, freePorts, usual } from '../../../src/local/launcher/ports.ts';
import type { Background } from '../../../src/local/processes/background.ts';
import { identify, isAlive } from '../../../src/local/processes/process-identity.ts';
import { supervise } from '../../../src/local/processes/supervise.ts';
import { settings } from '../../../src/settings/config.ts';

const newHome = async () =>
  openHome({ KNOCKON_HOME: await mkdtemp(join(tmpdir(), 'knockon-home-')) });

describe('ports', () => {
  it('passes over a port that is taken, and says so', async () => {
    const [taken] = (await freePorts(1)) as [number];
    const server = createServer().listen(taken, '127.0.0.1');
    const told: string[] = [];
    const ports = await choosePorts({ api: taken }, (line) => told.push(line));
    server.close();
    expect(ports.api).not.toBe(taken);
    expect(told).toContain(`port ${taken} is taken: the API listens on ${ports.api}`);
  });

  it('takes any free ports for 0, each another', async () => {
    const ports = Object.values(await choosePorts({ api: 0 }, () => {}));
    expect(new Set(ports).size).toBe(9);
  });
});

describe('settings in the environment', () => {
  const secrets = { id: '', admin_key: 'a', secret: 's', database_password: 'p' };
  const environment = (own: NodeJS.ProcessEnv) => environmentFor(usual, secrets, own);

  it('that are not taken are told by their names, all others are taken', () => {
    const own = Object.fromEntries(settings.map((name) => [name, `the own ${name}`]));
    const env = environment(own);
    const told = notTaken(own, env);
    expect(told).toEqual(expect.arrayContaining(['DATABASE_URL', 'SMTP_URL', 'TEMPORAL_ADDRESS']));
    // The API's port is told where another one is taken.
    for (const name of settings.filter((one) => one !== 'KNOCKON_PORT' && !told.includes(one)))
      expect(env[name]).toBe(own[name]);
  });

  it('that are empty, or not there, are not told', () => {
    const own = { SMTP_URL: '', KNOCKON_EMAIL_GRACE: '5s' };
    expect(notTaken(own, environment(own))).toEqual([]);
  });
});

describe('the home', () => {
  it('makes its secrets once', async () => {
    const home = await newHome();
    expect(await secretsOf(home)).toEqual(await secretsOf(home));
  });

  it('is taken by one launcher alone when several start at the same moment', async () => {
    const home = await newHome();
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => takeHome(home, () => {})));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('ends what a killed launcher left, and never a process that has only inherited the number', async () => {
    const home = await newHome();
    const [left, innocent] = [spawn('sleep', ['60']), spawn('sleep', ['60'])];
    const leftover = {
      ...identify(left.pid!),
      name: 'worker',
      layer: 'workers',
      signal: 'SIGTERM',
    };
    const recycled = {
      ...leftover,
      pid: innocent.pid!,
      birth: 'long ago',
      name: 'api',
      layer: 'api',
    };
    const launcher = { pid: process.pid, birth: 'long ago' };
    await writeFile(
      home.path('processes.json'),
      JSON.stringify({ launcher, processes: [leftover, recycled] }),
    );
    await takeHome(home, () => {});
    expect(isAlive(leftover)).toBe(false);
    expect(innocent.exitCode).toBeNull();
    innocent.kill();
  });

  it('forgets a process that was replaced', async () => {
    const home = await newHome();
    const file = await takeHome(home, () => {});
    for (const pid of [process.pid, process.ppid])
      file.record({ name: 'api', pid, layer: 'api', signal: 'SIGTERM' });
    const kept = JSON.parse(await readFile(home.path('processes.json'), 'utf8')) as {
      processes: { pid: number }[];
    };
    expect(kept.processes.map(({ pid }) => pid)).toEqual([process.ppid]);
  });
});

describe('supervision', () => {
  /** Processes that end when they are told to. */
  function scripted() {
    const ends: ((how: string) => void)[] = [];
    const start = async (): Promise<Background> => {
      const exited = new Promise<string>((resolve) => ends.push(resolve));
      const end = ends.at(-1)!;
      return { pid: ends.length, exited, stop: async () => end('code 0') };
    };
    return { start, ends };
  }

  it('starts again what has crashed, and tells how it ended', async () => {
    const { start, ends } = scripted();
    const told: string[] = [];
    const service = await supervise({
      name: 'api',
      start,
      tell: (line) => told.push(line),
      patience: 1,
    });
    ends[0]!('signal SIGKILL');
    await expect.poll(() => told).toContain('api runs again');
    expect(told[0]).toContain('signal SIGKILL');
    expect(service.current().pid).toBe(2);
    await service.stop();
  });

  it('does not start again what was stopped', async () => {
    const { start, ends } = scripted();
    const service = await supervise({ name: 'api', start, tell: () => {}, patience: 1 });
    await service.stop();
    expect(ends).toHaveLength(1);
  });

  it('goes on trying while a restart fails', async () => {
    const { start, ends } = scripted();
    let failures = 0;
    const flaky = async () => {
      if (ends.length === 0 || failures === 2) return start();
      failures += 1;
      throw new Error('port in use');
    };
    const told: string[] = [];
    const service = await supervise({
      name: 'api',
      start: flaky,
      tell: (line) => told.push(line),
      patience: 1,
    });
    ends[0]!('code 1');
    await expect.poll(() => told.at(-1)).toBe('api runs again');
    expect(told.filter((line) => line.includes('port in use'))).toHaveLength(2);
    await service.stop();
  });
});

it('a home that is a file is named, with what to do', async () => {
  const file = join(await mkdtemp(join(tmpdir(), 'knockon-home-')), 'file');
  await writeFile(file, '');
  await expect(openHome({ KNOCKON_HOME: file })).rejects.toThrow(
    `The folder ${file} can't be used: there is a file of that name. Move that away, or set`,
  );
});
