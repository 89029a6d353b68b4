import type { DomainEvent } from '../../events/index.ts';
import type { Answer, Effect } from './effect.ts';
import { dead, type Open } from './outcomes.ts';

/** The cause of a dead letter whose effect has not answered as it must. */
const MALFORMED = 'malformed answer';

/** Thrown where an effect has answered nonsense: what it has written must be undone. */
export class MalformedAnswerError extends Error {
  override name = 'MalformedAnswerError';
}

/** An effect has answered nonsense for this event: another try would answer the same. */
export const deadOfNonsense = (id: string, { message }: MalformedAnswerError, target?: string) =>
  ({ ...dead({ id }, message, { cause: MALFORMED }), target }) as Open;

/**
 * The effect, whose answers are compared with its events. Where it changes our database, it throws
 * for a malformed one. What calls the outside has done so by then: the events become dead letters,
 * so that it is not done again and again.
 *
 * @throws MalformedAnswerError
 */
export function checkingAnswers(effect: Effect): Effect {
  const explained = (problem: string) =>
    new MalformedAnswerError(
      `the effect ${effect.name} answered ${problem}: it must return nothing, or an array of what ` +
        'retry(), later() and dead() make',
    );
  if ('transact' in effect)
    return {
      ...effect,
      async transact(tx, events, call) {
        const answer = await effect.transact(tx, events, call);
        const [problem] = problemsOf(answer, events).values();
        if (problem !== undefined) throw explained(problem);
        return answer;
      },
    };
  return {
    ...effect,
    async perform(events, call) {
      const answer = await effect.perform(events, call);
      const problems = problemsOf(answer, events);
      if (problems.size === 0) return answer;
      // Where it is not known of which event something is, there is a problem with each.
      const isKnown = problems.size < events.length;
      const fine = isKnown ? answer?.filter(({ event_id: id }) => !problems.has(id)) : [];
      const nonsense = [...problems].map(([id, problem]) =>
        deadOfNonsense(id, explained(problem), call.target),
      );
      return [...(fine ?? []), ...nonsense];
    },
  };
}

/** By the id of an event, what is wrong with what was answered of it. No word of the answer. */
function problemsOf(answer: Answer | void, events: DomainEvent[]): Map<string, string> {
  const all = (problem: string) => new Map(events.map(({ id }) => [id, problem]));
  if (answer === undefined || answer === null) return new Map();
  if (!Array.isArray(answer)) return all(kindOf(answer));
  const ids = new Set(events.map(({ id }) => id));
  const named = new Set<string>();
  const problems = new Map<string, string>();
  for (const outcome of answer as unknown[]) {
    const { event_id: id, target } = (outcome ?? {}) as Partial<Open>;
    if (typeof id !== 'string') return all(`an array with ${kindOf(outcome)} in it`);
    if (!ids.has(id)) return all('for an event that it was not given');
    const key = `${id} ${target ?? ''}`;
    const problem = named.has(key) ? 'twice for one event' : problemOf(outcome as object);
    if (problem !== undefined) problems.set(id, problem);
    named.add(key);
  }
  return problems;
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  const kind = Array.isArray(value) ? 'array' : typeof value;
  return /^[aou]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

const STATES: unknown[] = ['retry', 'later', 'dead'];
const TEXTS = ['reason', 'cause', 'short', 'host', 'target', 'share'];
const NUMBERS = ['after_ms', 'in_ms', 'ms'];

function problemOf(outcome: object): string | undefined {
  const of = new Map(Object.entries(outcome).filter(([, value]) => value !== undefined));
  const state: unknown = of.get('state');
  if (!STATES.includes(state)) return 'a state other than retry, later and dead';
  const noText = TEXTS.find((name) => of.has(name) && typeof of.get(name) !== 'string');
  if (noText) return `a ${noText} that is no text`;
  const noNumber = NUMBERS.find((name) => of.has(name) && !isWait(of.get(name)));
  if (noNumber) return `${noNumber} that is no number from 0`;
  if (of.get('target') === '') return 'a target without a name';
  if (state !== 'later') return of.has('reason') ? undefined : `${String(state)} without a reason`;
  if (of.has('in_ms') || !Number.isNaN(Date.parse(String(of.get('until'))))) return undefined;
  return 'later without a moment';
}

const isWait = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0;
