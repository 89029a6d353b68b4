import { z } from '@hono/zod-openapi';
import { and, desc, eq, isNull, sql } from 'drizzle-orm';
import { notifications } from '../../db/schema/notifications.ts';
import { isBefore } from '../../db/statements.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text, timestamp, uuid } from '../fields.ts';
import { idCursor, limit, pageOf, toIdPage } from '../paging.ts';
import { notFound } from '../problem.ts';
import { declareRoute, json, router } from '../router.ts';

const notification = z
  .object({
    id: uuid,
    recipient: z.string(),
    message_id: uuid,
    channel_id: uuid,
    event_id: uuid.openapi({ description: 'The event that made it.' }),
    kind: z.enum(['mention']),
    created_at: timestamp,
    read_at: timestamp.nullable(),
    emailed_at: timestamp
      .nullable()
      .openapi({ description: 'When it was mailed; only what stays unread is.' }),
    email_over_quota_at: timestamp.nullable().openapi({
      description:
        "When its mail was found to be over the workspace's quota (KNOCKON_EMAIL_QUOTA): it is " +
        'not sent.',
    }),
  })
  .openapi('Notification');

const list = declareRoute('GET /v1/notifications', 'listNotifications', {
  tags: ['Notifications'],
  summary: "List a recipient's notifications, newest first",
  request: {
    query: z.strictObject({
      recipient: z.string().normalize('NFC').pipe(text(1, 255)).openapi({ example: 'ada' }),
      unread: z
        .stringbool({ truthy: ['true'], falsy: ['false'], error: 'must be true or false' })
        .optional()
        .openapi({
          type: 'boolean',
          description: 'true: only what is unread; false: only what is read.',
        }),
      limit,
      cursor: idCursor,
    }),
  },
  responses: { 200: json(pageOf(notification), 'Notifications.') },
});

const read = declareRoute('POST /v1/notifications/{id}/read', 'readNotification', {
  tags: ['Notifications'],
  summary: 'Mark a notification as read; it is not mailed any more',
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(notification, 'The notification. Read twice, the first moment stays.') },
});

const shown = ({
  workspace_id: _,
  email_counted_at: __,
  withdrawn_at: ___,
  ...row
}: typeof notifications.$inferSelect) => ({
  ...row,
  created_at: row.created_at.toISOString(),
  read_at: row.read_at?.toISOString() ?? null,
  emailed_at: row.emailed_at?.toISOString() ?? null,
  email_over_quota_at: row.email_over_quota_at?.toISOString() ?? null,
});

/** In-app notifications, as the notifications effect makes them. */
export const notificationRoutes = ({ database: { db } }: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const { recipient, unread, limit, cursor } = c.req.valid('query');
      const filters = [
        eq(notifications.workspace_id, c.get('workspaceId')),
        eq(notifications.recipient, recipient),
        isNull(notifications.withdrawn_at),
        isBefore(notifications.id, cursor),
        unread === undefined
          ? undefined
          : unread
            ? isNull(notifications.read_at)
            : sql`${notifications.read_at} is not null`,
      ];
      const query = db.select().from(notifications);
      const rows = await query
        .where(and(...filters))
        .orderBy(desc(notifications.id))
        .limit(limit + 1);
      return c.json(toIdPage(rows, limit, shown), 200);
    })
    .openapi(read, async (c) => {
      const [row] = await db
        .update(notifications)
        .set({ read_at: sql`coalesce(${notifications.read_at}, now())` })
        .where(
          and(
            eq(notifications.id, c.req.valid('param').id),
            eq(notifications.workspace_id, c.get('workspaceId')),
            isNull(notifications.withdrawn_at),
          ),
        )
        .returning();
      if (!row) throw notFound('notification');
      return c.json(shown(row), 200);
    });
