import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explained } from '../../src/cli/processes.ts';
import { readConfig, refuseSharedPort } from '../../src/settings/config.ts';
import { CERTIFICATE, KEY, OTHER_KEY } from '../harness/certificates.ts';

const required = { DATABASE_URL: 'postgres://localhost/knockon', KNOCKON_SECRET: 'x'.repeat(32) };
const read = (env: Record<string, string>) => readConfig({ ...required, ...env });

/** What is told of a setting that can't be used; undefined where it can. */
function told(name: string, value: string): string | undefined {
  try {
    read({ [name]: value });
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[1]!.trim();
  }
}

const timers = {
  KNOCKON_SHUTDOWN: ['0s', '24d'],
  KNOCKON_DRAIN: ['0s', '24d'],
  KNOCKON_KEEP_ALIVE: ['1s', '24d'],
  KNOCKON_WEBHOOK_TIMEOUT: ['1s', '5m'],
  KNOCKON_WEBHOOK_PROBE: ['1s', '24d'],
  KNOCKON_STATEMENT_TIMEOUT: ['1s', '24d'],
  KNOCKON_CHECK_EVERY: ['100ms', '24d'],
  KNOCKON_RELAY_AGE: ['1s', '24d'],
  KNOCKON_READY_AGE: ['1s', '24d'],
  KNOCKON_PAUSED_TOO_LONG: ['0s', '24d'],
  KNOCKON_EMAIL_GRACE: ['0s', '24d'],
} as const;
const orOff = {
  KNOCKON_HEAL_AGE: ['100ms', '24d'],
  KNOCKON_NOTIFY_AGE: ['1s', '100y'],
  KNOCKON_RETENTION_EVENTS: ['1s', '100y'],
  KNOCKON_RETENTION_RECEIPTS: ['1s', '100y'],
} as const;
const durations = Object.entries({ ...timers, ...orOff });

describe('a setting that is a duration', () => {
  test.each(durations)('%s is refused without a unit', (name) => {
    for (const value of ['90', ' 10 ', '1e3', '5 parsecs', '-1s', '9'.repeat(120)])
      expect(told(name, value)).toMatch(
        `${name} is ${JSON.stringify(value)}: it must be a duration`,
      );
  });

  test.each(durations)('%s has bounds, which are told', (name, [least, most]) => {
    const beyond = most === '24d' ? '25d' : most === '5m' ? '6m' : '101y';
    const problem = `${name} is "${beyond}": it must be a duration from ${least} to ${most}`;
    expect(told(name, beyond)).toContain(problem);
    expect(told(name, '60d') ?? '').toContain(most === '100y' ? '' : `${name} is "60d"`);
    for (const value of [least, most]) expect(told(name, value)).toBeUndefined();
  });

  test.each(durations)('%s may be 0 where that means something', (name, [least]) => {
    for (const value of ['0', '0s']) {
      if (least === '0s') expect(told(name, value)).toBeUndefined();
      else expect(told(name, value)).toContain(`from ${least} to `);
    }
  });

  test('is whole milliseconds', () => {
    expect(read({ KNOCKON_SHUTDOWN: '0.0015s' }).KNOCKON_SHUTDOWN).toBe(2);
    expect(read({ KNOCKON_SHUTDOWN: ' 1.5 m ' }).KNOCKON_SHUTDOWN).toBe(90_000);
    expect(read({ KNOCKON_SHUTDOWN: '.5s' }).KNOCKON_SHUTDOWN).toBe(500);
  });

  test('says "off" where it may be off', () => {
    for (const name of Object.keys(orOff)) {
      expect(told(name, '90')).toContain(', or "off"');
      expect(told(name, 'off')).toBeUndefined();
    }
  });
});

test('a window of a quota is no longer than a timer can wait', () => {
  for (const value of ['5/25d', '5/9999999y', `5/${'9'.repeat(120)}s`])
    expect(told('KNOCKON_RATE_LIMIT', value)).toContain('from 1s to 24d');
  expect(told('KNOCKON_RATE_LIMIT', '5/24d')).toBeUndefined();
});

