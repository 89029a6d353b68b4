import { askedWait } from './retry-after.ts';
import type { HttpAttempt } from './send.ts';

/** What a try means for its delivery. */
export type ResponseClass =
  | { state: 'delivered' }
  /** `after_ms`: the endpoint asks for no request before. */
  | ({ state: 'retry'; after_ms?: number } & Why)
  | ({ state: 'dead' | 'gone' } & Why);

/** What the endpoint itself has said is in the reason, and in nothing that goes into histories. */
interface Why {
  cause: string;
  reason: string;
  short: string;
  host: string;
}

/**
 * 2xx is delivered. 410 is gone: the receiver says that it wants no more, ever. Whatever else it
 * answers may be mended, so it is tried again; at 429 and 503 when the endpoint says, up to a day.
 * Redirects are not followed and count as a failure.
 */
export function classifyResponse(
  attempt: HttpAttempt,
  url: string,
  eventType: string,
): ResponseClass {
  const host = URL.canParse(url) ? new URL(url).host : url;
  const { status, failure } = attempt;
  if (failure || status === null) {
    const { cause, detail, final } = failure ?? { cause: 'no answer', detail: '' };
    const short = `${host} could not be given ${eventType}: ${cause}`;
    return { state: final ? 'dead' : 'retry', cause, reason: `${short} (${detail})`, short, host };
  }
  if (status >= 200 && status < 300) return { state: 'delivered' };
  const cause = `HTTP ${status}`;
  const isRedirect = status >= 300 && status < 400;
  const short = `${host} answered ${status} to ${eventType}${isRedirect ? ' (redirects are not followed)' : ''}`;
  const why = { cause, reason: `${short}${said(attempt)}`, short, host };
  if (status === 410) return { state: 'gone', ...why };
  return {
    state: 'retry',
    ...why,
    after_ms: status === 429 || status === 503 ? askedWait(attempt) : undefined,
  };
}

function said({ excerpt }: HttpAttempt): string {
  const said = excerpt?.replace(/\s+/g, ' ').trim();
  return said ? `: ${Array.from(said).slice(0, 200).join('')}` : '';
}
