import { z } from '@hono/zod-openapi';
import { and, asc, desc, eq, gt, isNull, lt } from 'drizzle-orm';
import { messages } from '../../db/schema/messages.ts';
import { changing } from '../../messages/change.ts';
import { editMessage } from '../../messages/edit.ts';
import { toMessage } from '../../messages/message.ts';
import { removeMessage } from '../../messages/remove.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { metadata, seq, text, uuid } from '../fields.ts';
import { findChannel, findMessage, whichOf } from '../find.ts';
import { limit, pageOf, readBounded, seqCursor, toPage } from '../paging.ts';
import { notFound } from '../problem.ts';
import { body, declareRoute, json, router } from '../router.ts';
import { messageSchema } from './message-schema.ts';

const params = z.object({ id: uuid });

const change = z
  .strictObject({ text: text(1, 40_000).optional(), metadata: metadata.optional() })
  .refine((given) => given.text !== undefined || given.metadata !== undefined, {
    message: 'must have text, metadata or both',
  })
  .openapi('MessageChange', {
    minProperties: 1,
    description: '`text`, `metadata` or both; `metadata` is replaced as a whole.',
  });

const list = declareRoute('GET /v1/channels/{id}/messages', 'listMessages', {
  tags: ['Messages'],
  summary: 'List messages, newest first',
  request: {
    params,
    query: z.strictObject({
      after_seq: seq
        .optional()
        .openapi({ type: 'integer', description: 'Only messages after this place, oldest first.' }),
      limit,
      cursor: seqCursor,
    }),
  },
  responses: { 200: json(pageOf(messageSchema), 'Messages; deleted ones are left out.') },
});

const read = declareRoute('GET /v1/messages/{id}', 'getMessage', {
  tags: ['Messages'],
  summary: 'Read a message',
  request: { params },
  responses: { 200: json(messageSchema, 'The message.') },
});

const edit = declareRoute('PATCH /v1/messages/{id}', 'editMessage', {
  tags: ['Messages'],
  summary: 'Edit a message; emits `message.updated`',
  request: { params, body: body(change) },
  responses: { 200: json(messageSchema, 'The message as it is now.') },
});

const remove = declareRoute('DELETE /v1/messages/{id}', 'deleteMessage', {
  tags: ['Messages'],
  summary: 'Delete a message; emits `message.deleted`',
  request: { params },
  responses: { 204: { description: 'Gone. Its journey stays readable.' } },
});

/** A channel's messages from the newest down, or, after a given place, from the oldest up. */
function selectMessages(
  { database: { db } }: ApiDependencies,
  channelId: string,
  page: MessagePage,
) {
  const { after_seq, cursor, limit } = page;
  const upwards = after_seq !== undefined;
  const start = upwards
    ? gt(messages.seq, Math.max(after_seq, cursor ?? 0))
    : cursor === undefined
      ? undefined
      : lt(messages.seq, cursor);
  return db
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.channel_id, channelId),
        eq(messages.workspace_id, page.workspaceId),
        isNull(messages.deleted_at),
        start,
      ),
    )
    .orderBy(upwards ? asc(messages.seq) : desc(messages.seq))
    .limit(limit);
}

const bytesOf = ({ text, metadata }: typeof messages.$inferSelect) =>
  text.length + JSON.stringify(metadata).length;

interface MessagePage {
  workspaceId: string;
  after_seq?: number;
  cursor?: number;
  limit: number;
}

/** Reading, editing and deleting messages. */
export const messageRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const which = whichOf(c);
      const page = { ...c.req.valid('query'), workspaceId: which.workspaceId };
      const select = (after: { seq: number } | undefined, limit: number) =>
        selectMessages(deps, which.id, { ...page, cursor: after?.seq ?? page.cursor, limit });
      const { rows, limit } = await readBounded(page.limit, select, bytesOf);
      if (rows.length === 0) await findChannel(deps.database, which);
      return c.json(
        toPage(rows, limit, toMessage, (row) => row.seq),
        200,
      );
    })
    .openapi(read, async (c) => {
      const row = await findMessage(deps.database, whichOf(c));
      return c.json(toMessage(row), 200);
    })
    .openapi(edit, async (c) => {
      const which = whichOf(c);
      const message = await changing(deps.database, (tx) =>
        editMessage(tx, which, c.req.valid('json')),
      );
      if (!message) throw notFound('message');
      return c.json(message, 200);
    })
    .openapi(remove, async (c) => {
      const which = whichOf(c);
      if (!(await changing(deps.database, (tx) => removeMessage(tx, which))))
        throw notFound('message');
      return c.body(null, 204);
    });
