// Which of a dispatch's events a call is for. Pure, and bundled with the workflow code.
import type { Selection } from '../dispatch.ts';

export const count = (events: Selection): number =>
  'ids' in events ? events.ids.length : events.limit;

/** A first call names its events by their place, and nothing was tried before. */
export const isFollowUp = ({ events, tried }: { events: Selection; tried: number }): boolean =>
  'ids' in events || tried > 0;

/** A stretch of a dispatch's events in the order of their ids. */
export type Slice = Extract<Selection, { offset: number }>;

/** A dispatch in slices of at most `batch` events. */
export function slices(size: number, batch: number): Slice[] {
  const many = Math.ceil(size / batch);
  return Array.from({ length: many }, (_, i) => ({
    offset: i * batch,
    limit: Math.min(batch, size - i * batch),
  }));
}

export function halves(events: Selection): [Selection, Selection] {
  const middle = Math.ceil(count(events) / 2);
  if ('ids' in events)
    return [{ ids: events.ids.slice(0, middle) }, { ids: events.ids.slice(middle) }];
  const { offset, limit } = events;
  return [
    { offset, limit: middle },
    { offset: offset + middle, limit: limit - middle },
  ];
}
