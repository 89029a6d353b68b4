import type { Sql } from 'postgres';
import type { WhatIsHeld } from '../db/group-commit/group-commit.ts';

/** An event as it was sent, compared with its type's schema. */
export interface SentEvent {
  workspaceId: string;
  type: string;
  /** The type's version that the payload fits. */
  version: number;
  payload: Record<string, unknown>;
  /** The same as JSON, made once. */
  payloadJson: string;
  channelId?: string;
  messageId?: string;
  key?: string;
  /** When it is dispatched, at most 366 days ahead; default, and where that is past: now. */
  deliverAt?: Date;
  idempotency?: { key: string; requestHash: Buffer };
}

/** What became of one event of a batch. */
export type StoredEvent =
  | {
      state: 'stored';
      id: string;
      version: number;
      key: string | null;
      seq: number | null;
      timestamp: Date;
      /** When it is due; null: it is dispatched now. */
      deliverAt: Date | null;
    }
  /** Its channel or key is held by another transaction: nothing was stored. */
  | { state: 'held' }
  /** Its idempotency key was used before. */
  | { state: 'taken' }
  /** Postgres refuses it: an SQLSTATE of class KN, and sentences for people. */
  | { state: 'refused'; code: string; problem: string; detail: string; hint: string };

interface Row {
  id: string;
  version: number;
  key: string | null;
  seq: string | null;
  timestamp: Date;
  deliver_at: Date | null;
  held: boolean | null;
  taken: boolean | null;
  code: string | null;
  problem: string;
  detail: string;
  hint: string;
}

/**
 * Stores events and their places in the outbox, in one statement and so in one transaction. What it
 * does is in `knockon.post_events` and `knockon.store_events`, which every way to emit goes
 * through.
 *
 * @returns what became of each, in the order given
 * @throws Postgres' 55P03 where something held was waited for in vain
 */
export async function storeEvents(
  pg: Sql,
  batch: SentEvent[],
  whatIsHeld: WhatIsHeld = 'left out',
): Promise<StoredEvent[]> {
  const column = <T>(pick: (event: SentEvent) => T) => batch.map(pick);
  const rows = await pg<Row[]>`
    select id, version, key, seq, timestamp, deliver_at, held, taken, code, problem, detail, hint
    from knockon.post_events(
      ${column((e) => e.type)}::text[], ${column((e) => e.workspaceId)}::uuid[],
      ${column((e) => e.payloadJson)}::text[], ${column((e) => e.channelId ?? null)}::uuid[],
      ${column((e) => e.messageId ?? null)}::uuid[], ${column((e) => e.key ?? null)}::text[],
      ${column((e) => e.version)}::int[],
      ${column((e) => e.deliverAt?.toISOString() ?? null)}::text[]::timestamptz[],
      ${column((e) => e.idempotency?.key ?? null)}::text[],
      ${column((e) => e.idempotency?.requestHash.toString('hex') ?? null)}::text[],
      ${whatIsHeld === 'left out'}::boolean
    ) order by place`;
  return rows.map(outcomeOf);
}

function outcomeOf(row: Row): StoredEvent {
  if (row.taken) return { state: 'taken' };
  if (row.held) return { state: 'held' };
  const { id, version, key, timestamp, deliver_at, code, problem, detail, hint } = row;
  if (code !== null) return { state: 'refused', code, problem, detail, hint };
  const seq = row.seq === null ? null : Number(row.seq);
  return { state: 'stored', id, version, key, seq, timestamp, deliverAt: deliver_at };
}
