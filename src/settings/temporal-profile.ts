import { readFileSync } from 'node:fs';
import {
  type ClientConnectConfig,
  type LoadClientProfileOptions,
  loadClientConfig,
  loadClientConfigProfile,
  toClientOptions,
} from '@temporalio/envconfig';
import {
  checkPair,
  checkSent,
  checkTls,
  checkTypes,
  isAddress,
  named,
} from './temporal-members.ts';

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
  const { profile, config } = load(env);
  const { namespace, connectionOptions } = config;
  const { address, apiKey, tls, metadata } = connectionOptions;
  if (address !== undefined && !isAddress(address))
    throw new Error(
      `${named(env, 'TEMPORAL_ADDRESS')} is ${JSON.stringify(address)}: ` +
        'it must be host:port such as localhost:7233',
    );
  checkPair(profile, env);
  checkSent(config, env);
  if (tls && typeof tls === 'object') checkTls(tls, env);
  return { address, namespace, apiKey, tls, metadata };
}

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
    if (profiles[chosen]) checkTypes(profiles[chosen], env);
    const profile = loadClientConfigProfile(strict);
    return { profile, config: toClientOptions(profile) };
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
