import { defineEffect } from '../runtime/effect.ts';
import { writeDocuments } from './documents.ts';
import { loadTexts } from './texts.ts';

/**
 * Keeps the full-text index. Whatever the event says, a message is indexed as it is now: so it
 * doesn't matter in which order its events come, and a document never goes back to an older text.
 */
export const search = () =>
  defineEffect({
    name: 'search',
    description:
      'Finds messages by their words: full text in PostgreSQL, with phrases, negation and ranking.',
    on: ['message.created', 'message.updated', 'message.deleted'],
    // 500 messages of the greatest length take Postgres a quarter of a minute.
    timeout: '2m',
    again: 'freely',
    async transact(tx, events) {
      const ids = new Set(events.flatMap((event) => event.message_id ?? []));
      if (ids.size > 0)
        for await (const texts of loadTexts(tx, [...ids])) await writeDocuments(tx, texts);
    },
  });
