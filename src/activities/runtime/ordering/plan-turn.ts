import type { OpenOutcome } from '../../../transport/dispatch.ts';
import { PAGE_BYTES } from '../pages.ts';
import type { BlockingEvent } from './commit-turn.ts';
import { lineOf, type PoisonPolicy, type Ran, stops } from './isolate.ts';
import type { Entry } from './read-log.ts';

/**
 * The events whose turn it is, in order: of each sequence those before the first that must be
 * waited for, about a page of bytes in all.
 *
 * @param limits.most events in all
 * @param limits.oneEach only the first of each sequence: what calls the outside can't take back the
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
      (turn.length === 0 || bytes + entry.bytes <= PAGE_BYTES);
    if (isNext) {
      turn.push(entry);
      bytes += entry.bytes;
    }
    if (!isNext || limits.oneEach || turn.length === limits.most) stopped.add(line);
  }
  return turn;
}

/** How far each sequence has come after a turn, and where it stands still. */
export interface AdvancedCursors {
  cursors: Map<string, number>;
  blocking: Map<string, BlockingEvent>;
}

/** Moves each cursor behind what is done or needs no turn. */
export function advanceCursors(log: Entry[], ran: Ran, onPoison: PoisonPolicy): AdvancedCursors {
  const advanced: AdvancedCursors = { cursors: new Map(), blocking: new Map() };
  const stopped = new Set<string>();
  for (const entry of log) {
    if (entry.apart || entry.sequence_id === null || stopped.has(entry.sequence_id)) continue;
    const open = ran.open.find((outcome) => outcome.event_id === entry.id);
    if (ran.done.has(entry.id) || isPassed(entry, onPoison) || (open && !stops(open, onPoison))) {
      if (entry.seq !== null) advanced.cursors.set(entry.sequence_id, entry.seq);
      continue;
    }
    stopped.add(entry.sequence_id);
    if (open || entry.place === 'dead' || entry.place === 'hindered')
      advanced.blocking.set(entry.sequence_id, blockingEventOf(entry, open));
  }
  return advanced;
}

const isPassed = (entry: Entry, onPoison: PoisonPolicy) =>
  entry.place === 'done' || entry.place === 'foreign' || (isDead(entry) && onPoison === 'park');

const isDead = ({ place, unreported }: Entry) =>
  place === 'dead' || (unreported?.every(({ outcome }) => outcome.state === 'dead') ?? false);

function blockingEventOf(
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
