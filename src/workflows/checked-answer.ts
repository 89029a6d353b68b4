import { ApplicationFailure } from '@temporalio/workflow';
import type { EffectAnswer } from '../transport/dispatch.ts';

/** The type of failure of a call whose worker, in whatever language, answered nonsense. */
export const MALFORMED = 'MalformedAnswer';

const STATES: unknown[] = ['retry', 'later', 'dead'];

/** @throws ApplicationFailure where it is no answer */
export function checkedAnswer(answer: unknown): EffectAnswer {
  const { open, put_off, put_off_ms } = (answer ?? {}) as Partial<EffectAnswer>;
  const isFine =
    Array.isArray(open) &&
    open.every(isOutcome) &&
    (put_off === undefined || isMoment(put_off)) &&
    (put_off_ms === undefined || Number.isFinite(put_off_ms));
  if (isFine) return answer as EffectAnswer;
  const message = 'the worker answered what is no answer: see docs/reference/protocol.md';
  throw ApplicationFailure.create({ type: MALFORMED, message, details: ['malformed answer'] });
}

function isOutcome(outcome: unknown): boolean {
  const of = (outcome ?? {}) as Record<string, unknown>;
  const isOptional = (key: string, type: string) =>
    of[key] === undefined || typeof of[key] === type;
  return (
    typeof of['event_id'] === 'string' &&
    STATES.includes(of['state']) &&
    ['target', 'share', 'cause'].every((key) => isOptional(key, 'string')) &&
    ['after_ms', 'in_ms'].every((key) => isOptional(key, 'number')) &&
    (of['state'] === 'later'
      ? typeof of['in_ms'] === 'number' || isMoment(of['until'])
      : typeof of['reason'] === 'string')
  );
}

const isMoment = (value: unknown) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
