import { readFileSync } from 'node:fs';
import { type Dispatcher, request } from 'undici';
import { guardedAgent } from '../network/guarded-agent.ts';
import { Names } from '../network/names.ts';
import { addressRule, type Networks, refuseUrl } from '../network/ssrf.ts';
import { EXCERPT, excerptOf } from './excerpt.ts';
import { type Failure, failureOf, type HttpAttempt, withoutResponse } from './http-attempt.ts';
import { signatureHeaders } from './sign.ts';
import { readWhole, type WholeBody } from './whole-body.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
) as { version: string };

export interface SignedRequest {
  url: string;
  /** `whsec_<base64>`. */
  secrets: string[];
  /** The same for every attempt: `webhook-id`. */
  id: string;
  /** JSON. */
  body: string;
  /** Longest attempt, in ms (default: the sender's). */
  timeoutMs?: number;
  /** Bytes of a 2xx response's body that are read, and unpacked; default: its beginning. */
  reads?: number;
}

/** Sends a request once. Never throws for what the receiver or the network does. */
export type Send = (request: SignedRequest, signal?: AbortSignal) => Promise<HttpAttempt>;

export interface SenderOptions extends Networks {
  /** Longest attempt, in ms. */
  timeoutMs: number;
  /** Name servers, as `address` or `address:port`; none: the machine's. */
  nameServers?: string[];
}

/** Longest name lookup, in ms; half of the attempt's time if that is less. */
const NAME_MS = 3000;

const interrupted: Failure = {
  cause: 'interrupted',
  detail: 'the worker stopped while it waited for the answer',
  ours: true,
};

const outOfTime: Failure = {
  cause: 'timeout',
  detail: "its call's time limit was over before the answer came",
  ours: true,
};

/** Why a request was broken off that its caller waits for no more. */
const breakOf = ({ reason }: AbortSignal): Failure =>
  reason instanceof Error && reason.name === 'CallTimeout' ? outOfTime : interrupted;

/** Makes the function that sends signed requests; its connections and names are its own. */
export function createSender(options: SenderOptions): Send {
  const { nameServers: servers, timeoutMs: usualMs } = options;
  const isAllowed = addressRule(options);
  const names = new Names({ servers, timeoutMs: Math.min(NAME_MS, usualMs / 2) });
  const dispatcher = guardedAgent(isAllowed, names, usualMs);
  return async (asked, signal) => {
    const refusal = refuseUrl(asked.url, isAllowed);
    if (refusal) {
      const cause = refusal.endsWith('address') ? 'address refused' : 'URL refused';
      return withoutResponse(0, { cause, detail: refusal, final: true });
    }
    const { timeoutMs = usualMs } = asked;
    const timeLimit = AbortSignal.timeout(timeoutMs);
    const stop = signal ? AbortSignal.any([signal, timeLimit]) : timeLimit;
    const started = performance.now();
    const elapsedMs = () => Math.round(performance.now() - started);
    try {
      return await post(asked, dispatcher, stop, elapsedMs);
    } catch (error) {
      const failure = signal?.aborted ? breakOf(signal) : failureOf(error, timeLimit, timeoutMs);
      return withoutResponse(elapsedMs(), failure);
    }
  };
}

async function post(
  { url, secrets, id, body, reads }: SignedRequest,
  dispatcher: Dispatcher,
  signal: AbortSignal,
  elapsedMs: () => number,
): Promise<HttpAttempt> {
  const headers = {
    'content-type': 'application/json',
    'user-agent': `Knock-on/${version}`,
    ...signatureHeaders(secrets, id, new Date(), body),
  };
  const response = await request(url, { dispatcher, method: 'POST', headers, body, signal });
  const latencyMs = elapsedMs();
  const header = (name: string) => [response.headers[name]].flat()[0] ?? null;
  const { statusCode: status } = response;
  const isRead = reads !== undefined && status >= 200 && status < 300;
  const whole = isRead ? await readWhole(response, reads) : undefined;
  return {
    status,
    latencyMs,
    failure: null,
    retryAfter: header('retry-after'),
    date: header('date'),
    excerpt: whole === undefined ? await excerptOf(response) : beginningOf(whole),
    ...(whole !== undefined && { body: whole }),
  };
}

const beginningOf = (whole: WholeBody): string | null =>
  ('text' in whole && whole.text.slice(0, EXCERPT).replaceAll('\0', '')) || null;
