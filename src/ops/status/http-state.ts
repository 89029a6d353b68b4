import type { Registration } from '../../outbox/subscribers.ts';

/** What an HTTP subscriber has of its own. */
export interface HttpState {
  url: string;
  ordering: 'none' | 'key' | 'exclusive';
  /** Most events a request. */
  batch: number;
  /** Longest time of a request, such as `30s`. */
  timeout: string;
  attempts: number;
  /** Null: each event is for itself. */
  debounce: { by: 'key'; wait: string; most: string } | null;
  changed_at: string;
  /** Set while it fails: one request at a time tries whether it works again. */
  failing_since: string | null;
  /** Why the last request failed. */
  failing_cause: string | null;
  /** Set while it fails, or has asked for a rest. */
  next_try_at: string | null;
  /** Until then the secret before its own signs too. */
  previous_until: string | null;
}

/** What is read of an HTTP subscriber. */
export interface HttpRow {
  /** Null: it is no HTTP service. */
  url: string | null;
  ordering: HttpState['ordering'];
  batch: number;
  request_ms: number | null;
  attempts: number;
  debounce: Registration['debounce'] | null;
  changed_at: Date | null;
  failing_since: Date | null;
  failing_cause: string | null;
  next_try_at: Date | null;
  previous_until: Date | null;
}

/** @returns null where it is no HTTP service */
export function httpOf(row: HttpRow): HttpState | null {
  if (row.url === null) return null;
  const { url, ordering, batch, attempts, debounce, failing_cause } = row;
  const at = (moment: Date | null) => moment?.toISOString() ?? null;
  return {
    url,
    ordering,
    batch,
    timeout: durationOf(row.request_ms ?? 0),
    attempts,
    debounce: debounce
      ? { by: 'key', wait: durationOf(debounce.wait_ms), most: durationOf(debounce.most_ms) }
      : null,
    changed_at: at(row.changed_at) ?? '',
    failing_since: at(row.failing_since),
    failing_cause,
    next_try_at: at(row.next_try_at),
    previous_until: at(row.previous_until),
  };
}

const durationOf = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);
