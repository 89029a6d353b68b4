import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type ClientConnectConfig,
  type LoadClientProfileOptions,
  loadClientConfig,
  loadClientConnectConfig,
} from '@temporalio/envconfig';

/** Where Temporal is and how it is reached, as `@temporalio/envconfig` decides it. */
export interface TemporalSettings
  extends Pick<ClientConnectConfig['connectionOptions'], 'apiKey' | 'tls' | 'metadata'> {
  /** `host:port`; undefined where neither the environment nor the profile names one. */
  address?: string;
  namespace?: string;
}

/**
 * Variables that begin like ours and are somebody else's: of Temporal's own commands, its SDK, and
 * docker-compose.yml.
 */
const elsewhere =
  /^TEMPORAL_(CLI_.+|CLOUD_.+|CODEC_ENDPOINT|CODEC_AUTH|DEBUG|ENV|ENV_FILE|VERSION|UI_VERSION)$/;
const header = /^TEMPORAL_GRPC_META_.+$/;

/**
 * Whether a TEMPORAL_ variable that is no setting of ours means something all the same: a header of
 * each call, or to somebody else.
 */
export const isTemporals = (name: string): boolean => elsewhere.test(name) || header.test(name);

/**
 * Reads Temporal's settings from these variables and the profile they choose, by default `default`
 * of `temporal.toml` where Temporal's own commands keep it.
 *
 * @throws with a sentence about what is wrong
 */
export function readTemporal(env: Record<string, string>): TemporalSettings {
  check(env);
  const { namespace, connectionOptions } = load(env);
  const { address, apiKey, tls, metadata } = connectionOptions;
  if (address !== undefined && !isAddress(address))
    throw new Error(
      `${named(env, 'TEMPORAL_ADDRESS')} is ${JSON.stringify(address)}: ` +
        'it must be host:port such as localhost:7233',
    );
  if (tls && typeof tls === 'object') checkTls(tls, env);
  return { address, namespace, apiKey, tls, metadata };
}

function isAddress(address: string): boolean {
  const [, port] = /^[^/\s]+:(\d{1,5})$/.exec(address) ?? [];
  return Number(port) >= 1 && Number(port) <= 65_535;
}

/** The variable that is set, else the first, as the profile says it. */
const named = (env: Record<string, string>, ...names: [string, ...string[]]) =>
  names.find((name) => env[name]) ?? `${names[0]} of the profile`;

/** What the variables and the profile say. @throws naming the variable, and the file */
function load(env: Record<string, string>) {
  const file = fileOf(env);
  const from = env.TEMPORAL_CONFIG_FILE
    ? `TEMPORAL_CONFIG_FILE (${JSON.stringify(env.TEMPORAL_CONFIG_FILE)})`
    : "temporal.toml, where Temporal's commands keep it";
  try {
    const { TEMPORAL_PROFILE: chosen = 'default' } = env;
    const strict = { configFileStrict: true, overrideEnvVars: env, ...file };
    const profiles = file.disableFile ? {} : loadClientConfig(strict).profiles;
    const disabled: unknown = profiles[chosen]?.tls?.disabled;
    if (disabled !== undefined && typeof disabled !== 'boolean')
      throw new Error(`tls.disabled of profile.${chosen} must be true or false`);
    return loadClientConnectConfig(strict);
  } catch (error) {
    // A parser's message goes on with the lines that it stumbled over, keys among them.
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    const setting = /^Profile '/.test(reason!) ? 'TEMPORAL_PROFILE' : undefined;
    throw new Error(
      setting
        ? `${setting} is ${JSON.stringify(env[setting])}: ${reason}, in ${from}`
        : `${from} can't be used: ${reason}`,
    );
  }
}

type Tls = Exclude<TemporalSettings['tls'], boolean | null | undefined>;

/** Temporal's client would tell of these when it connects, without the variable. */
function checkTls(tls: Tls, env: Record<string, string>): void {
  const { clientCertPair: pair, serverRootCACertificate: ca, serverNameOverride: server } = tls;
  const prefix = 'TEMPORAL_TLS_';
  const pem = (what: string): [string, string] => [
    `${prefix}${what}_PATH`,
    `${prefix}${what}_DATA`,
  ];
  const refuse = (names: [string, ...string[]], must: string): never => {
    throw new Error(`${named(env, ...names)} must be ${must}`);
  };
  if (ca && !certificateIn(ca)) refuse(pem('SERVER_CA_CERT'), 'certificates in PEM');
  const certificate = pair && certificateIn(pair.crt);
  if (pair && !certificate) refuse(pem('CLIENT_CERT'), 'a certificate in PEM');
  const key = pair && keyIn(pair.key);
  if (pair && !key) refuse(pem('CLIENT_KEY'), 'a private key in PEM, without a passphrase');
  if (certificate && key && !certificate.checkPrivateKey(key))
    refuse(pem('CLIENT_KEY'), "the key of the client's certificate; it is another's");
  if (server && !/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(server))
    refuse([`${prefix}SERVER_NAME`], `a host name; it is ${JSON.stringify(server)}`);
}

const certificateIn = (pem: Uint8Array) =>
  Buffer.from(pem).includes('-----BEGIN CERTIFICATE-----')
    ? orUndefined(() => new X509Certificate(pem))
    : undefined;
const keyIn = (pem: Uint8Array) => orUndefined(() => createPrivateKey(Buffer.from(pem)));

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** What envconfig takes for something else, or leaves out, without a word. */
function check(env: Record<string, string>): void {
  const { TEMPORAL_TLS: tls } = env;
  if (tls !== undefined && !['true', 'false', '1', '0'].includes(tls))
    throw new Error(`TEMPORAL_TLS is ${JSON.stringify(tls)}: it must be "true" or "false"`);
  if (env.TEMPORAL_TLS_DISABLE_HOST_VERIFICATION !== undefined)
    throw new Error(
      "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION is not possible: name the server's CA in " +
        'TEMPORAL_TLS_SERVER_CA_CERT_PATH, or its name in TEMPORAL_TLS_SERVER_NAME',
    );
  const [cert, key] = ['CERT', 'KEY'].map((what) =>
    [`TEMPORAL_TLS_CLIENT_${what}_PATH`, `TEMPORAL_TLS_CLIENT_${what}_DATA`].find(
      (name) => env[name],
    ),
  );
  if (cert && !key)
    throw new Error(
      `${cert} is set without its key: set TEMPORAL_TLS_CLIENT_KEY_PATH or ` +
        'TEMPORAL_TLS_CLIENT_KEY_DATA',
    );
  if (key && !cert)
    throw new Error(
      `${key} is set without its certificate: set TEMPORAL_TLS_CLIENT_CERT_PATH or ` +
        'TEMPORAL_TLS_CLIENT_CERT_DATA',
    );
  for (const name of Object.keys(env).filter((one) => /^TEMPORAL_TLS_.+_PATH$/.test(one)))
    read(name, env[name]!);
}

/**
 * A file that is named must be there; an empty one, such as /dev/null, says that none is to be
 * read.
 */
function fileOf(
  env: Record<string, string>,
): Partial<Pick<LoadClientProfileOptions, 'disableFile' | 'configSource'>> {
  const { TEMPORAL_CONFIG_FILE: file } = env;
  if (file === undefined) return {};
  const data = read('TEMPORAL_CONFIG_FILE', file);
  return data.trim() === '' ? { disableFile: true } : { configSource: { data } };
}

function read(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(
      `${name} is ${JSON.stringify(file)}: it can't be read ` +
        `(${(error as NodeJS.ErrnoException).code})`,
    );
  }
}
