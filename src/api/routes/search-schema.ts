import { z } from '@hono/zod-openapi';
import { author, moment, text, uuid, zone } from '../fields.ts';
import { cursor, limit, pageOf } from '../paging.ts';
import { messageSchema } from './message-schema.ts';

/** What a search takes. */
export const searchQuery = z.strictObject({
  q: text(0, 1000).openapi({
    description:
      'Words, `"an exact phrase"`, `-not`, `or`, `prefix*`, `from:ada`, `in:general`, ' +
      '`before:2024-01-15`, `after:2024-01`. Accents and case may be left out, and English words ' +
      'are found by their stems too. At most 64 words.',
    example: 'deploy',
  }),
  tz: zone.default('UTC').openapi({
    description: 'Whose days `before:` and `after:` mean: a zone of the IANA database.',
    example: 'UTC',
  }),
  channel_id: uuid.optional(),
  author: author.optional(),
  from: moment.optional().openapi({ type: 'string', description: 'Sent at this moment or later.' }),
  to: moment.optional().openapi({ type: 'string', description: 'Sent before this moment.' }),
  sort: z
    .enum(['rank', 'newest'])
    .default('rank')
    .openapi({
      description:
        'By how well they fit, or the newest first (by `sent_at`): then every message that fits is ' +
        'listed.',
    }),
  limit,
  // Without its third part: from a version that ranked all.
  cursor: cursor(
    z.union([
      z.tuple([z.number(), uuid, uuid]),
      z.tuple([z.number(), uuid]),
      z.tuple([z.iso.datetime(), uuid]),
    ]),
  ),
});

/** A message that was found. */
export const searchHit = z
  .object({
    message: messageSchema,
    rank: z
      .number()
      .openapi({ description: 'How well it fits; only to be compared within one search.' }),
    highlight: z.string().openapi({
      description:
        'The text as HTML: what was found in <mark>, all else escaped. A long one is cut around ' +
        'what was found, with an ellipsis. Beyond 100,000 characters a page only the first 1,000 ' +
        'of a message are looked at.',
    }),
  })
  .openapi('SearchHit');

/** A page of hits. @param hit the schema of each */
export const searchPage = <T extends z.ZodType>(hit: T) =>
  pageOf(hit).extend({
    ignored: z.array(z.string()).openapi({
      description: 'What of `q` had no effect, as it was typed.',
      example: ['before:soon'],
    }),
  });
