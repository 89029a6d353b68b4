import { setImmediate } from 'node:timers/promises';
import type { TransactionSql } from 'postgres';
import { checkEntry, type RecordedEntry } from './check.ts';
import { genesis } from './hash.ts';
import {
  type ChainPage,
  countEntries,
  type End,
  type LogPage,
  readChain,
  readLog,
} from './pages.ts';

/** What checking a workspace's chain found. */
export interface AuditVerdict {
  valid: boolean;
  /** Entries there are. */
  entries: number;
  /** The hash the chain is said to end with, in hex; null where nothing was recorded. */
  head: string | null;
  /** The first place that doesn't hold, and why, for a person. */
  broken_at: { position: number; reason: string } | null;
}

type Break = AuditVerdict['broken_at'];

/** How far a chain has been found to hold. */
export interface Mark {
  /** Where the entries end that hold. */
  end: End;
  /** The whole chain's end, as it was read last. */
  head: End | null;
  /** Once the chain holds: up to which event it was looked whether each has its entry. */
  log: string | null;
}

/** Runs one page's statements. */
export type Read = <T>(statements: (pg: TransactionSql) => Promise<T>) => Promise<T>;

const FIRST = '00000000-0000-0000-0000-000000000000';

/** Entries that are hashed in one go: a whole page would hold up other requests of the process. */
const SLICE = 25;

export const beginning = (key: Buffer, workspaceId: string): Mark => ({
  end: { entries: 0, hash: genesis(key, workspaceId) },
  head: null,
  log: null,
});

/**
 * Checks a chain from a mark to its end, a page after the other, each with its events as they are
 * at that moment; then that no event was recorded whose entry is gone. What is appended meanwhile
 * is checked too. Memory stays the same however long the chain is.
 *
 * @param noted told of each mark that is reached
 */
export async function walk(
  read: Read,
  key: Buffer,
  workspaceId: string,
  from: Mark,
  noted: (mark: Mark) => void,
): Promise<AuditVerdict> {
  let mark = from;
  while (mark.log === null) {
    const { end } = mark;
    const page = await read((pg) =>
      readChain(pg, key, workspaceId, end.entries === 0 ? Number.MIN_SAFE_INTEGER : end.entries),
    );
    const checked = await checkPage(key, end, page);
    const broken = checked.broken ?? (page.isLast ? checkEnd(checked.end, page.head) : null);
    if (broken) return await verdict(read, workspaceId, page.head, broken);
    mark = { end: checked.end, head: page.head, log: page.isLast ? FIRST : null };
    noted(mark);
  }
  for (let after: string | null = mark.log; after !== null; ) {
    const { last, unrecorded } = await nextInLog(read, workspaceId, after);
    if (unrecorded)
      return await verdict(read, workspaceId, mark.head, cutOff(mark.end, unrecorded));
    after = last;
    if (last) noted({ ...mark, log: last });
  }
  return { valid: true, entries: mark.end.entries, head: hex(mark.head), broken_at: null };
}

const nextInLog = (read: Read, workspaceId: string, after: string): Promise<LogPage> =>
  read((pg) => readLog(pg, workspaceId, after));

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

/** Messages of more than a few thousand characters take their time. */
const isLarge = ({ event }: RecordedEntry) => String(event?.payload.text ?? '').length > 5000;

async function verdict(
  read: Read,
  workspaceId: string,
  head: End | null,
  broken_at: Break,
): Promise<AuditVerdict> {
  const entries = await read((pg) => countEntries(pg, workspaceId));
  return { valid: false, entries, head: hex(head), broken_at };
}

const hex = (head: End | null) => head?.hash.toString('hex') || null;

function checkEnd(end: End, head: End | null): Break {
  const position = end.entries + 1;
  if (!head && end.entries > 0)
    return { position, reason: 'the record of where the chain ends is gone' };
  if (head && head.entries > end.entries) {
    return {
      position,
      reason: `the chain ends after entry ${end.entries}, but ${head.entries} were recorded: its end was cut off`,
    };
  }
  if (head && head.entries < end.entries) {
    return {
      position: head.entries + 1,
      reason: `${head.entries} entries were recorded, but the chain has ${end.entries}: the record of its end was set back`,
    };
  }
  if (head && end.entries > 0 && !head.hash.equals(end.hash)) {
    return {
      position: end.entries,
      reason: 'the recorded end of the chain is not the hash of its last entry',
    };
  }
  return null;
}

/**
 * Where entries were cut off and the end set back to match, receipts still tell what had been
 * recorded.
 */
const cutOff = (end: End, eventId: string): Break => ({
  position: end.entries + 1,
  reason: `event ${eventId} was recorded, but its entry is gone: the chain's end was cut off`,
});
