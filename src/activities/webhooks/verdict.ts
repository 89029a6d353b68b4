import { askedWait } from './retry-after.ts';
import type { Attempt } from './send.ts';

/** What a try means for its delivery. */
export type Verdict =
  | { state: 'delivered' }
  /** `after_ms`: the endpoint asks for no request before. */
  | { state: 'retry'; cause: string; reason: string; after_ms?: number }
  | { state: 'dead' | 'gone'; cause: string; reason: string };

/**
 * 2xx is delivered. 410 is gone: the receiver says that it wants no more, ever. Whatever else it answers may be mended, so it is
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
  if (status === 410) return { state: 'gone', cause, reason };
  return { state: 'retry', cause, reason, after_ms: status === 429 || status === 503 ? askedWait(attempt) : undefined };
}

function remark({ status, excerpt }: Attempt): string {
  if (status !== null && status >= 300 && status < 400) return ' (redirects are not followed)';
  const said = excerpt?.replace(/\s+/g, ' ').trim();
  return said ? `: ${Array.from(said).slice(0, 200).join('')}` : '';
}
