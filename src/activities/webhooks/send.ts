import { readFileSync } from 'node:fs';
import { type Dispatcher, request } from 'undici';
import type { DomainEvent } from '../../events/index.ts';
import { excerptOf } from './excerpt.ts';
import { type Failure, failureOf } from './failure.ts';
import { Names } from './names.ts';
import { signatureHeaders } from './sign.ts';
import { addressRule, guardedAgent, type Networks } from './ssrf.ts';
import { refuseUrl } from './url.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
) as { version: string };

/** One try: the answer, or why there was none. */
export interface HttpAttempt {
  status: number | null;
  /** Until the answer's headers, in ms. */
  latencyMs: number;
  failure: Failure | null;
  excerpt: string | null;
  /** The answer's Retry-After as it came … */
  retryAfter: string | null;
  /** … and its Date. */
  date?: string | null;
}

export interface WebhookRequest {
  url: string;
  /** `whsec_<base64>`. */
  secrets: string[];
  event: DomainEvent;
}

/** Sends a letter once. Never throws for what the other side does. */
export type Send = (letter: WebhookRequest, signal?: AbortSignal) => Promise<HttpAttempt>;

export interface SenderOptions extends Networks {
  /** How long one try may take, in ms. */
  timeoutMs: number;
  /** Who is asked for names, as `address` or `address:port`; none: the machine's servers. */
  nameServers?: string[];
}

/** How long a name may take to be looked up, in ms; half the try's time where that is less. */
const NAME_MS = 3000;

export function createSender(options: SenderOptions): Send {
  const { nameServers: servers, timeoutMs } = options;
  const isAllowed = addressRule(options);
  const names = new Names({ servers, timeoutMs: Math.min(NAME_MS, timeoutMs / 2) });
  const dispatcher = guardedAgent(isAllowed, names, timeoutMs);
  return async (letter, signal) => {
    const refusal = refuseUrl(letter.url, isAllowed);
    if (refusal)
      return unanswered(0, {
        cause: refusal.endsWith('address') ? 'address refused' : 'URL refused',
        detail: refusal,
        final: true,
      });
    const timeLimit = AbortSignal.timeout(options.timeoutMs);
    const started = performance.now();
    try {
      const stop = signal ? AbortSignal.any([signal, timeLimit]) : timeLimit;
      return await post(letter, dispatcher, stop, () => Math.round(performance.now() - started));
    } catch (error) {
      const failure = signal?.aborted
        ? {
            cause: 'interrupted',
            detail: 'the worker stopped while it waited for the answer',
            ours: true,
          }
        : failureOf(error, timeLimit, options.timeoutMs);
      return unanswered(Math.round(performance.now() - started), failure);
    }
  };
}

const unanswered = (latencyMs: number, failure: Failure): HttpAttempt => ({
  status: null,
  latencyMs,
  failure,
  excerpt: null,
  retryAfter: null,
});

async function post(
  { url, secrets, event }: WebhookRequest,
  dispatcher: Dispatcher,
  signal: AbortSignal,
  clock: () => number,
): Promise<HttpAttempt> {
  const body = JSON.stringify(event);
  const headers = {
    'content-type': 'application/json',
    'user-agent': `Knock-on/${version}`,
    ...signatureHeaders(secrets, event.id, new Date(), body),
  };
  const answer = await request(url, { dispatcher, method: 'POST', headers, body, signal });
  const latencyMs = clock();
  const header = (name: string) => [answer.headers[name]].flat()[0] ?? null;
  const [retryAfter, date] = [header('retry-after'), header('date')];
  return {
    status: answer.statusCode,
    latencyMs,
    failure: null,
    excerpt: await excerptOf(answer),
    retryAfter,
    date,
  };
}
