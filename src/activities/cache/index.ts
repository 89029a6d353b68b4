import type { DomainEvent } from '../../events/index.ts';
import { defineEffect } from '../runtime/effect.ts';
import { lastMessages } from './last-messages.ts';
import { addDeltas, type Delta, writeSummaries } from './rows.ts';
import type { SummaryStore } from './summaries.ts';

/**
 * Keeps each channel's summary. Counts are deltas, which receipts make exact; the last message is
 * read, once the channel's row is held: so the one who comes last reads the newest, and nobody
 * writes an older one over it.
 *
 * @param summaries where they are served from; gets each changed one before the commit
 */
export const cache = ({ summaries }: { summaries: SummaryStore }) =>
  defineEffect({
    name: 'cache',
    description: 'Keeps a summary of each channel: messages, authors, the last message.',
    on: ['message.created', 'message.updated', 'message.deleted'],
    async transact(tx, events) {
      const deltas = events.flatMap(toDelta);
      if (deltas.length === 0) return;
      const held = await addDeltas(tx, deltas);
      for await (const some of lastMessages(tx, held))
        await summaries.put(await writeSummaries(tx, some.held, some.last));
    },
  });

const counts: Record<string, Delta['messages']> = {
  'message.created': 1,
  'message.updated': 0,
  'message.deleted': -1,
};

function toDelta(event: DomainEvent): Delta | [] {
  if (event.channel_id === null) return [];
  return {
    workspace_id: event.workspace_id,
    channel_id: event.channel_id,
    author: String(event.payload.author),
    seq: Number(event.payload.seq),
    messages: counts[event.type] ?? 0,
  };
}
