import { isError } from '../safe-error.ts';
import type { Config } from '../settings/config.ts';
import { CODE, codeOf } from '../transport/temporal/grpc.ts';

const NO_ANSWER = (server: string) =>
  `${server} does not answer (a deployment without Temporal has KNOCKON_TRANSPORT=pg-boss)`;

/** What the SDK's native part says, which has no code, and what that means. */
const said: [pattern: RegExp, means: (server: string) => string][] = [
  [
    /InvalidContentType/,
    (server) => `${server} speaks no TLS: see TEMPORAL_TLS, or correct TEMPORAL_ADDRESS`,
  ],
  [
    /InvalidCertificate|UnknownIssuer|AlertReceived/,
    (server) =>
      `this process and ${server} reject each other's certificate: see the settings TEMPORAL_TLS_…`,
  ],
  [
    /valid authentication credentials|not have permission/,
    (server) => `${server} refuses this key: see TEMPORAL_API_KEY and TEMPORAL_NAMESPACE`,
  ],
  [
    /tcp connect error|dns error|ConnectionRefused|timed? ?out|currently unavailable|Deadline/i,
    NO_ANSWER,
  ],
];

/** What is the matter where a worker can't connect to Temporal, for the log. */
export function temporalTrouble(error: unknown, { temporal }: Pick<Config, 'temporal'>): string {
  const { address, namespace, tls } = temporal;
  const server = `Temporal at ${address}`;
  const code = codeOf(error);
  if (code === CODE.notFound)
    return `${server} has no namespace "${namespace}": ` + 'make it, or correct TEMPORAL_NAMESPACE';
  const isAway = code === CODE.unavailable || code === CODE.deadlineExceeded;
  const text = isError(error) ? error.message : '';
  const means = isAway ? NO_ANSWER : said.find(([pattern]) => pattern.test(text))?.[1];
  if (means) return means(server);
  return !tls && /hyper::Error/.test(text)
    ? `${server} closes the connection: it may need TLS, see TEMPORAL_TLS`
    : `${server} answers with an error`;
}

/** An error of our own, such as an option of a wrong type, does not pass by itself. */
export const mayPass = (error: unknown): boolean => !(error instanceof TypeError);
