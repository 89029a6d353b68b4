import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readJson, type Secrets } from '../../../src/local/files/home.ts';
import type { UpFile } from '../../../src/local/launcher/up-file.ts';
import { commonFolder } from '../../../src/local/postgres/programs.ts';
import { type Identity, isAlive } from '../../../src/local/processes/process-identity.ts';
import { effectsOf, subscriberNames } from '../../harness/effect-names.ts';
import { knockon, type RunningCommand, startKnockon, untilUp } from './start-knockon.ts';

const minutes = 60_000;

describe('knockon up with KNOCKON_TRANSPORT=pg-boss', { timeout: 3 * minutes }, () => {
  let home: string;
  let command: RunningCommand;
  let up: UpFile;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'knockon-up-'));
    command = startKnockon(['up', '--port', '0'], {
      KNOCKON_HOME: home,
      KNOCKON_TRANSPORT: 'pg-boss',
      KNOCKON_SHUTDOWN: '5s',
    });
    await untilUp(command);
    up = (await readJson<UpFile>(join(home, 'up.json')))!;
  }, 5 * minutes);
  afterAll(async () => {
    command.kill('SIGTERM');
    await command.ended;
    const { id } = (await readJson<Secrets>(join(home, 'secrets.json')))!;
    await rm(join(commonFolder, `postgres-data-${id}`), { recursive: true, force: true });
    await rm(home, { recursive: true, force: true });
  }, minutes);

  it('starts neither Temporal nor a workflow worker, and names none', async () => {
    const { processes } = (await readJson<{ processes: { name: string }[] }>(
      join(home, 'processes.json'),
    ))!;
    expect(processes.map(({ name }) => name).sort()).toEqual(['api', 'postgres', 'worker effects']);
    expect(up).toMatchObject({
      temporal_ui_url: null,
      temporal_address: null,
      temporal_namespace: null,
    });
    expect(command.output()).not.toContain('Temporal');
  });

  it('brings about the effects of what is posted, with journeys that have no workflow', async () => {
    const call = async (path: string, body?: object) => {
      const headers = { authorization: `Bearer ${up.api_key}`, 'content-type': 'application/json' };
      return (
        await fetch(up.api_url + path, {
          headers,
          ...(body && { method: 'POST', body: JSON.stringify(body) }),
        })
      ).json();
    };
    const channel = (await call('/v1/channels', { name: 'pg-boss' })) as { id: string };
    const { id } = (await call(`/v1/channels/${channel.id}/messages`, {
      author: 'ada',
      text: 'a moth',
    })) as { id: string };
    const journey = async () =>
      (await call(`/v1/messages/${id}/effects`)) as {
        events: { workflow: null; effects: { state: string }[] }[];
      };
    const states = async () =>
      (await journey()).events.flatMap(({ effects }) => effects.map(({ state }) => state));
    await expect
      .poll(states, { timeout: minutes })
      .toEqual(effectsOf('message.created').map(() => 'done'));
    expect((await journey()).events.map(({ workflow }) => workflow)).toEqual([null]);
    const { data } = (await call('/v1/subscribers')) as {
      data: { name: string; backlog: number }[];
    };
    expect(data.map(({ backlog }) => backlog)).toEqual(subscriberNames.map(() => 0));
  });

  it('has a ledger that is balanced', async () => {
    const { code, stdout } = await knockon(['verify', '--json'], { KNOCKON_HOME: home });
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, balanced: true });
  });

  it('is found by a process that is given no database, which says so: here a worker that is not needed, and ends in peace', async () => {
    const { code, stdout, stderr } = await knockon(['worker', 'workflows'], { KNOCKON_HOME: home });
    expect(code).toBe(0);
    expect(stderr).toContain(`using what \`npm start\` runs here (${join(home, 'up.json')})`);
    expect(stdout).toContain('need no workflow worker');
  });

  it('leaves no process when it is killed -9', async () => {
    const { processes } = (await readJson<{ processes: (Identity & { name: string })[] }>(
      join(home, 'processes.json'),
    ))!;
    command.kill('SIGKILL');
    await command.ended;
    await expect
      .poll(() => processes.filter(isAlive).map(({ name }) => name), { timeout: minutes })
      .toEqual([]);
  });
});
