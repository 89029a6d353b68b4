import { isCancellation } from '@temporalio/workflow';
import type { EffectAnswer, OpenOutcome } from '../transport/dispatch.ts';
import type { PendingCall } from '../transport/retry/next-steps.ts';
import type { Leg } from './leg.ts';

/** Most targets a call. A target that hangs keeps the others of its call waiting. */
const A_CALL = 32;

/** A call for several targets failed as a whole: each of them must be called alone. */
export class MergedCallError extends Error {
  override name = 'MergedCallError';
}

type TargetCall = PendingCall & { target: string };

interface Waiting {
  call: TargetCall;
  answered(answer: EffectAnswer | undefined): void;
  failed(error: unknown): void;
}

/**
 * The calls for the targets of one leg. Targets of an event that are due at the same moment share a
 * call: where three hundred endpoints fail, a round of tries costs ten calls.
 */
export class TargetCalls {
  readonly #leg: Leg;
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(leg: Leg) {
    this.#leg = leg;
  }

  /**
   * Calls the effect for one target of an event.
   *
   * @returns the answer for this target; undefined: the run ended before the call was made
   * @throws MergedCallError where a call for several failed; else the failure of the call
   */
  async call(eventId: string, call: TargetCall): Promise<EffectAnswer | undefined> {
    return await new Promise((answered, failed) => {
      const others = this.#waiting.get(eventId);
      if (others) others.push({ call, answered, failed });
      else {
        this.#waiting.set(eventId, [{ call, answered, failed }]);
        void this.#callAll(eventId);
      }
    });
  }

  async #callAll(eventId: string): Promise<void> {
    // What else is due in the same activation goes with it.
    await Promise.resolve();
    const waiting = this.#waiting.get(eventId) ?? [];
    this.#waiting.delete(eventId);
    for (let i = 0; i < waiting.length; i += A_CALL)
      void this.#callSome(waiting.slice(i, i + A_CALL));
  }

  async #callSome(some: Waiting[]): Promise<void> {
    const [first] = some;
    if (!first) return;
    const isOne = some.length === 1;
    try {
      const answer = await this.#leg.call(isOne ? first.call : merged(some.map((one) => one.call)));
      for (const { call, answered } of some)
        answered(answer && !isOne ? partOf(answer, call.target) : answer);
    } catch (error) {
      const failure =
        isOne || isCancellation(error) ? error : new MergedCallError('', { cause: error });
      for (const { failed } of some) failed(failure);
    }
  }
}

function merged(calls: TargetCall[]) {
  const [first] = calls;
  const { target: _, ...call } = first as TargetCall;
  return { ...call, once: true as const, targets: calls.map(({ target }) => target) };
}

/**
 * An outcome of the whole event is one of each target. Outcomes of targets that were not asked for
 * belong to other calls.
 */
function partOf({ open, ...answer }: EffectAnswer, target: string): EffectAnswer {
  const own = open.filter((outcome) => outcome.target === target || outcome.target === undefined);
  return { ...answer, open: own.map((outcome): OpenOutcome => ({ ...outcome, target })) };
}
