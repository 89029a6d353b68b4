import { readFileSync } from 'node:fs';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';

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
  const { namespace, connectionOptions } = loadClientConnectConfig({
    overrideEnvVars: env,
    ...fileOf(env),
  });
  const { address, apiKey, tls, metadata } = connectionOptions;
  if (address !== undefined && !/^[^/]+:\d{1,5}$/.test(address))
    throw new Error(
      `TEMPORAL_ADDRESS${env.TEMPORAL_ADDRESS ? '' : ' of the profile'} is ` +
        `${JSON.stringify(address)}: it must be host:port such as localhost:7233`,
    );
  return { address, namespace, apiKey, tls, metadata };
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
function fileOf(env: Record<string, string>) {
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
