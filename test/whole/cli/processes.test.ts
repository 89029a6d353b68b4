import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { readConfig, settings } from '../../../src/settings/config.ts';

const source = (path: string) => fileURLToPath(new URL(`../../../src/${path}`, import.meta.url));
const run = async (...args: string[]) =>
  (await promisify(execFile)(process.execPath, ['--import', import.meta.resolve('tsx'), ...args]))
    .stdout;
const commands = ['api', 'relay', 'worker workflows', 'worker effects'];
const required = { DATABASE_URL: 'postgres://localhost/knockon', KNOCKON_SECRET: 'x'.repeat(32) };

/** What a process' help says of its variables: name, and the default in brackets. */
const told = new Map<string, { name: string; byDefault: string | undefined }[]>();

beforeAll(async () => {
  for (const command of commands) {
    const stdout = await run(source('cli/main.ts'), ...command.split(' '), '--help');
    // Long rows go on below, indented.
    const unwrapped = stdout.replaceAll(/\n {10,}/g, ' ');
    const rows = [...unwrapped.matchAll(/^ {2}((?:[A-Z_]{5,}(?:, )?)+) {2,}(.*)$/gm)].flatMap(
      ([, names, wants]) => {
        const defaults = /\(([^()]*)\)$/.exec(wants!)?.[1]?.split(', ');
        return names!
          .split(', ')
          .map((name, i) => ({ name: name.trim(), byDefault: defaults?.[i] }));
      },
    );
    told.set(command, rows);
  }
});

describe('the help of the processes', () => {
  test.each(commands)('knockon %s tells the defaults that hold', (command) => {
    const usual: Record<string, unknown> = readConfig(required);
    const rows = told.get(command)!;
    expect(rows.length).toBeGreaterThan(5);
    for (const { name, byDefault } of rows) {
      expect(settings).toContain(name);
      if (byDefault === undefined || byDefault === 'none' || name === 'KNOCKON_VERSION') continue;
      const given: Record<string, unknown> = readConfig({ ...required, [name]: byDefault });
      expect([name, given[name]]).toEqual([name, usual[name]]);
    }
  });

  test('every setting is told by a process', () => {
    const named = new Set([...told.values()].flat().map(({ name }) => name));
    expect(settings.filter((name) => !named.has(name))).toEqual([]);
  });
});

test('a log level that does not exist is told in our words, with those that do', () => {
  expect(() => readConfig({ ...required, LOG_LEVEL: 'verbose' })).toThrow(
    /LOG_LEVEL is "verbose": it must be "fatal", .* or "silent"/,
  );
});

/** What Kubernetes puts into each container of a namespace with these services. */
const besides = (service: string, port = 80) => ({
  [`${service}_SERVICE_HOST`]: '10.96.14.7',
  [`${service}_SERVICE_PORT`]: `${port}`,
  [`${service}_SERVICE_PORT_HTTP`]: `${port}`,
  [`${service}_PORT`]: `tcp://10.96.14.7:${port}`,
  [`${service}_PORT_${port}_TCP`]: `tcp://10.96.14.7:${port}`,
  [`${service}_PORT_${port}_TCP_PROTO`]: 'tcp',
  [`${service}_PORT_${port}_TCP_PORT`]: `${port}`,
  [`${service}_PORT_${port}_TCP_ADDR`]: '10.96.14.7',
});

describe('an environment in which Kubernetes tells of services beside', () => {
  const services = {
    ...besides('KNOCKON'),
    ...besides('KNOCKON_API'),
    ...besides('KNOCKON_METRICS', 9464),
    ...besides('KNOCKON_WORKER_EFFECTS'),
  };

  test('is read as without them, whatever the services are called', () => {
    expect(readConfig({ ...required, ...services })).toEqual(readConfig(required));
  });

  test('still has settings that are wrong told, those whose names are like a service among them', () => {
    expect(() => readConfig({ ...required, ...services, KNOCKON_PORT: '80tcp' })).toThrow(
      'KNOCKON_PORT is "80tcp"',
    );
    expect(() => readConfig({ ...required, ...services, KNOCKON_PROT: '80' })).toThrow(
      'did you mean KNOCKON_PORT?',
    );
  });
});

/** The packages among these that a module brings along when it is loaded. */
async function brought(module: string, packages: string[]): Promise<string[]> {
  const script = `import(${JSON.stringify(source(module))}).then(() => console.log(JSON.stringify(Object.keys(require.cache))))`;
  const files: string[] = JSON.parse(await run('-e', script));
  expect(files.some((file) => file.includes('/node_modules/'))).toBe(true);
  return packages.filter((name) => files.some((file) => file.includes(`/node_modules/${name}/`)));
}

describe('a process that starts', () => {
  test.each(['api', 'relay', 'workflows', 'effects'])(
    '%s loads no client of Redis before it is told to use one',
    async (name) => {
      expect(await brought(`workers/${name}.ts`, ['ioredis'])).toEqual([]);
    },
  );

  test('as an API loads no HTTP client before an operator has something sent', async () => {
    expect(await brought('workers/api.ts', ['undici'])).toEqual([]);
  });

  test('with effects of its own loads nothing that only the shipped ones need', async () => {
    expect(await brought('workers/effects.ts', ['undici'])).toEqual([]);
    expect(await brought('activities/index.ts', ['undici'])).toEqual(['undici']);
  });
});
