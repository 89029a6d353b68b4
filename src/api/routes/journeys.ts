import { z } from '@hono/zod-openapi';
import { readEventJourney, readJourney } from '../../ops/inspect/journey.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { timestamp, uuid } from '../fields.ts';
import { notFound } from '../problem.ts';
import { declareRoute, json, router } from '../router.ts';
import { timing } from './events.ts';

/** What became of one effect, as it is shown. */
export const effectSchema = z
  .object({
    subscriber: z.string().openapi({ example: 'webhooks' }),
    state: z.enum(['pending', 'running', 'waiting', 'done', 'failed']).openapi({
      description:
        '`pending`: not started; `running`: started, or being tried again; `waiting`: on a ' +
        'timer; `failed`: a dead letter.',
    }),
    attempts: z.int(),
    last_error: z.string().nullable(),
    tried_at: timestamp
      .nullable()
      .openapi({ description: 'When a try last failed; null where none has.' }),
    waiting_until: timestamp
      .nullable()
      .openapi({ description: 'When it is tried again; null where it waits for no moment.' }),
    completed_at: timestamp.nullable(),
    discarded: z.boolean().openapi({
      description: '`failed` because an operator has decided that it will not happen.',
    }),
    merged_into: uuid.nullable().openapi({
      description:
        '`done` because it was done for this later event of the same key: the effect is debounced.',
    }),
  })
  .openapi('EffectState');

export const workflowSchema = z
  .object({ id: z.string(), run_id: z.string().nullable(), url: z.string().nullable() })
  .nullable()
  .openapi({
    description:
      'The workflow of its dispatch, with a link into the Temporal UI; null before its dispatch, ' +
      'and under another transport.',
  });

export const dispatchedAt = timestamp
  .nullable()
  .openapi({ description: 'When it was handed to the transport; null before.' });

const eventJourney = z
  .object({
    id: uuid,
    type: z.string(),
    key: z.string().nullable().openapi({
      description: "What it is in order with: its channel's id, or the key it was emitted with.",
    }),
    timestamp,
    ...timing,
    dispatched_at: dispatchedAt,
    workflow: workflowSchema,
    effects: z.array(effectSchema),
  })
  .openapi('EventJourney');

const journey = z.object({ message_id: uuid, events: z.array(eventJourney) }).openapi('Journey');

const readOfEvent = declareRoute('GET /v1/events/{id}/effects', 'getEventEffects', {
  tags: ['Events'],
  summary: "Read an event's journey: what happened because of it, and what is still to happen",
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(eventJourney, 'The journey of an event of any type.') },
});

const readOfMessage = declareRoute('GET /v1/messages/{id}/effects', 'getMessageEffects', {
  tags: ['Messages'],
  summary: "Read a message's journey: what happened because of it, and what is still to happen",
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(journey, 'The journey; of deleted messages too.') },
});

/** The journeys of an event, and of all events of a message. */
export const journeyRoutes = ({ database, temporalUi }: ApiDependencies) =>
  router()
    .openapi(readOfEvent, async (c) => {
      const which = { workspaceId: c.get('workspaceId'), eventId: c.req.valid('param').id };
      const found = await readEventJourney(database, which, temporalUi);
      if (!found) throw notFound('event');
      return c.json(found, 200);
    })
    .openapi(readOfMessage, async (c) => {
      const which = { workspaceId: c.get('workspaceId'), messageId: c.req.valid('param').id };
      const found = await readJourney(database, which, temporalUi);
      if (!found) throw notFound('message');
      return c.json(found, 200);
    });
