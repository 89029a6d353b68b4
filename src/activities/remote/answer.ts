import type { DomainEvent } from '../../events/index.ts';
import { LONGEST_WAIT, msUntil } from '../../transport/dispatch.ts';
import { withoutNulls } from '../../without-nulls.ts';
import type { WholeBody } from '../runtime/http/whole-body.ts';
import { dead, laterIn, type Open, retry } from '../runtime/outcomes.ts';

/** Most bytes of an answer that are read: some thousand results with reasons. */
export const MOST_BYTES = 1024 * 1024;

/** How far a service's clock may be behind, in ms. */
const BEHIND_MS = 60_000;

/** What an answer comes to: the events that are not done, or why it can't be taken as it is. */
export type Read = { open: Open[] } | { problem: string };

interface Result {
  event_id: string;
  state?: unknown;
  reason?: unknown;
  after_ms?: unknown;
  until?: unknown;
}

/** Of one call: who has answered, and by which clock. */
interface Answered {
  events: DomainEvent[];
  /** Names the service in reasons. */
  host: string;
  now: Date;
}

/**
 * Reads `{results: [{event_id, state, reason?, after_ms?, until?}]}`, where null is like not there,
 * and a list that is null is empty. Events that are not named are done, and all of them where there
 * is no body.
 *
 * What is wrong with one event's result concerns that event alone: it is tried again. Where it is
 * not known whom a result is for, the answer says nothing of any event.
 */
export function readAnswer(body: WholeBody, answered: Answered): Read {
  if ('unread' in body) return { problem: UNREAD[body.unread] };
  if (body.text.trim() === '') return { open: [] };
  const results = resultsOf(body.text);
  if (typeof results === 'string') return { problem: results };
  const byId = new Map(answered.events.map((event) => [event.id, event]));
  const named = new Map<string, Result[]>();
  for (const result of results) {
    // Some languages write UUIDs in capital letters.
    const id = result.event_id.toLowerCase();
    if (!byId.has(id)) return { problem: 'a result for an event that it was not sent' };
    named.set(id, [...(named.get(id) ?? []), result]);
  }
  const open = [...named].flatMap(([id, own]) => outcomeOf(byId.get(id)!, own, answered) ?? []);
  return { open };
}

const UNREAD = {
  'too long': 'an answer of more than 1 MiB',
  'not unpacked': 'an answer that its content-encoding does not unpack: gzip, deflate and br do',
};

/** @returns a sentence where they are none */
function resultsOf(body: string): Result[] | string {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return 'an answer that is not JSON; done is a 2xx without a body';
  }
  const results = (answer as { results?: unknown } | null)?.results;
  if (results === null) return [];
  if (!Array.isArray(results)) return 'an answer without the list `results`';
  const isResult = (one: unknown): one is Result =>
    typeof (one as Result | null)?.event_id === 'string';
  return results.every(isResult) ? results.map(withoutNulls) : 'a result without an `event_id`';
}

/** @returns undefined: it is done */
function outcomeOf(event: DomainEvent, own: Result[], answered: Answered): Open | undefined {
  const [result] = own;
  const why = own.length > 1 ? 'two results for one event' : problemOf(result!, answered.now);
  if (why !== undefined) return misread(event, why, answered);
  const { state, reason, after_ms, until } = result as Result & {
    reason?: string;
    after_ms?: number;
    until?: string;
  };
  if (state === 'done') return undefined;
  const short = `${answered.host} answered ${String(state)}`;
  const told = { cause: `answered ${String(state)}`, short, host: answered.host };
  const said = reason ? `${short}: ${reason.replaceAll('\0', '')}` : short;
  if (state === 'dead') return dead(event, said, told);
  const inMs = until === undefined ? after_ms : waitUntil(until, answered.now);
  if (state === 'retry') return retry(event, said, { ...told, after_ms: inMs });
  return laterIn(event, inMs!, said);
}

/** It is tried again, as if it had failed: what it answered can't be taken as it is. */
function misread(event: DomainEvent, why: string, { host }: Pick<Answered, 'host'>): Open {
  const short = `${host} gave ${why}`;
  return retry(event, short, { cause: `answer: ${why}`, short, host });
}

const STATES = ['done', 'retry', 'later', 'dead'];

/** What is wrong with a result; none of its own words, for this stands in histories. */
function problemOf({ state, reason, after_ms, until }: Result, now: Date): string | undefined {
  if (typeof state !== 'string' || !STATES.includes(state))
    return 'a state other than done, retry, later and dead';
  if (reason !== undefined && typeof reason !== 'string') return 'a reason that is not a text';
  if (after_ms !== undefined && !isWait(after_ms))
    return 'an after_ms that is not a number of ms, up to 30 days';
  if (until !== undefined && !isWait(waitUntil(until, now)))
    return 'an until that is not a moment within the next 30 days';
  if (state === 'later' && until === undefined && after_ms === undefined)
    return 'later, but neither after_ms nor until';
  return undefined;
}

const isWait = (ms: unknown): boolean => typeof ms === 'number' && ms >= 0 && ms <= LONGEST_WAIT;

/** A moment that has just passed by our clock is one that comes now. */
function waitUntil(until: unknown, now: Date): number {
  const ms = msUntil(until, now.getTime());
  return ms < 0 && ms >= -BEHIND_MS ? 0 : ms;
}
