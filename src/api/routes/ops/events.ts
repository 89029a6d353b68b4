import { z } from '@hono/zod-openapi';
import { listEvents, outcomesOf } from '../../../ops/inspect/events.ts';
import { inspectEvent, inspectMessage } from '../../../ops/inspect/inspect-event.ts';
import { inAll, scheduledByType } from '../../../ops/scheduled-events.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { moment, text, timestamp, typeName, uuid } from '../../fields.ts';
import { refuseLoneKey } from '../../find.ts';
import { heavily, LISTING } from '../../heavy-reads.ts';
import { idCursor, limit, pageOf, toIdPage } from '../../paging.ts';
import { notFound } from '../../problem.ts';
import { declareRoute, json, router } from '../../router.ts';
import { deliveryTry } from '../deliveries.ts';
import { timing } from '../events.ts';
import { dispatchedAt, effectSchema, workflowSchema } from '../journeys.ts';

const whose = {
  workspace_id: uuid,
  workspace_name: z.string().nullable(),
  channel_id: uuid.nullable(),
  channel_name: z.string().nullable(),
  message_id: uuid.nullable(),
  key: z.string().nullable().openapi({
    description: "What it is in order with: its channel's id, or the key it was emitted with.",
  }),
  seq: z
    .int()
    .nullable()
    .openapi({ description: 'Its place among the events of its key; null without a key.' }),
};

const outcome = z
  .object({ done: z.int(), failed: z.int(), discarded: z.int(), open: z.int() })
  .nullable()
  .openapi({
    description:
      'How many effects it has in each state; null if no subscriber takes it, or if its receipts ' +
      'have expired.',
  });

const logged = z
  .object({
    id: uuid,
    type: z.string().openapi({ example: 'message.created' }),
    version: z.int(),
    timestamp,
    ...whose,
    ...timing,
    outcome,
  })
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
  tries: z
    .array(deliveryTry)
    .openapi({ description: 'The newest 20, oldest first, with what was answered.' }),
});

const inspectedEffect = effectSchema
  .extend({
    targets: z
      .array(
        z.object({
          target: z.string().nullable().openapi({
            description: 'Which endpoint or recipient; null for the event as a whole.',
          }),
          attempts: z.int().openapi({ description: 'Tries that failed.' }),
          last_error: z.string().nullable(),
          tried_at: timestamp,
          waiting_until: timestamp.nullable(),
        }),
      )
      .openapi({ description: 'What is open, one for each target.' }),
    letters: z.array(
      z.object({
        id: uuid,
        target: z.string().nullable(),
        cause: z.string(),
        reason: z.string(),
        created_at: timestamp,
        retrying: z.boolean(),
      }),
    ),
    calls: z
      .array(
        z.object({
          attempt: z.int(),
          events: z.int().openapi({ description: 'Events in the same call.' }),
          scheduled_at: timestamp.openapi({ description: 'When it came into its queue.' }),
          started_at: timestamp
            .nullable()
            .openapi({ description: 'When a worker took it; null before.' }),
          ended_at: timestamp.nullable().openapi({ description: 'Null while it is under way.' }),
          failure: z.string().nullable().openapi({ description: 'Why it failed as a whole.' }),
        }),
      )
      .nullable()
      .openapi({
        description:
          'Calls in which the event was, oldest first; null where the transport does not know ' +
          'any more.',
      }),
  })
  .openapi('InspectedEffect');

const inspected = z
  .object({
    id: uuid,
    type: z.string(),
    timestamp,
    ...whose,
    ...timing,
    payload: z.record(z.string(), z.unknown()),
    dispatched_at: dispatchedAt,
    workflow: workflowSchema,
    effects: z.array(inspectedEffect),
    deliveries: z
      .array(delivery)
      .openapi({ description: 'What webhooks have posted, one an endpoint.' }),
  })
  .openapi('InspectedEvent');

const list = declareRoute('GET /v1/ops/events', 'opsListEvents', {
  summary: 'Read the log of all workspaces, newest first',
  request: {
    query: z.strictObject({
      workspace_id: uuid.optional(),
      channel_id: uuid.optional(),
      key: text(1, 200)
        .optional()
        .openapi({ description: 'Only events of this key. Needs workspace_id too.' }),
      message_id: uuid.optional(),
      type: typeName.optional(),
      workflow_id: text(1, 255)
        .optional()
        .openapi({
          description:
            'Events that this workflow was started with: its id in Temporal, or without ' +
            "KNOCKON_DEPLOYMENT's prefix.",
        }),
      about: text(1, 255)
        .optional()
        .openapi({ description: 'Events that have this id, or whose message or workflow has it.' }),
      outcome: z.enum(['failed'], { message: 'must be failed' }).optional().openapi({
        description:
          '`failed`: an effect of it was given up, and that has been neither mended nor discarded.',
      }),
      state: z
        .enum(['scheduled', 'cancelled'])
        .optional()
        .openapi({ description: 'Those that are for later, the next due first; or cancelled.' }),
      from: moment.optional().openapi({ description: 'Stored at that moment or later.' }),
      to: moment.optional().openapi({ description: 'Stored before that moment.' }),
      limit,
      cursor: idCursor,
    }),
  },
  responses: { 200: json(pageOf(logged), 'Events, without their payloads.') },
});

const scheduled = declareRoute('GET /v1/ops/scheduled', 'opsCountScheduled', {
  summary: 'Count the events that are for later, by type',
  request: { query: z.strictObject({ workspace_id: uuid.optional() }) },
  responses: {
    200: json(
      z
        .object({
          count: z.int(),
          next_at: timestamp
            .nullable()
            .openapi({ description: 'When the next is due; null where there is none.' }),
          types: z.array(z.object({ type: z.string(), count: z.int(), next_at: timestamp })),
        })
        .openapi('Scheduled'),
      'How many, and when the next is due.',
    ),
  },
});

const read = declareRoute('GET /v1/ops/events/{id}', 'opsGetEvent', {
  summary: 'Read an event of any workspace, and what became of it',
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(inspected, 'The event.') },
});

const journey = declareRoute('GET /v1/ops/messages/{id}/effects', 'opsGetMessageEffects', {
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
export function opsEventRoutes({ database, heavy, temporalUi, seeCalls }: ApiDependencies) {
  const inspecting = { database, ui: temporalUi, seeCalls };
  return router()
    .openapi(list, async (c) => {
      const { limit, cursor, ...filter } = c.req.valid('query');
      refuseLoneKey(filter);
      const rows = await heavily(c, heavy, LISTING, (pg) =>
        listEvents(pg, { filter, limit: limit + 1, before: cursor }),
      );
      const page = toIdPage(rows, limit);
      const outcomes = await outcomesOf(database.db, page.data);
      return c.json(
        {
          ...page,
          data: page.data.map((event, i) => ({ ...event, outcome: outcomes[i] ?? null })),
        },
        200,
      );
    })
    .openapi(scheduled, async (c) => {
      const { workspace_id = null } = c.req.valid('query');
      const types = await heavily(c, heavy, LISTING, (pg) => scheduledByType(pg, workspace_id));
      return c.json({ ...inAll(types), types }, 200);
    })
    .openapi(read, async (c) => {
      const found = await inspectEvent(inspecting, c.req.valid('param').id);
      if (!found) throw notFound('event');
      return c.json(found, 200);
    })
    .openapi(journey, async (c) => {
      const { id } = c.req.valid('param');
      const events = await inspectMessage(inspecting, id);
      if (events.length === 0) throw notFound('message');
      return c.json({ message_id: id, events }, 200);
    });
}
