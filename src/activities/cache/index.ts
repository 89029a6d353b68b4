import type { DomainEvent } from '../../events/index.ts';
import { defineEffect } from '../runtime/effect.ts';
import { lastMessages } from './last-messages.ts';
import { addDeltas, type Delta, writeSummaries } from './rows.ts';
import type { SummaryStore } from './summary.ts';

/**
 * Keeps each channel's summary. Counts are deltas, which receipts make exact. The last message is
 * the one that was sent last, whenever it came. It is read after the channel's row is locked. So
 * the last transaction reads the newest message, and none overwrites it with an older one.
 *
 * @param summaries where summaries are served from. It gets each changed one before the commit.
 */
export const cache = ({ summaries }: { summaries: SummaryStore }) =>
  defineEffect({
    name: 'cache',
    description: 'Keeps a summary of each channel: messages, authors, the last message.',
    on: ['message.created', 'message.updated', 'message.deleted'],
    async transact(tx, events) {
      const deltas = events.flatMap(toDelta);
      if (deltas.length === 0) return;
      const locked = await addDeltas(tx, deltas);
      for await (const { channels, last } of lastMessages(tx, locked))
        await summaries.put(await writeSummaries(tx, channels, last));
    },
  });

const counts: Record<string, Delta['messages']> = {
  'message.created': 1,
  'message.updated': 0,
  'message.deleted': -1,
};

function toDelta(event: DomainEvent): Delta | [] {
  if (event.channel_id === null) return [];
  const sentAt = String(event.payload.sent_at);
  return {
    workspace_id: event.workspace_id,
    channel_id: event.channel_id,
    author: String(event.payload.author),
    seq: Number(event.payload.seq),
    sent_at: Number.isNaN(Date.parse(sentAt)) ? '-infinity' : sentAt,
    messages: counts[event.type] ?? 0,
  };
}
