import type { Context } from 'hono';
import type { Database } from '../../../db/client.ts';
import type { EventWriter, PostedEvent } from '../../../outbox/post-events.ts';
import type { SentEvent } from '../../../outbox/store-events.ts';
import { createPauses } from '../../../yield-to-others.ts';
import { keyInFlight, keyMismatch } from '../../middleware/idempotency.ts';
import { toProblem } from '../../middleware/problems.ts';
import { Problem, problemDocument } from '../../problem.ts';
import type { Env } from '../../router.ts';
import { eventOf } from './answers.ts';
import { checkEvent, type EventTypes } from './check-event.ts';
import { MOST_EVENTS, partOf, readMany, type SentBatch } from './many-events.ts';
import type { SentCandidate } from './one-event.ts';

interface Emitting {
  database: Database;
  eventWriter: EventWriter;
  eventTypes: EventTypes;
}

type Result = { id: string } | { error: ReturnType<typeof problemDocument> };

export interface BatchAnswer {
  results: Result[];
  /** Whether nothing was stored that had not been stored before. */
  isReplay: boolean;
}

/**
 * Stores a batch, each event for itself.
 *
 * @throws Problem where nothing can be said of any event: it is no batch, its Idempotency-Key was
 * used for another request or is in flight, or the database is away
 */
export async function answerBatch(c: Context<Env>, deps: Emitting): Promise<BatchAnswer> {
  const sent = await readMany(c);
  const workspaceId = c.get('workspaceId');
  await refuseOtherRequest(deps.database, workspaceId, sent);
  const checked = await checkAll(deps.eventTypes, workspaceId, sent.candidates);
  const outcomes = await postOnce(deps.eventWriter, checked);
  return answerOf(outcomes, sent);
}

/**
 * A batch that was cut short leaves some of its keys. @throws Problem 422 where another request has
 * one of them
 */
async function refuseOtherRequest(
  { pg }: Database,
  workspaceId: string,
  { idempotency }: SentBatch,
): Promise<void> {
  if (!idempotency) return;
  const keys = Array.from({ length: MOST_EVENTS }, (_, place) => partOf(idempotency, place).key);
  const [other] = await pg`
    select from knockon.idempotency_keys where workspace_id = ${workspaceId}
      and key = any(${keys}) and request_hash <> ${idempotency.requestHash}
      and created_at >= now() - interval '24 hours' limit 1`;
  if (other) throw keyMismatch();
}

/**
 * One after the other, so that others have their turn where that takes long.
 *
 * @throws what may be otherwise the next time, such as that the database is away: the events behind
 * one that could not be checked must not be stored before it
 */
async function checkAll(
  types: EventTypes,
  workspaceId: string,
  candidates: SentBatch['candidates'],
): Promise<(SentEvent | Problem)[]> {
  const pause = createPauses();
  const checked: (SentEvent | Problem)[] = [];
  for (const candidate of candidates) {
    checked.push(await check(types, workspaceId, candidate));
    await pause();
  }
  return checked;
}

async function check(
  types: EventTypes,
  workspaceId: string,
  candidate: SentCandidate | Problem,
): Promise<SentEvent | Problem> {
  if (candidate instanceof Problem) return candidate;
  const { idempotency, ...rest } = candidate;
  try {
    return { ...(await checkEvent(types, rest)), workspaceId, idempotency };
  } catch (error) {
    const problem = toProblem(error as Error);
    if (problem.status >= 500) throw error;
    return problem;
  }
}

type Outcome = PostedEvent | Problem;

/** An event that comes twice in a batch, such as a CloudEvent, is stored once. */
async function postOnce(writer: EventWriter, checked: (SentEvent | Problem)[]): Promise<Outcome[]> {
  const first = new Map<string, number>();
  const firstOf = checked.map((event, place) => {
    if (event instanceof Problem || !event.idempotency) return place;
    const known = first.get(event.idempotency.key) ?? place;
    first.set(event.idempotency.key, known);
    return known;
  });
  const fresh = checked.flatMap((event, place) =>
    event instanceof Problem || firstOf[place] !== place ? [] : [event],
  );
  const posted = writer.postAll(fresh);
  const answers = new Map(fresh.map((event, i) => [event, posted[i]!]));
  return await Promise.all(
    checked.map(async (event, place) => {
      if (event instanceof Problem) return event;
      const original = checked[firstOf[place]!] as SentEvent;
      const outcome = await answers.get(original)!.catch(toProblem);
      return original === event ? outcome : repeated(original, event, outcome);
    }),
  );
}

function repeated(original: SentEvent, event: SentEvent, outcome: Outcome): Outcome {
  const hashes = [original, event].map(({ idempotency }) => idempotency!.requestHash);
  if (!hashes[0]!.equals(hashes[1]!)) return { state: 'key_mismatch' };
  if (outcome instanceof Problem || outcome.state !== 'stored') return outcome;
  return { ...outcome, state: 'replayed' };
}

/** @throws Problem where it is that of every event, and of none in particular */
function answerOf(outcomes: Outcome[], { idempotency, candidates }: SentBatch): BatchAnswer {
  const hasOneKey = idempotency !== undefined;
  const states = new Set(
    outcomes.map((outcome) => (outcome instanceof Problem ? outcome.status : outcome.state)),
  );
  if (hasOneKey && states.has('key_in_flight')) throw keyInFlight();
  if (hasOneKey && states.has('key_mismatch')) throw keyMismatch();
  const [only] = outcomes;
  if (states.size === 1 && only instanceof Problem && only.status === 503) throw only;
  return {
    results: outcomes.map((outcome, place) => resultOf(outcome, candidates[place]!)),
    isReplay: states.has('replayed') && !states.has('stored'),
  };
}

function resultOf(outcome: Outcome, sent: SentCandidate | Problem): Result {
  try {
    if (outcome instanceof Problem || sent instanceof Problem) throw outcome;
    return { id: eventOf(outcome, sent.names).id };
  } catch (error) {
    return { error: problemDocument(error as Problem) };
  }
}
