import type { DomainEvent } from '../../events/index.ts';
import { digestOf, type Entry, hashOf } from './hash.ts';

/** An entry as the database has it, with its event as the log has it. */
export interface RecordedEntry extends Entry {
  previous: Buffer;
  hash: Buffer;
  event: DomainEvent | null;
}

/** What the next entry of a chain must match. */
interface Expected {
  position: number;
  previous: Buffer;
  /** Events with a smaller id may have expired. Then only the entry's digest is left of them. */
  expired: string | null;
}

/** Why an entry does not continue the chain, for people. Null if it does. */
export function checkEntry(key: Buffer, entry: RecordedEntry, expected: Expected): string | null {
  if (entry.position < expected.position)
    return `entry ${entry.position} is numbered before the chain's beginning`;
  if (entry.position > expected.position)
    return `entry ${expected.position} is missing; the next there is has number ${entry.position}`;
  if (!hashOf(key, expected.previous, entry).equals(entry.hash))
    return explainHash(key, entry, expected.previous);
  if (!entry.previous.equals(expected.previous))
    return 'what it says of the hash before it was changed';
  return checkEvent(entry, expected.expired);
}

/** An entry that is valid by itself was moved here, or the entries before it were changed. */
function explainHash(key: Buffer, entry: RecordedEntry, previous: Buffer): string {
  const isValidAlone = hashOf(key, entry.previous, entry).equals(entry.hash);
  if (isValidAlone && !entry.previous.equals(previous))
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
