import { sql } from 'drizzle-orm';
import { messages } from '../db/schema/messages.ts';

/** A message as the API shows it. */
export interface Message {
  id: string;
  channel_id: string;
  /** Place in its channel, from 1 without gaps. */
  seq: number;
  author: string;
  text: string;
  metadata: Record<string, unknown>;
  sent_at: string;
  created_at: string;
  updated_at: string;
}

export function toMessage(row: typeof messages.$inferSelect): Message {
  return {
    id: row.id,
    channel_id: row.channel_id,
    seq: row.seq,
    author: row.author,
    text: row.text,
    metadata: row.metadata,
    sent_at: row.sent_at.toISOString(),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** When a message is changed: by the database's clock, and never before its change before this. */
export const changedNow = sql`greatest(now(), ${messages.updated_at})`;
