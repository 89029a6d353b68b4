import type { Message } from '../../messages/message.ts';

/** A channel at a glance. */
export interface ChannelSummary {
  channel_id: string;
  /** Live messages. */
  messages: number;
  /** The live message with the highest `seq`; null in an empty channel. */
  last_message: Message | null;
  /** Its `sent_at`; null in an empty channel. */
  last_activity_at: string | null;
  /** Authors of live messages. */
  authors: number;
}

/**
 * A row of `channel_summaries` as it is served. A deletion may be counted before what it deletes:
 * sums then dip below 0 for a moment.
 */
export function toSummary(row: {
  channel_id: string;
  messages: number;
  authors: number;
  last_message: Record<string, unknown> | null;
}): ChannelSummary {
  const last = row.last_message as Message | null;
  return {
    channel_id: row.channel_id,
    messages: Math.max(0, row.messages),
    last_message: last,
    last_activity_at: last?.sent_at ?? null,
    authors: Math.max(0, row.authors),
  };
}
