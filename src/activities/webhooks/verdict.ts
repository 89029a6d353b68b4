import type { Attempt } from './send.ts';

/** What a try means for its delivery. */
export type Verdict = { state: 'delivered' } | { state: 'retry' | 'dead'; cause: string; reason: string; after_ms?: number };

/** Longest wait that an endpoint may ask for. */
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * 2xx is delivered. 410 is dead: the receiver says that it wants no more. Whatever else it answers may be mended, so it is
 * tried again; at 429 and 503 when the endpoint says, up to a day. Redirects are not followed and count as a failure.
 */
export function judge(attempt: Attempt, url: string, eventType: string): Verdict {
  const host = URL.canParse(url) ? new URL(url).host : url;
  const { status, failure } = attempt;
  if (failure || status === null) {
    const { cause, detail, final } = failure ?? { cause: 'no answer', detail: '' };
    return { state: final ? 'dead' : 'retry', cause, reason: `${host} could not be given ${eventType}: ${cause} (${detail})` };
  }
  if (status >= 200 && status < 300) return { state: 'delivered' };
  const cause = `HTTP ${status}`;
  const reason = `${host} answered ${status} to ${eventType}${remark(attempt)}`;
  if (status === 410) return { state: 'dead', cause, reason };
  return { state: 'retry', cause, reason, after_ms: status === 429 || status === 503 ? wait(attempt.retryAfter) : undefined };
}

function remark({ status, excerpt }: Attempt): string {
  if (status !== null && status >= 300 && status < 400) return ' (redirects are not followed)';
  const said = excerpt?.replace(/\s+/g, ' ').trim();
  return said ? `: ${Array.from(said).slice(0, 200).join('')}` : '';
}

/** Retry-After as seconds or as a date, in ms from now; undefined where there is none that can be read. */
export function wait(retryAfter: string | null, now = Date.now()): number | undefined {
  if (retryAfter === null) return undefined;
  const text = retryAfter.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), DAY_MS);
}
