import type { Selection } from '../transport/dispatch.ts';
import { groupBy, type Run, slices } from '../transport/selection.ts';
import type { About } from './calls.ts';
import type { Dead } from './reckoning.ts';

/** What a run leaves to the next, by subscriber. */
export interface HandOver {
  rest: Record<string, Rest>;
  dead: Record<string, Dead>;
}

/** What is left of a dispatch for a subscriber: events by their ids, each once, and whole runs. */
export interface Rest {
  ids: string[];
  runs: Run[];
  /** Of these, those that are tried alone, and how it stands with them. */
  tries?: Tries[];
}

/**
 * Events, or one target of each, that are called one by one and of which the same is to be said.
 */
interface Tries extends Standing {
  ids: string[];
  /** Places in the dispatch, of events of which no id is known. */
  places: number[];
}

interface Standing extends Pick<About, 'target' | 'share' | 'tried' | 'deaths'> {
  /** When the next try is due, in ms since 1970 by the workflow's clock; unset: now. */
  due?: number;
  /** Another target of the event is dead already, and counted. */
  buried?: boolean;
}

/** A call that this run makes no more. */
export interface Left extends Standing {
  events: Selection;
}

/** A call about one event, as the run before has left it. */
export interface Resumed extends Standing {
  events: Selection;
}

/** What a run has to see through. */
export interface Task {
  /** Calls as at first. */
  fresh: Selection[];
  /** Single events, and those that wait for several of their targets, by event. */
  tried: Resumed[];
  targets: Map<string, Resumed[]>;
}

const isAlone = ({ tried, target, deaths }: Left): boolean =>
  tried !== undefined || target !== undefined || deaths !== undefined;

const idsOf = ({ events }: Left): string[] => ('ids' in events ? events.ids : []);

const placesOf = ({ events }: Left): number[] => ('ids' in events ? [] : [events.offset]);

/**
 * An event, or a place, stands in `ids` or `runs` too: an earlier version knows nothing of `tries`,
 * and begins these anew.
 */
export function handOver(left: Left[]): Rest {
  const ids = [...new Set(left.flatMap(idsOf))].sort();
  const runs = left.flatMap(({ events }) => ('offset' in events ? [events] : []));
  const { alone } = apart(left);
  const alike = groupBy(alone, ({ target, share, tried, deaths, due, buried }) =>
    JSON.stringify([target, share, tried, deaths, due, buried]),
  );
  const tries = [...alike.values()].flatMap((some) => {
    const [{ events: _, ...standing } = { events: undefined }] = some;
    return [{ ...standing, ids: some.flatMap(idsOf), places: some.flatMap(placesOf) }];
  });
  return tries.length > 0 ? { ids, runs, tries } : { ids, runs };
}

function apart(left: Left[]): { alone: Left[]; others: Left[] } {
  return { alone: left.filter(isAlone), others: left.filter((one) => !isAlone(one)) };
}

/** All events at first. */
export const wholeDispatch = (size: number, batch: number): Task => ({
  fresh: slices(size, batch),
  tried: [],
  targets: new Map(),
});

/** What the run before has left, however it was selected. */
export function takeOver({ ids = [], runs = [], tries = [] }: Partial<Rest>, batch: number): Task {
  const resumed = tries.flatMap(({ ids: some, places, ...standing }): Resumed[] => [
    ...some.map((id) => ({ ...standing, events: { ids: [id] } })),
    ...places.map((offset) => ({ ...standing, events: { offset, limit: 1 } })),
  ]);
  const known = new Set(resumed.flatMap(idsOf));
  const knownPlaces = new Set(resumed.flatMap(placesOf));
  const rest = ids.filter((id) => !known.has(id));
  return {
    fresh: [
      ...runs.filter(({ offset, limit }) => limit > 1 || !knownPlaces.has(offset)),
      ...slices(rest.length, batch).map(({ offset, limit }) => ({
        ids: rest.slice(offset, offset + limit),
      })),
    ],
    tried: resumed.filter(({ target }) => target === undefined),
    targets: groupBy(
      resumed.filter(({ target }) => target !== undefined),
      ({ events }) => ('ids' in events ? (events.ids[0] ?? '') : ''),
    ),
  };
}
