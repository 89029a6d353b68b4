import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findLedger } from '../../../src/cli/operate/find-ledger.ts';
import { environmentFor } from '../../../src/local/launcher/environment.ts';
import { readConfig } from '../../../src/settings/config.ts';
import { lazyConnection } from '../../../src/transport/temporal/transport.ts';
import { connectWorker } from '../../../src/workers/temporal-runtime.ts';
import { CERTIFICATE, KEY } from '../../harness/certificates.ts';

const required = { DATABASE_URL: 'postgres://localhost/knockon', KNOCKON_SECRET: 'x'.repeat(32) };
const read = (env: Record<string, string>) => readConfig({ ...required, ...env }).temporal;
let folder: string;
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'knockon-settings-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const profiles = `
[profile.default]
address = "default.example.com:7233"
namespace = "of-the-profile"

[profile.cloud]
address = "cloud.example.com:7233"
namespace = "acme.a1b2c"
api_key = "the-profiles-key"
[profile.cloud.grpc_meta]
x-team = "effects"
`;

describe('how Temporal is reached', () => {
  test('is said by the environment alone where there is no profile', () => {
    expect(read({})).toEqual({ address: 'localhost:7233', namespace: 'default' });
    expect(read({ TEMPORAL_ADDRESS: 'here:1', TEMPORAL_NAMESPACE: 'ours' })).toMatchObject({
      address: 'here:1',
      namespace: 'ours',
    });
  });

  test('is said by the profile of temporal.toml that is chosen, and the environment goes before it', () => {
    const TEMPORAL_CONFIG_FILE = file('temporal.toml', profiles);
    expect(read({ TEMPORAL_CONFIG_FILE })).toMatchObject({
      address: 'default.example.com:7233',
      namespace: 'of-the-profile',
    });
    expect(
      read({ TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE: 'cloud', TEMPORAL_NAMESPACE: 'other' }),
    ).toMatchObject({
      address: 'cloud.example.com:7233',
      namespace: 'other',
      apiKey: 'the-profiles-key',
      tls: true,
      metadata: { 'x-team': 'effects' },
    });
    expect(
      findLedger({
        cwd: folder,
        env: { ...required, TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE: 'cloud' },
      }).temporal,
    ).toMatchObject({
      address: 'cloud.example.com:7233',
      apiKey: 'the-profiles-key',
    });
  });

  test('has TLS with an API key, where it is asked for, and not where it is refused', () => {
    expect(read({ TEMPORAL_API_KEY: 'k' })).toMatchObject({ apiKey: 'k', tls: true });
    expect(read({ TEMPORAL_TLS: 'true' }).tls).toBeTruthy();
    expect(read({ TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: 'k' }).tls).toBe(false);
  });

  test('may be by a certificate of our own', () => {
    const [cert, key] = [file('client.pem', CERTIFICATE), file('client.key', KEY)];
    const env = {
      TEMPORAL_TLS_CLIENT_CERT_PATH: cert,
      TEMPORAL_TLS_CLIENT_KEY_PATH: key,
      TEMPORAL_TLS_SERVER_CA_CERT_DATA: CERTIFICATE,
      TEMPORAL_TLS_SERVER_NAME: 'temporal.internal',
    };
    const { tls } = read(env);
    const text = (bytes: unknown) => Buffer.from(bytes as Uint8Array).toString();
    if (typeof tls !== 'object' || !tls?.clientCertPair) throw new Error('there is no certificate');
    expect([text(tls.clientCertPair.crt), text(tls.clientCertPair.key)]).toEqual([
      CERTIFICATE,
      KEY,
    ]);
    expect([text(tls.serverRootCACertificate), tls.serverNameOverride]).toEqual([
      CERTIFICATE,
      'temporal.internal',
    ]);
  });

  test.each([
    [
      { TEMPORAL_ADRESS: 'x:1' },
      'TEMPORAL_ADRESS is not a setting of Knock-on; did you mean TEMPORAL_ADDRESS?',
    ],
    [{ TEMPORAL_TLS_SERVERNAME: 'x' }, 'did you mean TEMPORAL_TLS_SERVER_NAME?'],
    [{ TEMPORAL_NAMESPCE: 'x' }, 'did you mean TEMPORAL_NAMESPACE?'],
    [
      { TEMPORAL_ADDRESS: 'http://temporal:7233' },
      'TEMPORAL_ADDRESS is "http://temporal:7233": it must be host:port',
    ],
    [{ TEMPORAL_TLS: 'yes' }, 'TEMPORAL_TLS is "yes": it must be "true" or "false"'],
    [
      { TEMPORAL_TLS_CLIENT_CERT_DATA: 'x' },
      'TEMPORAL_TLS_CLIENT_CERT_DATA is set without its key',
    ],
    [
      { TEMPORAL_TLS_CLIENT_KEY_DATA: 'x' },
      'TEMPORAL_TLS_CLIENT_KEY_DATA is set without its certificate',
    ],
    [
      { TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/nowhere/ca.pem' },
      'TEMPORAL_TLS_SERVER_CA_CERT_PATH is "/nowhere/ca.pem": it can\'t be read (ENOENT)',
    ],
    [
      { TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'true' },
      'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION is not possible',
    ],
    [
      { TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' },
      'TEMPORAL_CONFIG_FILE is "/nowhere/temporal.toml": it can\'t be read (ENOENT)',
    ],
    [{ TEMPORAL_PROFILE: 'clod' }, "Profile 'clod' not found"],
  ])('is refused where it is wrong: %o', (env, told) => {
    expect(() => readConfig({ ...required, ...(env as Record<string, string>) })).toThrow(told);
  });

  test('is told without a key where the profiles can not be parsed', () => {
    const TEMPORAL_CONFIG_FILE = file('broken.toml', '[profile.default]\napi_key = "very-secret\n');
    const refused = () => readConfig({ ...required, TEMPORAL_CONFIG_FILE });
    expect(refused).toThrow(/TEMPORAL_CONFIG_FILE|TOML/);
    expect(refused).not.toThrow(/very-secret/);
  });

  test("of variables that are somebody else's nothing is said", () => {
    const theirs = {
      TEMPORAL_DEBUG: '1',
      TEMPORAL_CLI_ADDRESS: 'x',
      TEMPORAL_CLOUD_API_KEY: 'x',
      TEMPORAL_CODEC_ENDPOINT: 'x',
    };
    const links = {
      TEMPORAL_FRONTEND_SERVICE_HOST: '10.0.0.1',
      TEMPORAL_FRONTEND_SERVICE_PORT_GRPC_RPC: '7233',
      TEMPORAL_PORT: 'tcp://10.0.0.1:7233',
    };
    expect(read({ ...theirs, ...links, TEMPORAL_PORT_7233_TCP: 'tcp://10.0.0.1:7233' })).toEqual(
      read({}),
    );
  });

  test('by `npm start` is by its own Temporal, whatever the environment and the profiles say', () => {
    const ports = {
      api: 1,
      temporal: 2,
      temporalUi: 3,
      postgres: 4,
      smtp: 5,
      mail: 6,
      apiHealth: 7,
      effectsHealth: 8,
      workflowsHealth: 9,
    };
    const own = {
      TEMPORAL_CONFIG_FILE: file('temporal.toml', profiles),
      TEMPORAL_PROFILE: 'cloud',
      TEMPORAL_TLS: 'true',
      TEMPORAL_API_KEY: 'k',
    };
    const env = environmentFor(
      ports,
      { id: '', admin_key: 'a'.repeat(16), secret: 's'.repeat(32), database_password: 'p' },
      own,
    );
    expect(readConfig(env).temporal).toEqual({ address: '127.0.0.1:2', namespace: 'default' });
  });
});

describe('every connection to Temporal', () => {
  test('bears the key and the headers that are set', async () => {
    const heard: Record<string, unknown>[] = [];
    const server = createServer().on('stream', (stream: ServerHttp2Stream, headers) => {
      heard.push({ key: headers.authorization, team: headers['x-team'] });
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' },
        { endStream: false },
      );
      stream.end(Buffer.from([0, 0, 0, 0, 0]));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const config = readConfig({
      ...required,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_TLS: 'false',
      TEMPORAL_API_KEY: 'the-key',
      TEMPORAL_GRPC_META_X_TEAM: 'effects',
    });
    const api = lazyConnection(config.temporal);
    await api.workflowService.getSystemInfo({}).catch(() => {});
    const fromApi = heard.splice(0);
    const worker = await connectWorker(config, pino({ level: 'silent' }));
    const same = { key: 'Bearer the-key', team: 'effects' };
    expect(fromApi.concat(heard).length).toBeGreaterThan(1);
    for (const one of [...fromApi, ...heard]) expect(one).toEqual(same);
    await Promise.all([api.close(), worker.close()]);
    server.close();
  });
});
