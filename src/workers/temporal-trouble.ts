import { isError } from '../safe-error.ts';
import type { Config } from '../settings/config.ts';
import { CODE, codeOf } from '../transport/temporal/grpc.ts';

const NO_ANSWER = 'does not answer (a deployment without Temporal has KNOCKON_TRANSPORT=pg-boss)';

/** What the SDK's native part says, which has no code, and what that means. */
const said: [pattern: RegExp, means: string][] = [
  [/InvalidContentType/, 'speaks no TLS: see TEMPORAL_TLS, or correct TEMPORAL_ADDRESS'],
  [
    /InvalidCertificate|UnknownIssuer|AlertReceived/,
    'and this process do not take the certificates of each other: see the settings TEMPORAL_TLS_…',
  ],
  [
    /valid authentication credentials|not have permission/,
    'refuses this key: see TEMPORAL_API_KEY and TEMPORAL_NAMESPACE',
  ],
  [
    /tcp connect error|dns error|ConnectionRefused|timed? ?out|currently unavailable|Deadline/i,
    NO_ANSWER,
  ],
];

/** What is the matter where a worker can't connect to Temporal, for the log. */
export function temporalTrouble(error: unknown, { temporal }: Pick<Config, 'temporal'>): string {
  const { address, namespace, tls } = temporal;
  const code = codeOf(error);
  if (code === CODE.notFound)
    return (
      `Temporal at ${address} has no namespace "${namespace}": ` +
      'make it, or correct TEMPORAL_NAMESPACE'
    );
  const isAway = code === CODE.unavailable || code === CODE.deadlineExceeded;
  const text = isError(error) ? error.message : '';
  const means = isAway ? NO_ANSWER : said.find(([pattern]) => pattern.test(text))?.[1];
  if (means !== undefined) return `Temporal at ${address} ${means}`;
  return !tls && /hyper::Error/.test(text)
    ? `Temporal at ${address} closes the connection: it may need TLS, see TEMPORAL_TLS`
    : `Temporal at ${address} answers with an error`;
}

/** An error of our own, such as an option of a wrong type, does not pass by itself. */
export const mayPass = (error: unknown): boolean => !(error instanceof TypeError);
