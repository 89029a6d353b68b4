/**
 * The types of failures that a call of an effect ends with; part of the wire, as
 * `ApplicationFailure.type` under Temporal.
 *
 * - `retry`: it may pass later. The transport repeats the call as it is.
 * - `poison`: the effect threw. A group is halved.
 * - `unknownDispatch`: the worker's database does not know the dispatch. The worker did nothing,
 *   and the call uses up no try.
 */
export const FAILURE = {
  retry: 'EffectRetry',
  poison: 'EffectPoison',
  unknownDispatch: 'UnknownDispatchError',
} as const;

export type FailureType = (typeof FAILURE)[keyof typeof FAILURE];

/** Thrown by a call of an effect that failed as a whole. Its texts may stand in histories. */
export class CallFailure extends Error {
  override name = 'CallFailure';
  readonly type: FailureType;
  /** A short cause that groups alike failures; default: the message. */
  readonly shortCause: string;
  /** How long the other side asked to wait, in ms. */
  readonly afterMs: number | undefined;

  /** @param options.cause what the effect threw, without anybody's texts and addresses */
  constructor(
    type: FailureType,
    message: string,
    options: { shortCause?: string; afterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.type = type;
    this.shortCause = options.shortCause ?? message;
    this.afterMs = options.afterMs;
  }
}

/** Whether a call failed because its dispatch is not in the worker's database. */
export const isUnknownDispatch = (error: unknown): boolean =>
  error instanceof CallFailure && error.type === FAILURE.unknownDispatch;
