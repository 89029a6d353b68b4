import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createApi } from '../../../src/cli/api/client.ts';
import { findApi } from '../../../src/cli/api/find-api.ts';
import { environmentHere } from '../../../src/cli/api/local-stack.ts';
import { findLedger } from '../../../src/cli/operate/find-ledger.ts';
import { showBalance } from '../../../src/cli/operate/verify.ts';
import { duration } from '../../../src/cli/terminal/output.ts';
import { table } from '../../../src/cli/terminal/table.ts';
import { aTerminal } from '../../harness/recording-terminal.ts';

let cwd: string;
const up = {
  pid: process.pid,
  api_url: 'http://127.0.0.1:3000',
  api_key: 'kn_up',
  database_url: 'postgres://up',
  temporal_address: 'up:7233',
};

function writeUp(folder: string, content: object = up): void {
  mkdirSync(join(cwd, folder), { recursive: true });
  writeFileSync(join(cwd, folder, 'up.json'), JSON.stringify(content));
}

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'knockon-address-'));
});

afterEach(() => rmSync(cwd, { recursive: true }));

test('options come before the environment, the environment before up.json', () => {
  writeUp('.knockon');
  const env = { KNOCKON_API_URL: 'http://env', KNOCKON_API_KEY: 'kn_env' };
  expect(findApi({ apiUrl: 'http://option/', apiKey: 'kn_option' }, { cwd, env })).toMatchObject({
    url: 'http://option',
    key: 'kn_option',
  });
  expect(findApi({}, { cwd, env })).toMatchObject({
    url: 'http://env',
    key: 'kn_env',
    from: 'KNOCKON_API_URL',
  });
  expect(findApi({}, { cwd, env: {} })).toMatchObject({
    url: up.api_url,
    key: 'kn_up',
    stale: false,
  });
});

test('up.json is found in a folder above, and only in KNOCKON_HOME where that is set', () => {
  writeUp('.knockon');
  writeUp('other', { ...up, api_key: 'kn_other' });
  mkdirSync(join(cwd, 'a/b'), { recursive: true });
  expect(findApi({}, { cwd: join(cwd, 'a/b'), env: {} }).key).toBe('kn_up');
  expect(findApi({}, { cwd, env: { KNOCKON_HOME: 'other' } }).key).toBe('kn_other');
  expect(() => findApi({}, { cwd, env: { KNOCKON_HOME: 'nowhere' } })).toThrow(
    /nowhere.*npm start/,
  );
});

test('the key of up.json is not sent to another API', () => {
  writeUp('.knockon');
  expect(() => findApi({ apiUrl: 'http://elsewhere' }, { cwd, env: {} })).toThrow(
    /no key for http:\/\/elsewhere.*--api-key/,
  );
  expect(findApi({ apiUrl: `${up.api_url}/` }, { cwd, env: {} }).key).toBe('kn_up');
});

test('nothing running says to npm start', () => {
  expect(() => findApi({}, { cwd, env: {} })).toThrow(/up\.json.*npm start.*--api-url/);
});

test('a home that can not be looked into is named, and not taken for an empty one', () => {
  const home = mkdtempSync(join(tmpdir(), 'knockon-home-'));
  symlinkSync('up.json', join(home, 'up.json'));
  expect(() => findApi({}, { env: { KNOCKON_HOME: home }, cwd: home }, 'operator')).toThrow(
    `${join(home, 'up.json')} can't be read (ELOOP)`,
  );
  rmSync(home, { recursive: true });
});

test('an address that is no URL is shown', () => {
  expect(() => findApi({ apiUrl: 'localhost:3000', apiKey: 'k' }, { cwd, env: {} })).toThrow(
    '"localhost:3000"',
  );
});

