import type { Message } from '../../messages/message.ts';

/** A channel at a glance. */
export interface ChannelSummary {
  channel_id: string;
  /** Live messages. */
  messages: number;
  /** The live message that was sent last; null in an empty channel. */
  last_message: Message | null;
  /** Its `sent_at`; null in an empty channel. */
  last_activity_at: string | null;
  /** Authors of live messages. */
  authors: number;
}

/** Where summaries are served from. The truth is always the row in `channel_summaries`. */
export interface SummaryStore {
  /**
   * Called inside the transaction that changes the rows, while it has locked them. So of two copies
   * the later one is the newer.
   *
   * @throws if the copy can't be written. The effect is then retried as a whole.
   */
  put(summaries: ChannelSummary[]): Promise<void>;
  /** Null for a channel in which nothing has happened. */
  get(channelId: string): Promise<ChannelSummary | null>;
  close(): Promise<void>;
}

/**
 * A row of `channel_summaries` as it is served. A deletion may be counted before its message: then
 * sums are below 0 for a moment.
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
