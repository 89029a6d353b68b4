import { ApplicationFailure } from '@temporalio/workflow';
import type { EffectAnswer, OpenOutcome, Selection } from '../transport/dispatch.ts';
import { LONGEST_WAIT, msUntil } from '../transport/retry/waits.ts';
import { withoutNulls } from '../without-nulls.ts';

/** The type of failure of a call whose worker, in whatever language, answered nonsense. */
export const MALFORMED = 'MalformedAnswer';

/** A call that somebody's own worker has answered. */
interface Asked {
  events: Selection;
  /** In ms since 1970. */
  now: number;
}

/**
 * An answer of our own workers is of the right shape. One of somebody else's is checked against its
 * call too, as far as that can be done here: ids of a call that has only places are checked by
 * the database. Its optional members may be null, which is like not there, and so may be its list.
 *
 * @param asked unset: one of our own workers has answered
 * @returns the answer, with ids as the database writes them
 * @throws ApplicationFailure where it is no answer
 */
export function checkedAnswer(answer: unknown, asked?: Asked): EffectAnswer {
  const given = (asked ? withoutUnset(answer) : (answer ?? {})) as Partial<EffectAnswer>;
  if (!isFine(given)) throw malformed('something that is not an answer');
  if (!asked) return given;
  const open = given.open.map((one) => ({ ...one, event_id: one.event_id.toLowerCase() }));
  const problem = problemOf({ ...given, open }, asked);
  if (problem !== undefined) throw malformed(problem);
  return { ...given, open };
}

/** What is null was not set. */
function withoutUnset(answer: unknown): object {
  const { open, ...rest } = { ...(answer as { open?: unknown }) };
  const list = open === null ? [] : open;
  return { ...withoutNulls(rest), open: Array.isArray(list) ? list.map(withoutNulls) : list };
}

/** @param what it was answered; none of its own words, for this stands in histories */
export function malformed(what: string): ApplicationFailure {
  const message = `the worker answered ${what}: see docs/reference/protocol.md`;
  return ApplicationFailure.create({ type: MALFORMED, message, details: ['malformed answer'] });
}

function isFine(answer: Partial<EffectAnswer>): answer is EffectAnswer {
  const { open, put_off, put_off_ms } = answer;
  return (
    Array.isArray(open) &&
    open.every(isOutcome) &&
    (put_off === undefined || isMoment(put_off)) &&
    (put_off_ms === undefined || Number.isFinite(put_off_ms))
  );
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

const STATES: unknown[] = ['retry', 'later', 'dead'];

const isMoment = (value: unknown) => typeof value === 'string' && !Number.isNaN(Date.parse(value));

/** Most outcomes that an answer may have, and most characters of their texts. */
const MOST = { outcomes: 4000, characters: 200 };

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What is wrong with an answer of the right shape; undefined: nothing. */
function problemOf(answer: EffectAnswer, { events, now }: Asked): string | undefined {
  const { done, open, put_off, put_off_ms } = answer;
  if (!Number.isInteger(done) || done < 0) return 'a `done` that is not an integer of 0 or more';
  if (open.length > MOST.outcomes) return `more than ${MOST.outcomes} outcomes`;
  if (!areWaits([put_off_ms, put_off_ms === undefined ? put_off : undefined], now))
    return `a \`put_off\` ${BEYOND}`;
  const ids = 'ids' in events ? new Set(events.ids) : undefined;
  for (const outcome of open) {
    if (!UUID.test(outcome.event_id)) return 'an `event_id` that is no UUID';
    if (ids?.has(outcome.event_id) === false) return STRANGE_EVENT;
    const problem = problemOfOutcome(outcome, now);
    if (problem !== undefined) return problem;
  }
  const named = new Set(open.map(({ event_id, target = '' }) => event_id + target));
  return named.size < open.length ? 'two outcomes for one event' : undefined;
}

/** Of an answer for an event that its call was not for. */
export const STRANGE_EVENT = "an outcome for an event that is none of the call's";

const BEYOND = 'that is not a time or wait within 30 days';

const UNSTORABLE = 'with characters that Postgres cannot store';

function problemOfOutcome(outcome: OpenOutcome, now: number): string | undefined {
  const { target, share, reason } = outcome;
  const cause = outcome.state === 'later' ? undefined : outcome.cause;
  for (const [name, text] of Object.entries({ target, share, reason, cause }))
    if (text !== undefined && !isText(text))
      return `a \`${name}\` longer than ${MOST.characters} characters, or ${UNSTORABLE}`;
  if (target === '') return 'a `target` without a name';
  const waits =
    outcome.state === 'later'
      ? [outcome.in_ms, outcome.in_ms === undefined ? outcome.until : undefined]
      : ['after_ms' in outcome ? outcome.after_ms : undefined];
  return areWaits(waits, now) ? undefined : `a wait ${BEYOND}`;
}

/** Whether it is short, and Postgres can keep it. */
const isText = (text: unknown): boolean =>
  typeof text === 'string' &&
  text.length <= 2 * MOST.characters &&
  [...text].length <= MOST.characters &&
  !/\p{Surrogate}/u.test(text) &&
  !text.includes('\0');

/** Whether each of these that is set is a wait, or a moment, that may be asked for. */
const areWaits = (waits: (number | string | undefined)[], now: number): boolean =>
  waits.every((wait) => {
    if (wait === undefined) return true;
    if (typeof wait === 'string') return msUntil(wait, now) <= LONGEST_WAIT;
    return wait >= 0 && wait <= LONGEST_WAIT;
  });
