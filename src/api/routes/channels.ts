import { z } from '@hono/zod-openapi';
import { and, desc, eq } from 'drizzle-orm';
import { errorCode } from '../../db/errors.ts';
import { channels } from '../../db/schema/messages.ts';
import { isBefore, matches } from '../../db/statements.ts';
import { openChannel } from '../../messages/create.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { name, timestamp, uuid } from '../fields.ts';
import { findChannel, whichOf } from '../find.ts';
import { once } from '../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toIdPage } from '../paging.ts';
import { conflict } from '../problem.ts';
import { body, declareRoute, json, router } from '../router.ts';
import { messageSchema } from './message-schema.ts';

const newChannel = z
  .strictObject({ name: name.openapi({ example: 'general' }) })
  .openapi('NewChannel');
const channel = z.object({ id: uuid, name: z.string(), created_at: timestamp }).openapi('Channel');
const params = z.object({ id: uuid });

const summarySchema = z
  .object({
    channel_id: uuid,
    messages: z.int(),
    last_message: z.union([messageSchema, z.null()]),
    last_activity_at: timestamp.nullable(),
    authors: z.int(),
  })
  .openapi('ChannelSummary');

const create = declareRoute('POST /v1/channels', 'createChannel', {
  tags: ['Channels'],
  summary: 'Make a channel',
  creates: true,
  request: { body: body(newChannel) },
  responses: { 201: json(channel, 'The channel. A name that is taken: 409.') },
});

const list = declareRoute('GET /v1/channels', 'listChannels', {
  tags: ['Channels'],
  summary: 'List channels, newest first',
  request: {
    query: z.strictObject({
      name: name.optional().openapi({ description: 'Only the channel of that name.' }),
      limit,
      cursor: idCursor,
    }),
  },
  responses: { 200: json(pageOf(channel), 'Channels.') },
});

const read = declareRoute('GET /v1/channels/{id}', 'getChannel', {
  tags: ['Channels'],
  summary: 'Read a channel',
  request: { params },
  responses: { 200: json(channel, 'The channel.') },
});

const summary = declareRoute('GET /v1/channels/{id}/summary', 'getChannelSummary', {
  tags: ['Channels'],
  summary: "Read a channel's summary, as the cache effect keeps it",
  request: { params },
  responses: { 200: json(summarySchema, 'The summary; it follows the messages within moments.') },
});

const toChannel = ({ id, name, created_at }: typeof channels.$inferSelect) => ({
  id,
  name,
  created_at: created_at.toISOString(),
});

/** Channels and their summaries. */
export const channelRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(create, async (c) => {
      const given = c.req.valid('json');
      const made = await once(c, deps, given, async (tx) =>
        toChannel(await openChannel(tx, { workspaceId: c.get('workspaceId'), name: given.name })),
      ).catch((error) => {
        throw errorCode(error) === '23505'
          ? conflict(`There is a channel named "${given.name}" already.`)
          : error;
      });
      return c.json(made, 201);
    })
    .openapi(list, async (c) => {
      const { limit, cursor, name } = c.req.valid('query');
      const own = eq(channels.workspace_id, c.get('workspaceId'));
      const rows = await deps.database.db
        .select()
        .from(channels)
        .where(and(own, isBefore(channels.id, cursor), matches(channels.name, name)))
        .orderBy(desc(channels.id))
        .limit(limit + 1);
      return c.json(toIdPage(rows, limit, toChannel), 200);
    })
    .openapi(read, async (c) => {
      const row = await findChannel(deps.database, whichOf(c));
      return c.json(toChannel(row), 200);
    })
    .openapi(summary, async (c) => {
      const { id } = await findChannel(deps.database, whichOf(c));
      const empty = {
        channel_id: id,
        messages: 0,
        last_message: null,
        last_activity_at: null,
        authors: 0,
      };
      return c.json((await deps.summaries.get(id)) ?? empty, 200);
    });
