import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig, settings } from '../../../src/settings/config.ts';

interface Service {
  image: string;
  command?: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  cpu_shares?: number;
  ports?: string[];
}

let text: string;
let services: Record<string, Service>;

const keys = {
  POSTGRES_PASSWORD: 'p'.repeat(64),
  KNOCKON_ADMIN_KEY: 'a'.repeat(64),
  KNOCKON_SECRET: 's'.repeat(64),
};

/** As Compose does it: `${A}`, `${A:-default}`, `${A:?what to do}`. */
function interpolate(given: string, env: Record<string, string>): string {
  return given.replace(
    /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
    (_, name: string, kind: string | undefined, rest: string) => {
      const value = env[name];
      if (value) return value;
      if (kind === '-') return rest;
      throw new Error(`required variable ${name} is missing a value: ${rest}`);
    },
  );
}

const asCompose = (given: string, env: Record<string, string>) =>
  (parse(interpolate(given, env), { merge: true }) as { services: Record<string, Service> })
    .services;
const own = () => Object.entries(services).filter(([, { image }]) => image === 'knockon');

beforeAll(async () => {
  text = await readFile(new URL('../../../docker-compose.yml', import.meta.url), 'utf8');
  services = asCompose(text, keys);
});

describe('docker-compose.yml', () => {
  it.each(Object.keys(keys))('has no %s of its own, and says how to make one', (name) => {
    const message = new RegExp(
      `required variable ${name} is missing a value: .*\\.env .*openssl rand`,
    );
    const alone = [...text.matchAll(/\$\{[^}]+\}/g)]
      .map(([use]) => use)
      .filter((use) => use.startsWith(`\${${name}:`));
    expect(alone).toHaveLength(1);
    expect(() => interpolate(alone[0]!, {})).toThrow(message);
  });

  it('starts our processes with settings that exist and can be read', () => {
    expect(own().map(([name]) => name)).toEqual(['migrate', 'api', 'workflows', 'effects']);
    for (const [name, { environment }] of own()) {
      const env = Object.fromEntries(
        Object.entries(environment!).map(([key, value]) => [key, String(value ?? '')]),
      );
      expect(
        Object.keys(env).filter((key) => !(settings as string[]).includes(key)),
        name,
      ).toEqual([]);
      expect(() => readConfig(env), name).not.toThrow();
    }
  });

  it('waits for nobody that does not exist, or that has no health to wait for', () => {
    const expected = Object.entries(services).flatMap(([name, { depends_on = {} }]) =>
      Object.entries(depends_on).map(([other, { condition }]) => ({ name, other, condition })),
    );
    expect(expected.filter(({ other }) => !services[other])).toEqual([]);
    const healthy = expected.filter(({ condition }) => condition === 'service_healthy');
    expect(healthy.filter(({ other }) => !services[other]?.healthcheck?.test)).toEqual([]);
  });

  it('looks at the readiness of each process of ours that stays', () => {
    for (const [name, { healthcheck, environment }] of own().filter(
      ([other]) => other !== 'migrate',
    )) {
      expect(healthcheck?.test?.join(' '), name).toContain(
        `127.0.0.1:${environment!.KNOCKON_METRICS_PORT}/readyz`,
      );
    }
  });

  it('lets Temporal and the workers give way to the API and Postgres', () => {
    const shares = Object.fromEntries(
      Object.entries(services).map(([name, { cpu_shares }]) => [name, cpu_shares ?? 1024]),
    );
    for (const name of ['temporal', 'workflows', 'effects'])
      expect(shares[name]! * 6, name).toBeLessThan(1100);
    for (const name of ['api', 'postgres']) expect(shares[name], name).toBe(1024);
  });

  it('uses images of a version, none of which is given up, and opens ports on this machine alone', () => {
    const images = Object.values(services).map(({ image }) => image);
    expect(images.filter((image) => image !== 'knockon' && !/:v?\d/.test(image))).toEqual([]);
    expect(images.filter((image) => image.includes('auto-setup'))).toEqual([]);
    expect(
      Object.values(services).flatMap(({ ports = [] }) =>
        ports.filter((port) => !port.startsWith('127.0.0.1:')),
      ),
    ).toEqual([]);
  });
});

it('the image is of a Node that is still looked after, and takes no keys of this machine', async () => {
  const file = (name: string) => readFile(new URL(`../../../${name}`, import.meta.url), 'utf8');
  const bases = [...(await file('Dockerfile')).matchAll(/^FROM node:(\d+)/gm)].map(([, version]) =>
    Number(version),
  );
  expect(bases).toEqual([24, 24]);
  expect((await file('.dockerignore')).split('\n')).toEqual(
    expect.arrayContaining(['.env', '.knockon']),
  );
});