describe('a setting that can not work', () => {
  test.each([
    ['DATABASE_URL', 'postgres://u:p%zz@localhost/knockon', 'it must be a URL'],
    ['KNOCKON_DATABASE_DIRECT_URL', 'postgres://u:p%zz@localhost/knockon', 'it must be a URL'],
    [
      'DATABASE_URL',
      'postgres://one,two/knockon?target_session_attrs=read_write',
      'it must ask by target_session_attrs for one of any, read-write, read-only, primary,',
    ],
    [
      'KNOCKON_DATABASE_DIRECT_URL',
      'postgres://one,two/knockon?a=b&target_session_attrs=',
      'it must ask by target_session_attrs for one of any',
    ],
    ['REDIS_URL', 'redis://u:p%zz@localhost', 'it must be a URL'],
    ...['p@ss/w#x', 'p/x', 'p?x', 'p#x', '1/x'].flatMap((password) => [
      ['DATABASE_URL', `postgresql://app:${password}@127.0.0.1:5432/k`, 'it must percent-encode'],
      ['REDIS_URL', `redis://app:${password}@127.0.0.1:6379`, 'it must percent-encode'],
      ['SMTP_URL', `smtp://app:${password}@127.0.0.1:25`, 'it must percent-encode'],
    ]),
    ['KNOCKON_SECRET', `${'x'.repeat(32)}\n`, 'without line ends'],
    ['KNOCKON_ADMIN_KEY', `${'x'.repeat(16)}\n`, 'without line ends'],
    ['KNOCKON_ADMIN_KEY', ` ${'x'.repeat(16)}`, 'without blanks around them'],
    ['MAIL_FROM', 'nonsense', 'it must be an address'],
    ['MAIL_FROM', 'A <a@example.com>\nBcc: b@example.com', 'it must be an address'],
    ['TEMPORAL_ADDRESS', 'localhost:99999', 'it must be host:port'],
    ['TEMPORAL_ADDRESS', 'localhost:0', 'it must be host:port'],
    ['TEMPORAL_ADDRESS', 'localhost:7233,other:7233', 'it must be host:port'],
    ['TEMPORAL_ADDRESS', 'a:b:7233', 'it must be host:port'],
    ['TEMPORAL_ADDRESS', '::1:7233', 'it must be host:port'],
    ['TEMPORAL_ADDRESS', '[::g]:7233', 'it must be host:port'],
    ['TEMPORAL_ADDRESS', 'user@host:7233', 'it must be host:port'],
    [
      'TEMPORAL_API_KEY',
      'the-key\n',
      'without line ends, and without blanks around it: it ends with',
    ],
    ['TEMPORAL_API_KEY', ' the-key', 'without blanks around it'],
    ['TEMPORAL_API_KEY', 'the\nkey', 'must be printable ASCII'],
    ['TEMPORAL_API_KEY', 'the-këy', 'must be printable ASCII'],
    ['TEMPORAL_NAMESPACE', 'ours\r\n', 'it ends with a line end, as files do'],
    ['TEMPORAL_NAMESPACE', 'unsère', 'must be printable ASCII'],
    ['TEMPORAL_GRPC_META_X_TEAM', 'effects\n', 'it ends with a line end, as files do'],
    ['TEMPORAL_GRPC_META_X_TEAM', 'a\tb', 'must be printable ASCII'],
    ['TEMPORAL_GRPC_META_X TEAM', 'effects', 'its name must be of a-z'],
    ['TEMPORAL_GRPC_META_X-BIN', 'effects', 'not end with -bin'],
    ['TEMPORAL_TLS_SERVER_CA_CERT_DATA', 'garbage', 'must be certificates in PEM'],
    ['TEMPORAL_TLS_SERVER_NAME', 'bad name', 'must be a host name'],
  ])('%s of %j is refused, named, and told what it must be', (name, value, must) => {
    const line = told(name, value);
    expect(line).toMatch(new RegExp(`^${name} `));
    expect(line).toContain(must);
    if (/URL|KEY|SECRET/.test(name)) expect(line).not.toContain(value.trim());
  });

  test.each([
    ['CERT', { CERT: 'x', KEY }, 'must be a certificate in PEM'],
    ['KEY', { CERT: CERTIFICATE, KEY: 'y' }, 'must be a private key in PEM'],
    ['KEY', { CERT: CERTIFICATE, KEY: OTHER_KEY }, "it is another's"],
  ])('the %s of a client for Temporal is refused, and not shown', (what, pair, must) => {
    const env = {
      TEMPORAL_TLS_CLIENT_CERT_DATA: pair.CERT,
      TEMPORAL_TLS_CLIENT_KEY_DATA: pair.KEY,
    };
    expect(() => read(env)).toThrow(
      new RegExp(`^ {2}TEMPORAL_TLS_CLIENT_${what}_DATA must .*${must}|${must}`, 'm'),
    );
    expect(() => read(env)).not.toThrow(/BEGIN/);
  });

  test.each(['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'])(
    'DATABASE_URL may ask for target_session_attrs of %s',
    (target) =>
      expect(
        told('DATABASE_URL', `postgres://a,b/c?target_session_attrs=${target}`),
      ).toBeUndefined(),
  );

  test.each(['localhost:7233', '127.0.0.1:1', '[::1]:7233', 'ours_1.acme-x.tmprl.cloud:65535'])(
    'TEMPORAL_ADDRESS may be %s',
    (value) => expect(told('TEMPORAL_ADDRESS', value)).toBeUndefined(),
  );

  test.each(['me@localhost', 'Knock-on <a@example.com>', '"A, B" <a@example.com>'])(
    'MAIL_FROM may be %s',
    (value) => expect(told('MAIL_FROM', value)).toBeUndefined(),
  );

  test.each(['nonsense', '203.0.113.7'])('KNOCKON_HOST of %s ends with 78', (host) => {
    const code = host === 'nonsense' ? 'ENOTFOUND' : 'EADDRNOTAVAIL';
    const error = Object.assign(new Error('listen'), { code, hostname: host, address: host });
    expect(() => explained(error, read({ KNOCKON_HOST: host }))).toThrow(
      expect.objectContaining({
        message: `KNOCKON_HOST is "${host}": it must be an address of this machine (${code})`,
        exitCode: 78,
      }),
    );
  });
});

