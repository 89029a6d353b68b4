import type { Hook } from '../traffic/receiver.ts';
import type { AnsweredCall } from '../traffic/response-times.ts';

/** What the good one does. `post` is the work; the others say whether it is served. */
export type What = 'post' | 'search' | 'read' | 'fresh key' | 'operator' | 'session' | 'sign-in';

/** What was seen while the good one worked, alone or beside the others. */
export class Phase {
  readonly name: string;
  /** The good one's calls. */
  readonly seen: AnsweredCall[] = [];
  /** Its messages: the event, and when the API had answered for it, in ms since 1970. */
  readonly answered = new Map<string, number>();
  /** Calls that it would have made, and did not because too many had no answer yet. */
  leftOut = 0;
  began = 0;
  ended = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** How long calls took, in ms, whatever they were answered. */
  times(what: What): number[] {
    return this.seen.filter(({ call }) => call.what === what).map(({ ms }) => ms);
  }

  /** From the answer to the endpoint's first call. Infinity: it was never called. */
  webhooks({ events }: Hook): number[] {
    return [...this.answered].map(([id, at]) =>
      Math.max(0, (events.get(id)?.cameAt[0] ?? Number.POSITIVE_INFINITY) - at),
    );
  }

  /**
   * From a refused call to the next one of the same event. @param refused those that the endpoint
   * refused once
   */
  retries({ events }: Hook, refused: ReadonlySet<string>): number[] {
    return [...this.answered.keys()]
      .filter((id) => refused.has(id))
      .map((id) => {
        const [first, second] = events.get(id)!.cameAt;
        return (second ?? Number.POSITIVE_INFINITY) - first!;
      });
  }

  /**
   * Calls with credentials that hold, and were refused for whose they are or how many there have
   * been.
   */
  refused(): string[] {
    return this.seen
      .filter(({ status }) => status !== null && [401, 403, 429].includes(status))
      .map(told);
  }

  /** Calls that had no answer, or one that serves nobody. */
  unserved(): string[] {
    const failed = this.seen
      .filter(
        ({ status }) => status === null || (status >= 400 && ![401, 403, 429].includes(status)),
      )
      .map(told);
    return this.leftOut > 0
      ? [...failed, `${this.leftOut} calls were not made: too many had no answer`]
      : failed;
  }
}

const told = ({ call: { what, method }, status, ms }: AnsweredCall) =>
  `${method} (${what}): ${status ?? 'no answer'} after ${(ms / 1000).toFixed(1)} s`;
