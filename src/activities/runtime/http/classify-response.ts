import type { HttpAttempt } from './http-attempt.ts';
import { retryAfterMs } from './retry-after.ts';

/** What an attempt means for its delivery. */
export type ResponseClass =
  | { state: 'delivered' }
  /** `after_ms`: the endpoint asks for no request before. */
  | ({ state: 'retry'; after_ms?: number } & Why)
  | ({ state: 'dead' | 'gone' } & Why);

/** Only `reason` has the endpoint's own words. The rest may stand in Temporal's histories. */
interface Why {
  cause: string;
  reason: string;
  short: string;
  host: string;
}

/**
 * Decides by the status. `what` is told to people: what was sent.
 *
 * - 2xx: delivered.
 * - 410: gone. The receiver wants nothing more, ever.
 * - 429 and 503: retried when the endpoint says, within a day.
 * - Everything else: retried. Redirects are not followed.
 *
 * Without a response the failure decides: dead if it is final, else retried.
 */
export function classifyResponse(attempt: HttpAttempt, url: string, what: string): ResponseClass {
  const host = URL.canParse(url) ? new URL(url).host : url;
  const { status, failure } = attempt;
  if (failure || status === null) {
    const { cause, detail, final } = failure ?? { cause: 'no answer', detail: '' };
    const short = `${host} could not be given ${what}: ${cause}`;
    return { state: final ? 'dead' : 'retry', cause, reason: `${short} (${detail})`, short, host };
  }
  if (status >= 200 && status < 300) return { state: 'delivered' };
  const isRedirect = status >= 300 && status < 400;
  const note = isRedirect ? ' (redirects are not followed)' : '';
  const short = `${host} answered ${status} to ${what}${note}`;
  const why = { cause: `HTTP ${status}`, reason: `${short}${quote(attempt)}`, short, host };
  if (status === 410) return { state: 'gone', ...why };
  const after_ms = mayAskToWait(status) ? retryAfterMs(attempt) : undefined;
  return { state: 'retry', ...why, after_ms };
}

/** Whether Retry-After of such an answer is kept to. */
export const mayAskToWait = (status: number | null): boolean => status === 429 || status === 503;

/** The beginning of the answer's body, for reasons. */
export function quote({ excerpt }: HttpAttempt): string {
  const body = excerpt?.replace(/\s+/g, ' ').trim();
  return body ? `: ${Array.from(body).slice(0, 200).join('')}` : '';
}