describe("a profile of Temporal's own commands", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'knockon-profiles-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ['[profile.default]\naddress = "x:1"\n[profile.default', "can't be used"],
    ['[profile.default]\nadress = "x:1"\n', 'profile.default: adress'],
    ['[profile.default.tls]\ndisabled = "no"\n', 'must be true or false'],
    ['[profile.default.tls]\ndisable = true\n', 'profile.default.tls: disable'],
  ])('is refused by the name of its file where it holds %j', (text, reason) => {
    const path = join(folder, 'temporal.toml');
    writeFileSync(path, text);
    const line = told('TEMPORAL_CONFIG_FILE', path);
    expect(line).toContain(`TEMPORAL_CONFIG_FILE (${JSON.stringify(path)})`);
    expect(line).toContain(reason);
  });

  test.each([
    ['namespace = 7', 'namespace of profile.cloud must be a text in quotes'],
    ['api_key = 5', 'api_key of profile.cloud must be a text in quotes'],
    ['address = true', 'address of profile.cloud must be a text in quotes'],
    ['[profile.cloud.grpc_meta]\nx-team = 5', 'grpc_meta.x-team of profile.cloud must be a text'],
    ['[profile.cloud.tls]\nserver_name = 5', 'tls.server_name of profile.cloud must be a text'],
    ['[profile.cloud.tls]\nclient_key_path = 5', 'tls.client_key_path of profile.cloud must be'],
    ['namespace = ""', 'namespace of profile.cloud must be printable ASCII'],
    ['api_key = "the-key\\n"', 'as files do'],
    ['api_key = " the-key"', 'api_key of profile.cloud must be printable ASCII'],
    ['[profile.cloud.grpc_meta]\nx-team = "é"', 'grpc_meta.x-team of profile.cloud must be print'],
    ['[profile.cloud.grpc_meta]\n"x team" = "e"', 'grpc_meta.x team of profile.cloud is no header'],
    [
      '[profile.cloud.tls]\nclient_cert_data = "x"',
      'tls.client_cert of profile.cloud is set without its key: set TEMPORAL_TLS_CLIENT_KEY_PATH',
    ],
    [
      '[profile.cloud.tls]\nclient_key_data = "x"',
      'tls.client_key of profile.cloud is set without its certificate',
    ],
    [
      '[profile.cloud.tls]\nserver_ca_cert_data = "x"',
      'tls.server_ca_cert of profile.cloud must be',
    ],
  ])('is refused, and the member is named, where it has %j', (text, reason) => {
    const path = join(folder, 'temporal.toml');
    writeFileSync(path, `[profile.cloud]\n${text}\n`);
    const refused = () => read({ TEMPORAL_CONFIG_FILE: path, TEMPORAL_PROFILE: 'cloud' });
    expect(refused).toThrow(reason);
    expect(refused).not.toThrow(/the-key/);
  });

  test("may have a client's certificate whose key a variable has", () => {
    const path = join(folder, 'temporal.toml');
    const tls = `client_cert_data = ${JSON.stringify(CERTIFICATE)}`;
    writeFileSync(path, `[profile.default.tls]\n${tls}\n`);
    const env = { TEMPORAL_CONFIG_FILE: path, TEMPORAL_TLS_CLIENT_KEY_DATA: KEY };
    expect(read(env).temporal.tls).toMatchObject({ clientCertPair: expect.anything() });
  });

  test('that is not there is named, with where it was looked for', () => {
    const path = join(folder, 'temporal.toml');
    writeFileSync(path, '[profile.default]\naddress = "x:1"\n');
    expect(() => read({ TEMPORAL_CONFIG_FILE: path, TEMPORAL_PROFILE: 'nope' })).toThrow(
      `TEMPORAL_PROFILE is "nope": Profile 'nope' not found in config data, in ` +
        `TEMPORAL_CONFIG_FILE (${JSON.stringify(path)})`,
    );
  });
});

