import type { Logger } from 'pino';
import type { DeadLetters } from '../../transport/dispatch.ts';

/** Lines of one kind in a window, and how long that is, in ms. */
const MOST = 20;
const WINDOW = 10_000;
/** Causes that are told of what was left out. */
const CAUSES = 10;

interface Window {
  lines: number;
  leftOut: number;
  causes: Map<string, number>;
  timer: NodeJS.Timeout;
  close(): void;
}

/** Tells of dead letters that are written. */
export const tellingLetters =
  (sparing: LimitedLog) =>
  ({ subscriber, dispatch_id: dispatch, letters }: DeadLetters): void => {
    for (const { cause, target, events } of letters) {
      const [event, ...others] = 'ids' in events ? events.ids : [];
      const which =
        event !== undefined && others.length === 0
          ? { event }
          : { events: 'ids' in events ? events.ids.length : events.limit };
      sparing.warn(
        { subscriber },
        { dispatch, ...which, ...(target !== undefined && { target }), cause },
        'a dead letter: it was given up',
      );
    }
  };

/**
 * A log for what may come a thousand times a second: of each kind the first lines are written, and
 * of the others their number and causes.
 */
export class LimitedLog {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #windowMs: number;
  readonly #windows = new Map<string, Window>();

  constructor(log: Pick<Logger, 'warn'>, windowMs = WINDOW) {
    this.#log = log;
    this.#windowMs = windowMs;
  }

  /**
   * @param kind whose lines share a window: such as a subscriber; not so many that they grow
   * without bound
   */
  warn(
    kind: { [key: string]: string },
    what: { cause?: string; [key: string]: unknown },
    message: string,
  ): void {
    const key = `${message} ${Object.values(kind).join(' ')}`;
    const window = this.#windows.get(key) ?? this.#open(key, kind, message);
    window.lines += 1;
    if (window.lines <= MOST) {
      this.#log.warn({ ...kind, ...what }, message);
      return;
    }
    window.leftOut += 1;
    const cause = what.cause ?? 'unknown';
    if (window.causes.has(cause) || window.causes.size < CAUSES)
      window.causes.set(cause, (window.causes.get(cause) ?? 0) + 1);
  }

  /** Tells what was left out until now. */
  close(): void {
    for (const window of this.#windows.values()) window.close();
  }

  #open(key: string, kind: object, message: string): Window {
    const close = () => {
      clearTimeout(window.timer);
      this.#windows.delete(key);
      const { leftOut, causes } = window;
      if (leftOut > 0)
        this.#log.warn(
          { ...kind, left_out: leftOut, causes: Object.fromEntries(causes) },
          `${message}: lines were left out`,
        );
    };
    const window: Window = {
      lines: 0,
      leftOut: 0,
      causes: new Map(),
      timer: setTimeout(close, this.#windowMs).unref(),
      close,
    };
    this.#windows.set(key, window);
    return window;
  }
}
