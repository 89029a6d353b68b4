import { createHmac, hash } from 'node:crypto';
import type { DomainEvent } from '../../events/index.ts';
import { deriveKey } from '../../seal.ts';
import { canonicalJson } from './canonical.ts';

/** What an entry's hash covers beside the hash before it. */
export interface Entry {
  position: number;
  event_id: string;
  event_type: string;
  /** RFC 3339, UTC, milliseconds. */
  recorded_at: string;
  /** SHA-256 of the event's canonical JSON. */
  digest: Buffer;
}

/**
 * The key of all chains, derived from KNOCKON_SECRET. Chains made under another secret don't
 * verify.
 */
export const auditKey = (secret: string): Buffer => deriveKey(secret, 'audit');

/**
 * What a chain's first entry continues: another for each workspace, so that no chain can pass for
 * another's.
 */
export function genesis(key: Buffer, workspaceId: string): Buffer {
  return createHmac('sha256', key).update(`workspace\n${workspaceId}\n`).digest();
}

/** SHA-256 of an event's canonical JSON, all fields. */
export function digestOf({
  id,
  type,
  version,
  workspace_id,
  channel_id,
  message_id,
  seq,
  timestamp,
  payload,
}: DomainEvent): Buffer {
  const event = {
    id,
    type,
    version,
    workspace_id,
    channel_id,
    message_id,
    seq,
    timestamp,
    payload,
  };
  return hash('sha256', canonicalJson(event), 'buffer');
}

/**
 * HMAC-SHA-256 of the hash before it, the position, the event's id and type, when it was recorded,
 * and the event's digest.
 */
export function hashOf(
  key: Buffer,
  previous: Buffer,
  { position, event_id, event_type, recorded_at, digest }: Entry,
): Buffer {
  const fields = `${position}\n${event_id}\n${event_type}\n${recorded_at}\n`;
  return createHmac('sha256', key).update(previous).update(fields).update(digest).digest();
}
