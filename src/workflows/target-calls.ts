import { isCancellation } from '@temporalio/workflow';
import type { EffectAnswer, OpenOutcome } from '../transport/dispatch.ts';
import type { About } from './calls.ts';
import type { Leg } from './leg.ts';

/** Most targets a call. One that hangs keeps the others of its call waiting. */
const A_CALL = 32;

/** A call for several targets failed as a whole: each of them must be called alone. */
export class FailedTogetherError extends Error {
  override name = 'FailedTogetherError';
}

interface Asking {
  about: About & { target: string };
  answered(answer: EffectAnswer | undefined): void;
  failed(error: unknown): void;
}

/**
 * The calls for one leg's targets. Targets of one event that are due at the same moment share a
 * call: where three hundred endpoints fail, a round of tries costs twenty calls.
 */
export class TargetCalls {
  readonly #leg: Leg;
  readonly #asking = new Map<string, Asking[]>();

  constructor(leg: Leg) {
    this.#leg = leg;
  }

  /**
   * Calls the effect for one target of an event.
   *
   * @returns the answer for this target; undefined where the run ended before the call was made
   * @throws FailedTogetherError where a call for several failed; else the failure of the call
   */
  async call(eventId: string, about: Asking['about']): Promise<EffectAnswer | undefined> {
    return await new Promise((answered, failed) => {
      const asking = this.#asking.get(eventId);
      if (asking) asking.push({ about, answered, failed });
      else {
        this.#asking.set(eventId, [{ about, answered, failed }]);
        void this.#callAll(eventId);
      }
    });
  }

  async #callAll(eventId: string): Promise<void> {
    // Whatever else is due in the same activation goes with it.
    await Promise.resolve();
    const asking = this.#asking.get(eventId) ?? [];
    this.#asking.delete(eventId);
    for (let i = 0; i < asking.length; i += A_CALL)
      void this.#callSome(eventId, asking.slice(i, i + A_CALL));
  }

  async #callSome(eventId: string, some: Asking[]): Promise<void> {
    const [first] = some;
    if (!first) return;
    const { about } = first;
    const isOne = some.length === 1;
    const targets = some.map((asking) => asking.about.target);
    try {
      const answer = await this.#leg.call(
        { ids: [eventId] },
        isOne ? about : { share: about.share, tried: about.tried, once: true, targets },
      );
      for (const asking of some)
        asking.answered(answer && !isOne ? partOf(answer, asking.about.target) : answer);
    } catch (error) {
      const failure =
        isOne || isCancellation(error) ? error : new FailedTogetherError('', { cause: error });
      for (const asking of some) asking.failed(failure);
    }
  }
}

/**
 * An outcome of the whole event is that of each target; those of targets that were not asked for
 * are somebody else's.
 */
function partOf({ open, ...answer }: EffectAnswer, target: string): EffectAnswer {
  const own = open.filter((outcome) => outcome.target === target || outcome.target === undefined);
  return { ...answer, open: own.map((outcome): OpenOutcome => ({ ...outcome, target })) };
}
