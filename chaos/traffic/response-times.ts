import type { Call } from './client.ts';

/** One call, and what has become of it. */
export interface AnsweredCall {
  call: Call;
  /** When it began, in ms since 1970. */
  at: number;
  /** Until its answer was read, or it was given up. */
  ms: number;
  /** Null: none came. */
  status: number | null;
  hasRetryAfter: boolean;
}

/** Longest until a request is answered, in ms, whatever happens to whom. */
export const LATE_MS = 15_000;

/** Whether requests are answered in time, and refused as they are to be. */
export class ResponseTimes {
  count = 0;
  slowestMs = 0;
  /** Calls that were answered late, or not at all. */
  readonly late: string[] = [];
  /** Refusals for want of something of ours that are no 503, or don't say when to come again. */
  readonly rude: string[] = [];

  readonly see = ({ call, at, ms, status, hasRetryAfter }: AnsweredCall): void => {
    this.count += 1;
    this.slowestMs = Math.max(this.slowestMs, ms);
    const what = `${call.method} ${bare(call.path)}, ${new Date(at).toISOString().slice(11, 19)}Z`;
    if (status === null) this.late.push(`${what}: no answer in ${seconds(ms)}`);
    else if (ms > LATE_MS) this.late.push(`${what}: answered ${status} after ${seconds(ms)}`);
    if (status !== null && status >= 500 && !(status === 503 && hasRetryAfter))
      this.rude.push(`${what}: answered ${status}${hasRetryAfter ? '' : ' without Retry-After'}`);
  };
}

/** Without ids and query, so that the same calls look the same. */
const bare = (path: string) =>
  path.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID').replace(/\?.*/, '');

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
