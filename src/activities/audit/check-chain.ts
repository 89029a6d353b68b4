import { setImmediate } from 'node:timers/promises';
import type { TransactionSql } from 'postgres';
import { NIL_UUID } from '../../db/statements.ts';
import { checkEntry, type RecordedEntry } from './check-entry.ts';
import { genesis } from './hash.ts';
import { type ChainPage, countEntries, type End, readChain, readLog } from './pages.ts';

/** The result of checking a workspace's chain. */
export interface AuditVerdict {
  valid: boolean;
  /** Entries in the chain. */
  entries: number;
  /** The chain's recorded last hash, in hex; null if nothing was recorded. */
  head: string | null;
  /** The first position that does not hold, and why, for people. */
  broken_at: { position: number; reason: string } | null;
}

type Break = AuditVerdict['broken_at'];

/** How far a check has come. */
export interface Mark {
  /** The last entry that holds. */
  end: End;
  /** The chain's recorded end, as read last. */
  head: End | null;
  /** Null until the whole chain holds. Then the last event that was looked up in it. */
  log: string | null;
}

/** Runs the statements of one page. */
export type Read = <T>(statements: (pg: TransactionSql) => Promise<T>) => Promise<T>;

/** Entries that are hashed in one go. A whole page would hold up the process's other requests. */
const SLICE = 25;

/** An event with more characters counts as large: it takes time to hash. */
const LARGE = 5000;

export const beginning = (key: Buffer, workspaceId: string): Mark => ({
  end: { entries: 0, hash: genesis(key, workspaceId) },
  head: null,
  log: null,
});

/**
 * Checks a chain from a mark to its end, page by page, each with its events. Then checks that each
 * recorded event still has its entry. Entries that are appended meanwhile are checked too. Memory
 * does not grow with the chain.
 *
 * @param onProgress called with each mark that is reached
 * @throws what `read` throws
 */
export async function checkChain(
  read: Read,
  key: Buffer,
  workspaceId: string,
  from: Mark,
  onProgress: (mark: Mark) => void,
): Promise<AuditVerdict> {
  let mark = from;
  while (mark.log === null) {
    const { end } = mark;
    const after = end.entries === 0 ? Number.MIN_SAFE_INTEGER : end.entries;
    const page = await read((pg) => readChain(pg, key, workspaceId, after));
    const checked = await checkPage(key, end, page);
    const broken = checked.broken ?? (page.isLast ? checkEnd(checked.end, page.head) : null);
    if (broken) return await brokenVerdict(read, workspaceId, page.head, broken);
    mark = { end: checked.end, head: page.head, log: page.isLast ? NIL_UUID : null };
    onProgress(mark);
  }
  const lost = await findLostEvent(read, workspaceId, mark, onProgress);
  if (lost) return await brokenVerdict(read, workspaceId, mark.head, cutOff(mark.end, lost));
  return { valid: true, entries: mark.end.entries, head: hex(mark.head), broken_at: null };
}

/** The first event that was recorded and has no entry any more. */
async function findLostEvent(
  read: Read,
  workspaceId: string,
  mark: Mark,
  onProgress: (mark: Mark) => void,
): Promise<string | null> {
  let after = mark.log;
  while (after !== null) {
    const from: string = after;
    const { last, unrecorded } = await read((pg) => readLog(pg, workspaceId, from));
    if (unrecorded) return unrecorded;
    if (last) onProgress({ ...mark, log: last });
    after = last;
  }
  return null;
}

async function checkPage(
  key: Buffer,
  from: End,
  { entries, expired }: ChainPage,
): Promise<{ end: End; broken: Break }> {
  let end = from;
  for (const [i, entry] of entries.entries()) {
    if (i % SLICE === 0 || isLarge(entry)) await setImmediate();
    const position = end.entries + 1;
    const reason = checkEntry(key, entry, { position, previous: end.hash, expired });
    if (reason) return { end, broken: { position, reason } };
    end = { entries: position, hash: entry.hash };
  }
  return { end, broken: null };
}

const isLarge = ({ event }: RecordedEntry) => String(event?.payload.text ?? '').length > LARGE;

async function brokenVerdict(
  read: Read,
  workspaceId: string,
  head: End | null,
  broken_at: Break,
): Promise<AuditVerdict> {
  const entries = await read((pg) => countEntries(pg, workspaceId));
  return { valid: false, entries, head: hex(head), broken_at };
}

const hex = (head: End | null) => head?.hash.toString('hex') || null;

/** Compares where the entries end with the recorded end. */
function checkEnd({ entries, hash }: End, head: End | null): Break {
  const broken = (position: number, reason: string) => ({ position, reason });
  if (!head)
    return entries > 0 ? broken(entries + 1, 'the record of where the chain ends is gone') : null;
  if (head.entries > entries)
    return broken(
      entries + 1,
      `the chain ends after entry ${entries}, ` +
        `but ${head.entries} were recorded: its end was cut off`,
    );
  if (head.entries < entries)
    return broken(
      head.entries + 1,
      `${head.entries} entries were recorded, ` +
        `but the chain has ${entries}: the record of its end was set back`,
    );
  if (entries > 0 && !head.hash.equals(hash))
    return broken(entries, 'the recorded end of the chain is not the hash of its last entry');
  return null;
}

/** Receipts reveal entries that were cut off, even if the recorded end was set back to match. */
const cutOff = (end: End, eventId: string): Break => ({
  position: end.entries + 1,
  reason: `event ${eventId} was recorded, but its entry is gone: the chain's end was cut off`,
});