test('an up.json that is cut off says to delete it', () => {
  mkdirSync(join(cwd, '.knockon'));
  writeFileSync(join(cwd, '.knockon', 'up.json'), '{"pid":');
  expect(() => findApi({}, { cwd, env: {} })).toThrow(/can't be read.*delete it/);
});

test('what an up.json that was left behind names is not waited for', async () => {
  // No process has this id: it is above Linux' and macOS' largest.
  writeUp('.knockon', { ...up, pid: 2 ** 30, api_url: 'http://127.0.0.1:9' });
  const address = findApi({}, { cwd, env: {} });
  expect(address.stale).toBe(true);
  const api = createApi(address, { patience: 60_000 });
  await expect(api.get('/v1/subscribers')).rejects.toThrow(/leftover.*npm start/);
  await api.close();
});

test('the ledger is found in DATABASE_URL, else in up.json with its Temporal', () => {
  writeUp('.knockon');
  expect(findLedger({ cwd, env: {} })).toMatchObject({
    databaseUrl: 'postgres://up',
    temporal: { address: 'up:7233', namespace: 'default' },
  });
  expect(findLedger({ cwd, env: { DATABASE_URL: 'postgres://env' } })).toEqual({
    databaseUrl: 'postgres://env',
    temporal: null,
  });
  expect(() => findLedger({ cwd: tmpdir(), env: {} })).toThrow('DATABASE_URL');
  writeUp('.knockon', { ...up, schema: 'acme' });
  expect(findLedger({ cwd, env: {} }).schema).toBe('acme');
  expect(findLedger({ cwd, env: { KNOCKON_SCHEMA: 'own' } }).schema).toBe('own');
  const elsewhere = { DATABASE_URL: 'postgres://env' };
  expect(findLedger({ cwd, env: elsewhere }).schema).toBeUndefined();
});

test('a process without DATABASE_URL runs with what `npm start` gives to its own, but for ports and what is set; and says so', () => {
  writeUp('.knockon');
  const settings = {
    DATABASE_URL: 'postgres://up',
    KNOCKON_SECRET: 'of up',
    KNOCKON_EMAIL_GRACE: '5s',
    KNOCKON_PORT: '3000',
  };
  writeFileSync(join(cwd, '.knockon', 'environment.json'), JSON.stringify(settings));
  const told: string[] = [];
  const here = (env: NodeJS.ProcessEnv) => environmentHere((line) => told.push(line), { cwd, env });
  expect(here({ DATABASE_URL: '', KNOCKON_EMAIL_GRACE: '1m', HOME: '/' })).toEqual({
    ...{ DATABASE_URL: 'postgres://up', KNOCKON_SECRET: 'of up' },
    ...{ KNOCKON_EMAIL_GRACE: '1m', HOME: '/' },
  });
  expect(told).toEqual([expect.stringContaining(join(cwd, '.knockon', 'up.json'))]);
  expect(here({ DATABASE_URL: 'postgres://own' })).toEqual({ DATABASE_URL: 'postgres://own' });
  writeUp('.knockon', { ...up, pid: 2 ** 22 + 1 });
  expect(here({})).toEqual({});
  expect(told).toHaveLength(1);
});

test('a balance shows what is missing and what to do', () => {
  const audit = {
    name: 'audit',
    expected: 5,
    done: 3,
    dead: 0,
    in_flight: 1,
    missing: 1,
    oldest_seconds: 65,
  };
  const missing = [
    {
      subscriber: 'audit',
      event_id: 'e-1',
      type: 'message.created',
      dispatch_id: 'd-1',
      age_seconds: 65,
    },
  ];
  const balance = {
    balanced: false,
    subscribers: [audit],
    missing,
    undispatched: { count: 2, oldest_seconds: 3 },
    scheduled: { count: 0, next_at: null },
    asked: false,
  };
  const text = showBalance(aTerminal(), balance);
  expect(text).toMatch(/audit +5 +3 +0 +1 +1 +1 min 5 s/);
  expect(text).toMatch(/Committed and not dispatched: 2 events; the oldest has waited 3\.0 s/);
  expect(text).toMatch(/audit +message\.created +e-1 +d-1 +1 min 5 s/);
  expect(text).toContain('The transport did not answer');
  expect(text).toContain('Not balanced');
});

test('a table is aligned text without boxes', () => {
  expect(
    table(
      aTerminal(),
      ['name', 'n'],
      [
        ['a', 1],
        ['bcd', null],
      ],
      1,
    ),
  ).toBe('name  n\na     1\nbcd   –');
});

test.each([
  [38, '38 ms'],
  [4200, '4.2 s'],
  [185_000, '3 min 5 s'],
  [7_260_000, '2 h 1 min'],
])('%d ms is said as %s', (ms, said) => {
  expect(duration(ms)).toBe(said);
});
