import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { ClientConfigProfile, ClientConnectConfig } from '@temporalio/envconfig';

type Env = Record<string, string>;

/** The variable that is set, else the profile's member that the first one stands before. */
export function named(env: Env, ...names: [string, ...string[]]): string {
  const [, path] = /^TEMPORAL_(.+?)(?:_PATH)?$/.exec(names[0])!;
  const member = path!.toLowerCase().replace(/^tls_/, 'tls.');
  return names.find((name) => env[name]) ?? inProfile(env, member);
}

const inProfile = ({ TEMPORAL_PROFILE: chosen = 'default' }: Env, member: string) =>
  `${member} of profile.${chosen}`;

/**
 * Refuses members of a profile that are of another type: Temporal's client would fail on each call.
 *
 * @throws naming the member
 */
export function checkTypes(profile: ClientConfigProfile, env: Env): void {
  const { address, namespace, apiKey: api_key, tls = {}, grpcMeta = {} } = profile;
  const { serverName, clientCert, clientKey, serverCACert } = tls;
  const texts = {
    address,
    namespace,
    api_key,
    'tls.server_name': serverName,
    'tls.client_cert_path': pathOf(clientCert),
    'tls.client_key_path': pathOf(clientKey),
    'tls.server_ca_cert_path': pathOf(serverCACert),
    ...Object.fromEntries(
      Object.entries(grpcMeta).map(([key, value]) => [`grpc_meta.${key}`, value]),
    ),
  };
  for (const [member, value] of Object.entries<unknown>(texts))
    if (value !== undefined && typeof value !== 'string')
      throw new Error(`${inProfile(env, member)} must be a text in quotes`);
  if (tls.disabled !== undefined && typeof tls.disabled !== 'boolean')
    throw new Error(`${inProfile(env, 'tls.disabled')} must be true or false`);
}

const pathOf = (source: object | undefined): unknown =>
  source && 'path' in source ? source.path : undefined;

/**
 * Refuses what can't be sent in a header: each call would fail, or wait for ever.
 *
 * @throws naming the variable or the member. What it is is not shown: it may be a key
 */
export function checkSent(
  { namespace, connectionOptions: { apiKey, metadata = {} } }: ClientConnectConfig,
  env: Env,
): void {
  if (namespace !== undefined) refuseUnsent(named(env, 'TEMPORAL_NAMESPACE'), namespace);
  if (apiKey !== undefined) refuseUnsent(named(env, 'TEMPORAL_API_KEY'), apiKey);
  for (const [key, value] of Object.entries(metadata)) {
    const variable = Object.keys(env).find((name) => headerOf(name) === key);
    const name = variable ?? inProfile(env, `grpc_meta.${key}`);
    if (!/^[a-z0-9_.-]+$/.test(key) || key.endsWith('-bin'))
      throw new Error(
        `${name} is no header: its name must be of a-z, 0-9, _, . and -, and not end with -bin`,
      );
    refuseUnsent(name, String(value));
  }
}

/** The header that a variable sets, as envconfig spells it. */
function headerOf(variable: string): string | undefined {
  const [, name] = /^TEMPORAL_GRPC_META_(.+)$/.exec(variable) ?? [];
  return name?.toLowerCase().replace('_', '-');
}

function refuseUnsent(name: string, value: string): void {
  if (/^[!-~]([ -~]*[!-~])?$/.test(value)) return;
  const must = 'must be printable ASCII without line ends, and without blanks around it';
  const isOfFile = /^[!-~]([ -~]*[!-~])?\r?\n$/.test(value);
  throw new Error(`${name} ${must}${isOfFile ? ': it ends with a line end, as files do' : ''}`);
}

/** Whether it is `host:port`, with one host. */
export function isAddress(address: string): boolean {
  const [, six, name, port] = /^(?:\[(.+)\]|([\w.-]+)):(\d{1,5})$/.exec(address) ?? [];
  const isHost = name !== undefined || isIPv6(six ?? '');
  return isHost && Number(port) >= 1 && Number(port) <= 65_535;
}

/** @throws where a client's certificate or its key is alone: envconfig leaves both out then */
export function checkPair({ tls: { clientCert, clientKey } = {} }: ClientConfigProfile, env: Env) {
  if (Boolean(clientCert) === Boolean(clientKey)) return;
  const [there, lacks, what] = clientCert
    ? (['CERT', 'KEY', 'its key'] as const)
    : (['KEY', 'CERT', 'its certificate'] as const);
  const [path, data] = pem(`CLIENT_${lacks}`);
  const name = named(env, ...pem(`CLIENT_${there}`));
  throw new Error(`${name} is set without ${what}: set ${path} or ${data}`);
}

const pem = (what: string): [string, string] => [
  `TEMPORAL_TLS_${what}_PATH`,
  `TEMPORAL_TLS_${what}_DATA`,
];

type Tls = Exclude<ClientConnectConfig['connectionOptions']['tls'], boolean | null | undefined>;

/** Temporal's client would tell of these when it connects, without the variable. */
export function checkTls(tls: Tls, env: Env): void {
  const { clientCertPair: pair, serverRootCACertificate: ca, serverNameOverride: server } = tls;
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
    refuse(['TEMPORAL_TLS_SERVER_NAME'], `a host name; it is ${JSON.stringify(server)}`);
}

const certificateIn = (text: Uint8Array) =>
  Buffer.from(text).includes('-----BEGIN CERTIFICATE-----')
    ? orUndefined(() => new X509Certificate(text))
    : undefined;
const keyIn = (text: Uint8Array) => orUndefined(() => createPrivateKey(Buffer.from(text)));

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
