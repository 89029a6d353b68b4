import { createHmac, hash } from 'node:crypto';
import { canonicalJson } from '../../canonical-json.ts';
import type { DomainEvent } from '../../events/index.ts';
import { deriveKey } from '../../seal.ts';

/** What an entry's hash covers besides the hash before it. */
export interface Entry {
  position: number;
  event_id: string;
  event_type: string;
  /** RFC 3339, UTC, milliseconds. */
  recorded_at: string;
  /** SHA-256 of the event's canonical JSON. */
  digest: Buffer;
}

/** The key of all chains, derived from KNOCKON_SECRET. Another secret verifies none of them. */
export const auditKey = (secret: string): Buffer => deriveKey(secret, 'audit');

/** What a chain's first entry continues. It differs by workspace, so chains can't be swapped. */
export function genesis(key: Buffer, workspaceId: string): Buffer {
  return createHmac('sha256', key).update(`workspace\n${workspaceId}\n`).digest();
}

/** SHA-256 of the canonical JSON of an event's fields. */
export function digestOf(event: DomainEvent): Buffer {
  const { id, type, version, workspace_id, channel_id, message_id, key, seq, timestamp, payload } =
    event;
  const fields = {
    id,
    type,
    version,
    workspace_id,
    channel_id,
    message_id,
    seq,
    timestamp,
    payload,
    // In a channel the key is that again.
    ...(channel_id === null && key && { key }),
  };
  return hash('sha256', canonicalJson(fields), 'buffer');
}

/** HMAC-SHA-256 of the hash before it and the entry's fields. */
export function hashOf(
  key: Buffer,
  previous: Buffer,
  { position, event_id, event_type, recorded_at, digest }: Entry,
): Buffer {
  const fields = `${position}\n${event_id}\n${event_type}\n${recorded_at}\n`;
  return createHmac('sha256', key).update(previous).update(fields).update(digest).digest();
}
