import type { DomainEvent } from '../../events/index.ts';
import { digestOf, type Entry, hashOf } from './hash.ts';

/** An entry as it lies in the database, with its event as it lies in the log. */
export interface RecordedEntry extends Entry {
  previous: Buffer;
  hash: Buffer;
  event: DomainEvent | null;
}

/** Where an entry must stand. */
export interface Place {
  position: number;
  previous: Buffer;
  /**
   * Events with a smaller id may have expired: then the entry's digest alone tells of them. Null:
   * none has.
   */
  expired: string | null;
}

/** Why an entry doesn't hold at this place of the chain; null where it does. */
export function checkEntry(key: Buffer, entry: RecordedEntry, place: Place): string | null {
  if (entry.position < place.position)
    return `entry ${entry.position} is numbered before the chain's beginning`;
  if (entry.position > place.position)
    return `entry ${place.position} is missing; the next there is has number ${entry.position}`;
  if (!hashOf(key, place.previous, entry).equals(entry.hash))
    return misfit(key, entry, place.previous);
  if (!entry.previous.equals(place.previous))
    return 'what it says of the hash before it was changed';
  return checkEvent(entry, place.expired);
}

/**
 * An entry that holds by itself was put here from elsewhere, or what was before it is not what it
 * was.
 */
function misfit(key: Buffer, entry: RecordedEntry, previous: Buffer): string {
  const holdsAlone = hashOf(key, entry.previous, entry).equals(entry.hash);
  if (holdsAlone && !entry.previous.equals(previous))
    return 'it does not continue the entry before it: entries were moved, put in or taken out';
  return 'it was changed after it was recorded, or was not recorded by Knock-on';
}

function checkEvent(
  { event, event_id, digest }: RecordedEntry,
  expired: string | null,
): string | null {
  if (!event && expired !== null && event_id < expired) return null;
  if (!event) return `its event ${event_id} is gone from the log`;
  if (!digestOf(event).equals(digest))
    return `its event ${event_id} was changed in the log after it was recorded`;
  return null;
}
