import type { DomainEvent } from '../../events/index.ts';
import { defineEffect } from '../runtime/effect.ts';
import { dead } from '../runtime/outcomes.ts';
import { addCounts, type Count } from './quarters.ts';

/**
 * Counts messages by channel, author and quarter of an hour: every zone's
 * hours and days begin at one. Every event is a delta. Deltas may be added in any
 * order, and receipts make each count once. An edit changes no count.
 */
export const analytics = () =>
  defineEffect({
    name: 'analytics',
    description: 'Counts messages and authors per channel and hour.',
    on: ['message.created', 'message.deleted'],
    async transact(tx, events) {
      const counted = events.filter((event) => event.channel_id !== null);
      const invalid = counted.filter((event) => Number.isNaN(sentAt(event)));
      await addCounts(tx, counted.filter((event) => !invalid.includes(event)).map(toCount));
      return invalid.map((event) =>
        dead(event, `payload.sent_at ${JSON.stringify(event.payload.sent_at)} is not a time`, {
          cause: 'bad sent_at',
        }),
      );
    },
  });

const sentAt = (event: DomainEvent): number => Date.parse(String(event.payload.sent_at));

/** The event has everything that is counted, for the message may be gone. */
function toCount(event: DomainEvent): Count {
  return {
    workspace_id: event.workspace_id,
    channel_id: String(event.channel_id),
    author: String(event.payload.author),
    quarter: Math.floor(sentAt(event) / 900_000),
    delta: event.type === 'message.deleted' ? -1 : 1,
  };
}
