import type { OpenOutcome } from '../../../transport/dispatch.ts';
import { PAGE } from '../pages.ts';
import type { Entry } from './channel-log.ts';

/**
 * What an ordered effect does at an event that can't be done: its channel waits, or goes on without
 * it.
 */
export type PoisonPolicy = 'block' | 'park';

/** The event at which a channel stands still. */
export interface BlockingEvent {
  id: string;
  type: string;
  seq: number | null;
  /** For people: what is the matter with it. */
  why: string;
}

/** What lies without a channel comes in no order. */
export const lineOf = (event: { channel_id: string | null; id: string }): string =>
  event.channel_id ?? event.id;

/**
 * The events whose turn it is, in order: of each channel those before the first that must be waited
 * for, about a page of bytes in all.
 *
 * @param limits.most events in all
 * @param limits.oneEach only the first of each channel: what calls the outside can't take back the
 * second when the first fails
 */
export function eligibleEvents(
  log: Entry[],
  onPoison: PoisonPolicy,
  limits: { most: number; oneEach: boolean },
): Entry[] {
  const stopped = new Set<string>();
  const turn: Entry[] = [];
  let bytes = 0;
  for (const entry of log) {
    const line = entry.apart ? entry.id : lineOf(entry);
    if (stopped.has(line) || isPassed(entry, onPoison)) continue;
    const isNext =
      entry.place === 'due' &&
      turn.length < limits.most &&
      (turn.length === 0 || bytes + entry.bytes <= PAGE);
    if (isNext) {
      turn.push(entry);
      bytes += entry.bytes;
    }
    if (!isNext || limits.oneEach || turn.length === limits.most) stopped.add(line);
  }
  return turn;
}

/** How far each channel has come after a turn, and where it stands still. */
export interface AdvancedCursors {
  cursors: Map<string, number>;
  heads: Map<string, BlockingEvent>;
}

export function advanceCursors(log: Entry[], ran: Ran, onPoison: PoisonPolicy): AdvancedCursors {
  const advanced: AdvancedCursors = { cursors: new Map(), heads: new Map() };
  const stopped = new Set<string>();
  for (const entry of log) {
    if (entry.apart || entry.channel_id === null || stopped.has(entry.channel_id)) continue;
    const open = ran.open.find((outcome) => outcome.event_id === entry.id);
    if (ran.done.has(entry.id) || isPassed(entry, onPoison) || (open && !stops(open, onPoison))) {
      if (entry.seq !== null) advanced.cursors.set(entry.channel_id, entry.seq);
      continue;
    }
    stopped.add(entry.channel_id);
    if (open || entry.place === 'dead' || entry.place === 'hindered')
      advanced.heads.set(entry.channel_id, headOf(entry, open));
  }
  return advanced;
}

/** What became of the events of a turn; those in neither were not reached. */
export interface Ran {
  done: Set<string>;
  open: OpenOutcome[];
}

/** Whether the events after this one wait for it. */
export const stops = (open: OpenOutcome, onPoison: PoisonPolicy): boolean =>
  open.state !== 'dead' || onPoison === 'block';

const isPassed = ({ place }: Entry, onPoison: PoisonPolicy) =>
  place === 'done' || place === 'foreign' || (place === 'dead' && onPoison === 'park');

function headOf(
  { id, type, seq, place, why }: Entry,
  open: OpenOutcome | undefined,
): BlockingEvent {
  if (open?.state === 'later') return { id, type, seq, why: `is called again at ${open.until}` };
  const reason = open?.reason ?? why ?? 'no reason is known';
  const isDead = open ? open.state === 'dead' : place === 'dead';
  return {
    id,
    type,
    seq,
    why: isDead
      ? `is a dead letter, to be retried or discarded: ${reason}`
      : `is tried again: ${reason}`,
  };
}
