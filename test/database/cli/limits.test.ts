import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../whole/cli/run-in-process.ts';
import { OPERATOR, useApi } from '../api/test-api.ts';

const api = useApi();
let server: ReturnType<typeof createAdaptorServer>;
beforeAll(async () => {
  server = createAdaptorServer({ fetch: api.app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

const knockon = (...words: string[]) =>
  runCommand(words, {
    KNOCKON_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    KNOCKON_ADMIN_KEY: OPERATOR,
  });
const subscribe = (...words: string[]) =>
  knockon('subscribe', 'crm', '--url', 'https://crm.example.com/', '--on', '*', ...words);
const perWorkspace = async () =>
  JSON.parse((await knockon('subscribers', '--json')).out).find(
    ({ name }: { name: string }) => name === 'crm',
  ).per_workspace;
const none = { concurrency: null, per_second: null, own: [] };

beforeEach(async () => {
  await subscribe();
  await api.database.pg`truncate knockon.workspace_limits`;
});

describe('knockon subscribe', () => {
  it('limits what one workspace may take, and leaves that as it is where it is not said', async () => {
    const limits = ['--per-workspace-concurrency', '4', '--per-workspace-rate', '0.5'];
    expect(await subscribe(...limits)).toMatchObject({ exitCode: 0, err: '' });
    const limited = { ...none, concurrency: 4, per_second: 0.5 };
    expect(await perWorkspace()).toEqual(limited);
    await subscribe('--batch', '7');
    expect(await perWorkspace()).toEqual(limited);
    await subscribe('--per-workspace-rate', 'off');
    expect(await perWorkspace()).toEqual({ ...none, concurrency: 4 });
  });

  it('says with --json what the limits are now', async () => {
    const { out } = await subscribe('--per-workspace-rate', '100', '--json');
    expect(JSON.parse(out).per_workspace).toEqual({ ...none, per_second: 100 });
  });
});

describe('knockon limit', () => {
  it('limits every workspace, value by value, and takes that off', async () => {
    const concurrency = await knockon('limit', 'crm', '--per-workspace-concurrency', '1');
    expect(concurrency).toMatchObject({
      exitCode: 0,
      out: 'One workspace may take up to 1 call at once of crm.\n',
    });
    const rate = await knockon('limit', 'crm', '--per-workspace-rate', '100/s');
    expect(rate.out).toBe(
      'One workspace may take up to 1 call at once and up to 100 events a second of crm.\n',
    );
    expect(await perWorkspace()).toEqual({ ...none, concurrency: 1, per_second: 100 });
    const off = ['--per-workspace-concurrency', 'off', '--per-workspace-rate', 'off'];
    expect((await knockon('limit', 'crm', ...off)).out).toBe('crm limits no workspace.\n');
    expect(await perWorkspace()).toEqual(none);
  });

  it('limits one workspace, by its name or id, beside all of them', async () => {
    const named = (await api.call('GET', '/v1/ops/workspaces', { key: OPERATOR })).body.data.find(
      ({ id }: { id: string }) => id === api.workspaceId,
    ).name;
    await knockon('limit', 'crm', '--per-workspace-rate', '100');
    const own = await knockon('limit', 'crm', '--workspace', named, '--per-workspace-rate', '5');
    expect(own.out).toBe(`The workspace ${named} may take up to 5 events a second of crm.\n`);
    const { workspaceId: workspace_id } = api;
    expect(await perWorkspace()).toEqual({
      ...none,
      per_second: 100,
      own: [{ workspace_id, concurrency: null, per_second: 5 }],
    });
    expect((await knockon('subscribers')).out).toContain(
      'crm: one workspace may take up to 100 events a second; one has a limit of its own',
    );
    const off = ['--workspace', workspace_id, '--per-workspace-rate', 'off'];
    expect((await knockon('limit', 'crm', ...off)).out).toBe(
      `The workspace ${workspace_id} has no limit of its own at crm.\n`,
    );
    expect(await perWorkspace()).toEqual({ ...none, per_second: 100 });
  });

  it('limits the whole subscriber and its workspaces at once', async () => {
    const { out } = await knockon('limit', 'crm', '50', '--per-workspace-rate', '5');
    expect(out).toBe(
      'crm does up to 50 events a second.\nOne workspace may take up to 5 events a second of crm.\n',
    );
  });
});

describe.each([
  ['limit', 'crm'],
  ['subscribe', 'crm', '--url', 'https://a.example/', '--on', '*'],
])('knockon %s refuses', (...command) => {
  it.each([
    ['--per-workspace-concurrency', '0', 'a whole number from 1 to 1000, or off'],
    ['--per-workspace-concurrency', '2.5', 'a whole number from 1 to 1000, or off'],
    ['--per-workspace-concurrency', '1001', 'a whole number from 1 to 1000, or off'],
    ['--per-workspace-rate', '0', 'a number above 0, or off'],
    ['--per-workspace-rate', 'many', 'a number above 0, or off'],
    ['--per-workspace-rate', 'Infinity', 'a number above 0, or off'],
    ['--per-workspace-rate', '0.0001', 'per_second'],
  ])('%s %s', async (option, value, why) => {
    const { exitCode, err } = await knockon(...command, option, value);
    expect(err).toContain(why);
    expect(exitCode).toBe(2);
    expect(await perWorkspace()).toEqual(none);
  });
});

it.each([
  ['--workspace without what it may take', ['--workspace', 'Acme'], 2, '--workspace needs'],
  ['no limit at all', [], 2, 'name a limit'],
  ['an unknown workspace', ['--workspace', 'Nobody', '--per-workspace-rate', '5'], 1, 'Nobody'],
])('knockon limit refuses %s', async (_, words, code, why) => {
  const { exitCode, err } = await knockon('limit', 'crm', ...words);
  expect(err).toContain(why);
  expect(exitCode).toBe(code);
});
