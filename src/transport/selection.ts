// What every transport reckons alike: which events a call is for, and what an answer leaves to be done. Pure, and bundled with
// the workflow code, so it is part of what runs in flight hold us to.
import type { OpenOutcome, Selection } from './dispatch.ts';

/** Why a call is given up that never came to its end. */
export const TIMED_OUT = { cause: 'timeout', reason: 'the call took longer than its time limit, or its worker died' };

export const count = (events: Selection): number => ('ids' in events ? events.ids.length : events.limit);

/** A run of a dispatch's events in the order of their ids. */
export type Run = Extract<Selection, { offset: number }>;

/** A dispatch in runs of at most `batch` events. */
export function slices(size: number, batch: number): Run[] {
  const runs = Math.ceil(size / batch);
  return Array.from({ length: runs }, (_, i) => ({ offset: i * batch, limit: Math.min(batch, size - i * batch) }));
}

export function halves(events: Selection): [Selection, Selection] {
  const middle = Math.ceil(count(events) / 2);
  if ('ids' in events) return [{ ids: events.ids.slice(0, middle) }, { ids: events.ids.slice(middle) }];
  const { offset, limit } = events;
  return [
    { offset, limit: middle },
    { offset: offset + middle, limit: limit - middle },
  ];
}

/** What is left of a dispatch: events by their ids, each once, and whole runs. */
export interface Rest {
  ids: string[];
  runs: Run[];
}

export function together(selections: Selection[]): Rest {
  const ids = new Set(selections.flatMap((events) => ('ids' in events ? events.ids : [])));
  return { ids: [...ids].sort(), runs: selections.filter((events) => 'offset' in events) };
}

/** Map.groupBy, which Node 20 does not have. */
export function groupBy<T, K>(items: T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

/** What an answer leaves open, by how it is followed up. */
export interface LeftOpen {
  /** Events that are called again together, by the moment. */
  later: Map<string, string[]>;
  /** Events that are each followed up alone. */
  alone: OpenOutcome[];
  /** Events with several outside parties: each of these is followed up alone, then the event once more. */
  targets: Map<string, OpenOutcome[]>;
}

export function sortOut(open: OpenOutcome[]): LeftOpen {
  const whole = open.filter((outcome) => outcome.target === undefined);
  const waiting = groupBy(
    whole.filter((outcome) => outcome.state === 'later'),
    (outcome) => outcome.until,
  );
  return {
    later: new Map([...waiting].map(([until, outcomes]) => [until, outcomes.map((outcome) => outcome.event_id)])),
    alone: whole.filter((outcome) => outcome.state !== 'later'),
    targets: groupBy(
      open.filter((outcome) => outcome.target !== undefined),
      (outcome) => outcome.event_id,
    ),
  };
}
