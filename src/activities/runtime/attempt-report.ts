import type { EffectCall } from '../../transport/dispatch.ts';
import type { Open } from './outcomes.ts';

/** An attempt that is not done, as it is told: to the worker's log. It names nobody. */
export interface AttemptReport {
  subscriber: string;
  dispatch: string;
  /** Set where the attempt was one event's, with the target it was for. */
  event?: string;
  target?: string;
  /** How many events were tried together, where it was a group. */
  events?: number;
  /** Who was asked, as `host:port`. */
  host?: string;
  /**
   * `retry`: it is tried again; `dead`: it is given up; `failed`: the effect threw; `put off`: it
   * could not be made, and used up no try.
   */
  state: 'retry' | 'dead' | 'failed' | 'put off';
  cause: string;
  /** Which try it was, from 1. */
  attempt: number;
  ms: number;
  /** What the effect threw. */
  err?: unknown;
}

/** Told of each attempt that is not done. */
export type TellAttempt = (report: AttemptReport) => void;

/** Characters of a cause that are told. */
const CAUSE = 200;

type Known = 'subscriber' | 'dispatch' | 'attempt' | 'ms';

/** Tells of one call's attempts. */
export class CallReport {
  readonly #call: EffectCall;
  readonly #attempt: number;
  readonly #tell: TellAttempt | undefined;
  readonly #began = performance.now();

  constructor(call: EffectCall, { attempt = 1, tell }: { attempt?: number; tell?: TellAttempt }) {
    this.#call = call;
    this.#attempt = Math.max(attempt, (call.tried ?? 0) + 1);
    this.#tell = tell;
  }

  tell(what: Omit<AttemptReport, Known> & Partial<AttemptReport>): void {
    const { subscriber, dispatch_id: dispatch } = this.#call;
    this.#tell?.({
      subscriber,
      dispatch,
      attempt: this.#attempt,
      ms: Math.round(performance.now() - this.#began),
      ...what,
    });
  }

  /** Those outcomes that merely wait are no attempts. */
  outcomes(open: Open[]): void {
    for (const outcome of open) {
      if (outcome.state === 'later') continue;
      const { event_id: event, target, state, short = outcome.reason, host, ms } = outcome;
      const cause = (outcome.cause ?? short).slice(0, CAUSE);
      this.tell({
        event,
        state,
        cause,
        ...(target !== undefined && { target }),
        ...(host && { host }),
        ...(ms !== undefined && { ms }),
      });
    }
  }

  /** The call as a whole. */
  whole(state: 'failed' | 'put off', cause: string, err: unknown, event?: string): void {
    const { events, target } = this.#call;
    const group = 'ids' in events ? events.ids.length : events.limit;
    const which =
      event === undefined ? { events: group } : { event, ...(target !== undefined && { target }) };
    this.tell({ state, cause, err, ...which });
  }
}
