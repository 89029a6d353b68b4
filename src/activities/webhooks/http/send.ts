import { readFileSync } from 'node:fs';
import { type Dispatcher, request } from 'undici';
import type { DomainEvent } from '../../../events/index.ts';
import { Names } from '../network/names.ts';
import { addressRule, guardedAgent, type Networks, refuseUrl } from '../network/ssrf.ts';
import { excerptOf } from './excerpt.ts';
import { type Failure, failureOf, type HttpAttempt, withoutResponse } from './http-attempt.ts';
import { signatureHeaders } from './sign.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
) as { version: string };

export interface WebhookRequest {
  url: string;
  /** `whsec_<base64>`. */
  secrets: string[];
  event: DomainEvent;
}

/** Sends a request once. Never throws for what the endpoint or the network does. */
export type Send = (request: WebhookRequest, signal?: AbortSignal) => Promise<HttpAttempt>;

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

/** Makes the function that sends webhooks, with connections and remembered names of its own. */
export function createSender(options: SenderOptions): Send {
  const { nameServers: servers, timeoutMs } = options;
  const isAllowed = addressRule(options);
  const names = new Names({ servers, timeoutMs: Math.min(NAME_MS, timeoutMs / 2) });
  const dispatcher = guardedAgent(isAllowed, names, timeoutMs);
  return async (webhook, signal) => {
    const refusal = refuseUrl(webhook.url, isAllowed);
    if (refusal) {
      const cause = refusal.endsWith('address') ? 'address refused' : 'URL refused';
      return withoutResponse(0, { cause, detail: refusal, final: true });
    }
    const timeLimit = AbortSignal.timeout(timeoutMs);
    const stop = signal ? AbortSignal.any([signal, timeLimit]) : timeLimit;
    const started = performance.now();
    const elapsedMs = () => Math.round(performance.now() - started);
    try {
      return await post(webhook, dispatcher, stop, elapsedMs);
    } catch (error) {
      const failure = signal?.aborted ? interrupted : failureOf(error, timeLimit, timeoutMs);
      return withoutResponse(elapsedMs(), failure);
    }
  };
}

async function post(
  { url, secrets, event }: WebhookRequest,
  dispatcher: Dispatcher,
  signal: AbortSignal,
  elapsedMs: () => number,
): Promise<HttpAttempt> {
  const body = JSON.stringify(event);
  const headers = {
    'content-type': 'application/json',
    'user-agent': `Knock-on/${version}`,
    ...signatureHeaders(secrets, event.id, new Date(), body),
  };
  const response = await request(url, { dispatcher, method: 'POST', headers, body, signal });
  const latencyMs = elapsedMs();
  const header = (name: string) => [response.headers[name]].flat()[0] ?? null;
  return {
    status: response.statusCode,
    latencyMs,
    failure: null,
    retryAfter: header('retry-after'),
    date: header('date'),
    excerpt: await excerptOf(response),
  };
}
