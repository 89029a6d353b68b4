import { groupBy } from '../group-by.ts';
import type { Selection } from '../transport/dispatch.ts';
import type { PendingCall } from '../transport/retry/next-steps.ts';
import { type Slice, slices } from '../transport/retry/selection.ts';
import type { Dead } from './dead-letter-box.ts';

/** What a run leaves to the next, by subscriber. */
export interface HandOver {
  rest: Record<string, Rest>;
  dead: Record<string, Dead>;
}

/** What is left of a dispatch for a subscriber; each event is in one of these. */
export interface Rest {
  /** Events that are called as at first. */
  ids: string[];
  runs: Slice[];
  /** Events that are called alone. */
  tries?: Tries[];
}

/** Events, or one target of each, that are called one by one and have the same state. */
interface Tries extends CallState {
  ids: string[];
  /** Places in the dispatch, of events whose ids are not known. */
  places: number[];
}

interface CallState extends Pick<PendingCall, 'target' | 'share' | 'deaths'> {
  tried: number;
  /** When the next try is due, in ms since 1970 by the workflow's clock; unset: now. */
  due?: number;
  /** Another target of the event is dead, and counted. */
  buried?: boolean;
}

/** A call about one event, as the run before has left it. */
export interface Resumed extends CallState {
  events: Selection;
}

/** A call that this run no longer makes. Without `tried` it is made as at first. */
export type Left = Partial<CallState> & { events: Selection };

/** What a run has to do. */
export interface Task {
  /** Calls as at first. */
  fresh: Selection[];
  /** Single events. */
  tried: Resumed[];
  /** Targets, by their event, which waits for them. */
  targets: Map<string, Resumed[]>;
}

const isTried = (left: Left): left is Resumed => left.tried !== undefined;

const idsOf = ({ events }: Left): string[] => ('ids' in events ? events.ids : []);

const runsOf = ({ events }: Left): Slice[] => ('offset' in events ? [events] : []);

/** What the next run gets. */
export function handOver(left: Left[]): Rest {
  const fresh = left.filter((one) => !isTried(one));
  const alike = groupBy(left.filter(isTried), ({ events: _, ...state }) =>
    JSON.stringify(Object.entries(state).sort()),
  );
  const tries = [...alike.values()].flatMap((some) => {
    const [{ events: _, ...state } = { events: undefined, tried: 0 }] = some;
    const places = some.flatMap(runsOf).map(({ offset }) => offset);
    return [{ ...state, ids: some.flatMap(idsOf), places }];
  });
  return { ids: fresh.flatMap(idsOf).sort(), runs: fresh.flatMap(runsOf), tries };
}

/** All events at first. */
export const wholeDispatch = (size: number, batch: number): Task => ({
  fresh: slices(size, batch),
  tried: [],
  targets: new Map(),
});

/** What the run before has left. */
export function takeOver({ ids = [], runs = [], tries = [] }: Partial<Rest>, batch: number): Task {
  const resumed = tries.flatMap(({ ids: some, places, ...state }): Resumed[] => [
    ...some.map((id) => ({ ...state, events: { ids: [id] } })),
    ...places.map((offset) => ({ ...state, events: { offset, limit: 1 } })),
  ]);
  const groups = slices(ids.length, batch).map(({ offset, limit }) => ({
    ids: ids.slice(offset, offset + limit),
  }));
  return {
    fresh: [...runs, ...groups],
    tried: resumed.filter(({ target }) => target === undefined),
    targets: groupBy(
      resumed.filter(({ target }) => target !== undefined),
      ({ events }) => ('ids' in events ? (events.ids[0] ?? '') : ''),
    ),
  };
}
