import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { asText } from './chains.ts';
import { checkEntry, type RecordedEntry } from './check.ts';
import { readExpiry } from './expiry.ts';
import { genesis } from './hash.ts';

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
interface End {
  entries: number;
  hash: Buffer;
}

/** Entries read at a time. */
const PAGE = 250;

/**
 * Checks a workspace's chain from its first entry to its head, and each entry's event in the log, unless that has expired. One snapshot: what is appended
 * meanwhile is not looked at. Memory stays the same however long the chain is.
 */
export function verifyAudit({ db, key }: { db: Database['db']; key: Buffer }) {
  return (workspaceId: string): Promise<AuditVerdict> =>
    db.transaction(
      async (tx) => {
        const head = await readHead(tx, workspaceId);
        const broken_at = await firstBreak(tx, key, workspaceId, head);
        const [count] = await tx.execute<{ n: number }>(
          sql`select count(*)::float8 as n from audit_entries where workspace_id = ${workspaceId}`,
        );
        return { valid: broken_at === null, entries: count?.n ?? 0, head: head?.hash.toString('hex') || null, broken_at };
      },
      { isolationLevel: 'repeatable read', accessMode: 'read only' },
    );
}

async function readHead(tx: Transaction, workspaceId: string): Promise<End | null> {
  const [row] = await tx.execute<{ entries: number; hash: Buffer }>(
    sql`select entries::float8 as entries, head as hash from audit_heads where workspace_id = ${workspaceId}`,
  );
  return row ?? null;
}

async function firstBreak(tx: Transaction, key: Buffer, workspaceId: string, head: End | null): Promise<Break> {
  const expired = await readExpiry(tx, key);
  let end: End = { entries: 0, hash: genesis(key, workspaceId) };
  for (let after = Number.MIN_SAFE_INTEGER; ; after = end.entries) {
    const page = await readPage(tx, workspaceId, after);
    for (const entry of page) {
      const position = end.entries + 1;
      const reason = checkEntry(key, entry, { position, previous: end.hash, expired });
      if (reason) return { position, reason };
      end = { entries: position, hash: entry.hash };
    }
    if (page.length < PAGE) return checkEnd(end, head) ?? (await findUnrecorded(tx, workspaceId, end));
  }
}

/** Entries after a position, each beside its event in the log (null: it is gone). */
async function readPage(tx: Transaction, workspaceId: string, after: number): Promise<RecordedEntry[]> {
  const rows = await tx.execute(sql`
    select a.position::float8 as position, a.event_id, a.event_type, ${asText(sql`a.recorded_at`)} as recorded_at, a.digest, a.previous, a.hash,
      case when e.id is not null then jsonb_build_object('id', e.id, 'type', e.type, 'version', e.version, 'workspace_id', e.workspace_id,
        'channel_id', e.channel_id, 'message_id', e.message_id, 'seq', e.seq, 'timestamp', ${asText(sql`e.timestamp`)}, 'payload', e.payload) end as event
    from audit_entries a left join events e on e.id = a.event_id
    where a.workspace_id = ${workspaceId} and a.position > ${after} order by a.position limit ${PAGE}`);
  return rows as unknown as RecordedEntry[];
}

function checkEnd(end: End, head: End | null): Break {
  const position = end.entries + 1;
  if (!head && end.entries > 0) return { position, reason: 'the record of where the chain ends is gone' };
  if (head && head.entries > end.entries) {
    return { position, reason: `the chain ends after entry ${end.entries}, but ${head.entries} were recorded: its end was cut off` };
  }
  if (head && head.entries < end.entries) {
    return {
      position: head.entries + 1,
      reason: `${head.entries} entries were recorded, but the chain has ${end.entries}: the record of its end was set back`,
    };
  }
  if (head && end.entries > 0 && !head.hash.equals(end.hash)) {
    return { position: end.entries, reason: 'the recorded end of the chain is not the hash of its last entry' };
  }
  return null;
}

/** Where entries were cut off and the end set back to match, receipts still tell what had been recorded. */
async function findUnrecorded(tx: Transaction, workspaceId: string, end: End): Promise<Break> {
  const [row] = await tx.execute<{ id: string }>(sql`
    select e.id from events e join receipts r on r.event_id = e.id and r.subscriber = 'audit'
    where e.workspace_id = ${workspaceId}
      and not exists (select from audit_entries a where a.workspace_id = e.workspace_id and a.event_id = e.id)
    order by e.id limit 1`);
  return row
    ? { position: end.entries + 1, reason: `event ${row.id} was recorded, but its entry is gone: the chain's end was cut off` }
    : null;
}
