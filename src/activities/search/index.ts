import { defineEffect } from '../runtime/effect.ts';
import { writeDocuments } from './documents.ts';
import { loadTexts } from './texts.ts';

/**
 * Keeps the full-text index. A message is indexed as it is now, whatever the event says. So events
 * may come in any order, and a document never returns to an older text.
 */
export const search = () =>
  defineEffect({
    name: 'search',
    description:
      'Finds messages by their words in every language, with phrases, negation and ranking.',
    on: ['message.created', 'message.updated', 'message.deleted'],
    // Postgres needs 15 s for 500 messages of the greatest length.
    timeout: '2m',
    again: 'freely',
    // No transaction: a document takes long to make, and no connection is held meanwhile. To make
    // it twice does no harm.
    async perform(events, { db }) {
      const ids = new Set(events.flatMap((event) => event.message_id ?? []));
      if (ids.size > 0)
        for await (const texts of loadTexts(db, [...ids])) await writeDocuments(db, texts);
    },
  });
