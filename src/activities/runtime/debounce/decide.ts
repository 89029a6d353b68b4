// What a debounced effect does with the events of one key. Pure: it follows from what is written
// down, the events of a call and the database's clock.

/** How long the events of a key are waited for, in ms. */
export interface DebouncePolicy {
  /** After an event, whether another one comes. */
  wait_ms: number;
  /** Longest that the oldest one waits. */
  most_ms: number;
}

/** An event of the key. `at` is when it was to be dispatched, in ms since 1970. */
export interface KeyedEvent {
  id: string;
  seq: number;
  at: number;
}

/** What is written down of the key. */
export interface DebounceState {
  /** Of the oldest event that waits; null: none does. */
  began_at: number | null;
  /** When the effect was first called for what waits. */
  seen_at: number | null;
  /** Of those that it was called for. */
  newest: KeyedEvent | null;
  /** The last that the effect was called with. */
  called: Pick<KeyedEvent, 'id' | 'seq'> | null;
}

/** What is known of other events of the key than those of the call. */
export interface Others {
  /** What became of those that are written down. */
  newest: Fate;
  called: Fate;
  /** The newest of all that is dispatched and open, if it comes after those of the call. */
  latest: KeyedEvent | null;
}

/** What became of an event that is not of this call: it is open, has a receipt, or is given up. */
export type Fate = 'open' | 'done' | 'dead';

/** What is to become of an event. */
export type Decision =
  | { kind: 'call' }
  /** Call again in so long. */
  | { kind: 'wait'; ms: number }
  /** That one stands for it, and is done. */
  | { kind: 'merge'; into: string }
  /** That one stands for it, and is called now. */
  | { kind: 'follow'; into: string };

interface Decided {
  state: DebounceState;
  decisions: Map<string, Decision>;
}

/** Shortest wait for the newest event that is due and is not of this call, in ms. */
const SOON = 1000;

/** Longest such wait, in ms. */
const LONGEST_SOON = 30_000;

/**
 * Until when the newest event's call is waited for once it is due, in ms since 1970. After `most`
 * that is a hundredth of it, or as long as the first call was late: workers were paused or are
 * busy, so the newest's call may be as late.
 */
function overdueAt({ began_at, seen_at }: Waiting, { most_ms }: DebouncePolicy): number {
  const patience = Math.max(SOON, most_ms / 100, seen_at - began_at);
  return Math.max(began_at + most_ms, seen_at) + Math.min(patience, LONGEST_SOON);
}

/** @param events of one call, by their `seq` */
export function decide(
  before: DebounceState,
  events: KeyedEvent[],
  others: Others,
  now: number,
  policy: DebouncePolicy,
): Decided {
  const isHere = (id: string | undefined) => events.some((event) => event.id === id);
  const { called } = before;
  const decisions = new Map<string, Decision>();
  const fresh: KeyedEvent[] = [];
  for (const event of events) {
    const known = called && decideKnown(event, called, isHere(called.id), others.called, policy);
    if (known) decisions.set(event.id, known);
    else fresh.push(event);
  }
  if (fresh.length === 0) return { state: before, decisions };
  const waiting = join(before, fresh, isHere(before.newest?.id) ? 'open' : others.newest, now);
  const newest = later(waiting.newest, others.latest);
  const due = Math.min(newest.at + policy.wait_ms, waiting.began_at + policy.most_ms);
  const last = fresh.at(-1)!;
  const overdue = overdueAt(waiting, policy);
  if (now < due || (newest.id !== last.id && now < overdue)) {
    // As long again as it is late by: calls that look each second would keep workers busy.
    const again = Math.max(SOON, Math.min(now - due, LONGEST_SOON, overdue - now));
    const ms = now < due ? due - now : again;
    for (const { id } of fresh) decisions.set(id, { kind: 'wait', ms });
    return { state: { ...waiting, called }, decisions };
  }
  // What was called before and is tried again need not be: the last one stands for it too.
  for (const { id, seq } of events)
    if (seq <= last.seq && decisions.get(id)?.kind !== 'merge')
      decisions.set(id, { kind: 'follow', into: last.id });
  decisions.set(last.id, { kind: 'call' });
  const isAll = waiting.newest.id === last.id;
  const rest = isAll ? null : waiting.newest;
  const state = { began_at: rest?.at ?? null, seen_at: rest && now, newest: rest, called: last };
  return { state, decisions };
}

const later = (one: KeyedEvent, other: KeyedEvent | null): KeyedEvent =>
  other && other.seq > one.seq ? other : one;

/** @returns null where the event that was called says nothing of it */
function decideKnown(
  { id, seq }: KeyedEvent,
  called: Pick<KeyedEvent, 'id' | 'seq'>,
  isHere: boolean,
  fate: Fate,
  { wait_ms }: DebouncePolicy,
): Decision | null {
  if (seq > called.seq) return null;
  if (id === called.id) return { kind: 'call' };
  if (isHere) return { kind: 'follow', into: called.id };
  if (fate === 'done') return { kind: 'merge', into: called.id };
  return fate === 'open' ? { kind: 'wait', ms: Math.max(SOON, wait_ms) } : null;
}

type Waiting = Record<'began_at' | 'seen_at', number> & { newest: KeyedEvent };

/** What waits with these. One that is settled without having been called waits no more. */
function join(
  { began_at, seen_at, newest }: DebounceState,
  fresh: KeyedEvent[],
  fate: Fate,
  now: number,
): Waiting {
  const last = fresh.at(-1)!;
  const isKept = newest !== null && fate === 'open' && newest.seq > last.seq;
  return {
    began_at: Math.min(began_at ?? Number.POSITIVE_INFINITY, ...fresh.map(({ at }) => at)),
    seen_at: seen_at ?? now,
    newest: isKept ? newest : last,
  };
}