test('the API does not listen on one port twice, and two free ones are two', () => {
  const both = (port: string) => read({ KNOCKON_PORT: port, KNOCKON_METRICS_PORT: port });
  expect(() => refuseSharedPort(both('3000'))).toThrow(
    'KNOCKON_METRICS_PORT is "3000": it must be another port than KNOCKON_PORT has',
  );
  expect(() => refuseSharedPort(both('0'))).not.toThrow();
  expect(() => refuseSharedPort(read({}))).not.toThrow();
});

test('a whole number is written in digits', () => {
  for (const value of ['0x50', '1e3', '0b1', '3000.0', '+3000', ''.padStart(400, '9')])
    expect(told('KNOCKON_PORT', value)).toContain('must be a whole number from 0 to 65535');
  expect(told('KNOCKON_METRICS_PORT', '0x50')).toContain('must be a whole number');
  expect(read({ KNOCKON_PORT: ' 3001 ' }).KNOCKON_PORT).toBe(3001);
});

test("what Docker's links put into the environment is nobody's setting", () => {
  const links = {
    KNOCKON_NAME: '/web/knockon',
    KNOCKON_ENV_PATH: '/bin',
    KNOCKON_PORT: 'tcp://172.17.0.2:3000',
    TEMPORAL_NAME: '/web/temporal',
    TEMPORAL_ENV_LANG: 'C',
    KNOCKON_METRICS_PORT: 'TCP://172.17.0.2:3000',
  };
  expect(read(links)).toEqual(read({}));
  expect(told('KNOCKON_NAME', 'web')).toContain('is not a setting');
});
