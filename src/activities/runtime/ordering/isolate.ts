import { isDatabaseAway } from '../../../db/errors.ts';
import type { DomainEvent } from '../../../events/index.ts';
import type { OpenOutcome } from '../../../transport/dispatch.ts';
import { deadOfNonsense, MalformedAnswerError } from '../checked-answer.ts';
import { explain } from '../explain.ts';
import { FencedOffError, LocksAwayError } from '../locks/lock.ts';

/**
 * What an ordered effect does at an event that can't be done: its sequence waits, or goes on
 * without it.
 */
export type PoisonPolicy = 'block' | 'park';

/** What became of the events of a turn; those in neither were not reached. */
export interface Ran {
  done: Set<string>;
  open: OpenOutcome[];
}

/** Whether the events after this one wait for it. */
export const stops = (open: OpenOutcome, onPoison: PoisonPolicy): boolean =>
  open.state !== 'dead' || onPoison === 'block';

/** An event with what it is in order with; null: with nothing. */
export interface OrderedEvent extends DomainEvent {
  sequence_id: string | null;
}

/** What has no key comes in no order. */
export const lineOf = (event: Pick<OrderedEvent, 'sequence_id' | 'id'>): string =>
  event.sequence_id ?? event.id;

/** Thrown where an effect has not answered in its time; which event is to blame is not known. */
export class TimeLimitError extends Error {
  override name = 'TimeLimitError';
}

/** The effect did later events of a sequence and left an earlier one open: it is rolled back. */
export class OutOfTurnError extends Error {
  override name = 'OutOfTurnError';
  readonly open: OpenOutcome[];

  constructor(open: OpenOutcome[]) {
    super('later events of a sequence were done before an earlier one');
    this.open = open;
  }
}

/**
 * Does events in their order, each sequence up to the first that fails. Where none fails, that is
 * one attempt. An attempt that throws is made with the halves until the culprit is alone. One that
 * leaves an event open is made once more, without what comes after that event.
 *
 * @param attempt does these events or, where it throws, none of them
 */
export async function isolate(
  events: OrderedEvent[],
  onPoison: PoisonPolicy,
  attempt: (events: OrderedEvent[]) => Promise<OpenOutcome[]>,
): Promise<Ran> {
  if (events.length === 0) return { done: new Set(), open: [] };
  try {
    const open = await attempt(events);
    const isOpen = new Set(open.map((outcome) => outcome.event_id));
    return { done: new Set(events.map((event) => event.id).filter((id) => !isOpen.has(id))), open };
  } catch (error) {
    if (error instanceof OutOfTurnError) return await withoutOpen(events, error.open);
    if (isNobodysFault(error)) throw error;
    const [only] = events;
    return only && events.length === 1
      ? { done: new Set(), open: [threw(only, error)] }
      : await halved();
  }

  async function halved(): Promise<Ran> {
    const middle = Math.ceil(events.length / 2);
    const first = await isolate(events.slice(0, middle), onPoison, attempt);
    const rest = inTurn(events.slice(middle), events, first.open);
    return both(first, await isolate(rest, onPoison, attempt));
  }

  async function withoutOpen(all: OrderedEvent[], open: OpenOutcome[]): Promise<Ran> {
    const isOpen = new Set(open.map((outcome) => outcome.event_id));
    const ran = await isolate(
      inTurn(all, all, open).filter((event) => !isOpen.has(event.id)),
      onPoison,
      attempt,
    );
    // Where an earlier one fails this time, those after it have not had their turn.
    const reached = new Set(inTurn(all, all, ran.open).map((event) => event.id));
    return both(ran, {
      done: new Set(),
      open: open.filter((outcome) => reached.has(outcome.event_id)),
    });
  }

  /** Of `some` those that no open event of `all` comes before. */
  function inTurn(some: OrderedEvent[], all: OrderedEvent[], open: OpenOutcome[]): OrderedEvent[] {
    const stopping = new Set(
      open.filter((outcome) => stops(outcome, onPoison)).map((outcome) => outcome.event_id),
    );
    const stopped = new Set<string>();
    const waiting = new Set<string>();
    for (const event of all) {
      if (stopped.has(lineOf(event))) waiting.add(event.id);
      if (stopping.has(event.id)) stopped.add(lineOf(event));
    }
    return some.filter((event) => !waiting.has(event.id));
  }
}

/** Whether an answer leaves an event open that later ones of its sequence were done after. */
export function isOutOfTurn(
  events: OrderedEvent[],
  open: OpenOutcome[],
  onPoison: PoisonPolicy,
): boolean {
  const outcomes = new Map(open.map((outcome) => [outcome.event_id, outcome]));
  const stopped = new Set<string>();
  return events.some((event) => {
    const outcome = outcomes.get(event.id);
    if (outcome && stops(outcome, onPoison)) stopped.add(lineOf(event));
    else if (stopped.has(lineOf(event))) return true;
    return false;
  });
}

/** What an attempt threw that trying fewer events does not change. */
const isNobodysFault = (error: unknown) =>
  isDatabaseAway(error) ||
  error instanceof TimeLimitError ||
  error instanceof FencedOffError ||
  error instanceof LocksAwayError;

const both = (a: Ran, b: Ran): Ran => ({
  done: new Set([...a.done, ...b.done]),
  open: [...a.open, ...b.open],
});

const threw = ({ id }: DomainEvent, error: unknown): OpenOutcome =>
  error instanceof MalformedAnswerError
    ? deadOfNonsense(id, error)
    : { event_id: id, state: 'retry', ...explain(error) };
