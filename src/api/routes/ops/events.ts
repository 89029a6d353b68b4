import { z } from '@hono/zod-openapi';
import { listEvents } from '../../../ops/events.ts';
import { inspectEvent, inspectMessage } from '../../../ops/inspect.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { moment, text, timestamp, typeName, uuid } from '../../fields.ts';
import { heavily, LISTING } from '../../heavy.ts';
import { idCursor, limit, pageOf, toPlainPage } from '../../paging.ts';
import { notFound } from '../../problem.ts';
import { forOperators, json, operation, router } from '../../router.ts';
import { dispatchedAt, effectSchema, workflowSchema } from '../message-effects.ts';

const whose = {
  workspace_id: uuid,
  workspace_name: z.string().nullable(),
  channel_id: uuid.nullable(),
  channel_name: z.string().nullable(),
  message_id: uuid.nullable(),
  seq: z.int().nullable().openapi({ description: "The event's place in its channel's log; null outside a channel." }),
};

const logged = z
  .object({ id: uuid, type: z.string().openapi({ example: 'message.created' }), version: z.int(), timestamp, ...whose })
  .openapi('LoggedEvent');

const delivery = z.object({
  id: uuid,
  endpoint_id: uuid,
  url: z.string().nullable(),
  state: z.enum(['pending', 'delivered', 'failed', 'missed']),
  attempts: z.int(),
  status: z.int().nullable().openapi({ description: "The last try's HTTP status." }),
  error: z.string().nullable(),
  delivered_at: timestamp.nullable(),
});

const inspected = z
  .object({
    id: uuid,
    type: z.string(),
    timestamp,
    ...whose,
    payload: z.record(z.string(), z.unknown()),
    dispatched_at: dispatchedAt,
    workflow: workflowSchema,
    effects: z.array(effectSchema),
    deliveries: z.array(delivery).openapi({ description: 'What webhooks have posted, one an endpoint.' }),
  })
  .openapi('InspectedEvent');

const list = operation({
  method: 'get',
  path: '/v1/ops/events',
  operationId: 'opsListEvents',
  ...forOperators,
  summary: 'Read the log of all workspaces, newest first',
  request: {
    query: z.strictObject({
      workspace_id: uuid.optional(),
      channel_id: uuid.optional(),
      message_id: uuid.optional(),
      type: typeName.optional(),
      workflow_id: text(1, 255).optional().openapi({ description: 'Events that this workflow was started with.' }),
      from: moment.optional().openapi({ description: 'Stored at that moment or later.' }),
      to: moment.optional().openapi({ description: 'Stored before that moment.' }),
      limit,
      cursor: idCursor,
    }),
  },
  responses: { 200: json(pageOf(logged), 'Events, without their payloads.') },
});

const read = operation({
  method: 'get',
  path: '/v1/ops/events/{id}',
  operationId: 'opsGetEvent',
  ...forOperators,
  summary: 'Read an event of any workspace, and what became of it',
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(inspected, 'The event.') },
});

const journey = operation({
  method: 'get',
  path: '/v1/ops/messages/{id}/effects',
  operationId: 'opsGetMessageEffects',
  ...forOperators,
  summary: "Read a message's journey, in whatever workspace it is",
  request: { params: z.object({ id: uuid }) },
  responses: {
    200: json(
      z.object({ message_id: uuid, events: z.array(inspected) }).openapi('InspectedJourney'),
      'The journey; of deleted messages too.',
    ),
  },
});

/** The log of all workspaces, and what became of what is in it. */
export const opsEventRoutes = ({ database, heavy, temporalUi }: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const { limit, cursor, ...filter } = c.req.valid('query');
      const rows = await heavily(c, heavy, LISTING, (sql) => listEvents(sql, { filter, limit: limit + 1, before: cursor }));
      return c.json(
        toPlainPage(rows, limit, (row) => row.id),
        200,
      );
    })
    .openapi(read, async (c) => {
      const found = await inspectEvent(database, c.req.valid('param').id, temporalUi);
      if (!found) throw notFound('event');
      return c.json(found, 200);
    })
    .openapi(journey, async (c) => {
      const { id } = c.req.valid('param');
      const events = await inspectMessage(database, id, temporalUi);
      if (events.length === 0) throw notFound('message');
      return c.json({ message_id: id, events }, 200);
    });
