import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { ApiDependencies } from '../../dependencies.ts';
import { uuid } from '../../fields.ts';
import { markReplayed } from '../../middleware/idempotency.ts';
import { exactJsonBody, jsonBodyOfMany, setBody } from '../../middleware/json-body.ts';
import { problemSchema } from '../../route-problems.ts';
import { declareRoute, json, router } from '../../router.ts';
import { event } from '../events.ts';
import { answerBatch } from './answer-batch.ts';
import { eventOf } from './answers.ts';
import { checkEvent } from './check-event.ts';
import { CLOUD_EVENT, CLOUD_EVENTS, cloudEvent, isBinary, nameOfNumber } from './cloud-event.ts';
import { MOST_EVENTS } from './many-events.ts';
import { newEvent } from './new-event.ts';
import { readOne } from './one-event.ts';

const ref = (name: string) => ({ schema: { $ref: `#/components/schemas/${name}` } });

/** Bodies that the handlers read by their media types. */
const bodies = (content: Record<string, ReturnType<typeof ref>>) => ({
  body: { required: true as const, content },
});

const bodyOfOne = exactJsonBody(nameOfNumber);

/** A CloudEvent in binary mode may have no data, and so no body: its payload is an empty one. */
const bodyOrNoData: MiddlewareHandler = async (c, next) => {
  const { headers } = c.req.raw;
  const isEmpty = !headers.has('transfer-encoding') && !(Number(headers.get('content-length')) > 0);
  if (!isBinary(headers) || !isEmpty) return await bodyOfOne(c, next);
  setBody(c, '{}');
  await next();
};

const CLOUD_EVENTS_ARE =
  "A CloudEvent's `type`, `data` and `partitionkey` (or else `subject`) are the event's type, " +
  'payload and key. The extension attribute `deliverat` is `deliver_at`. Its `source` and `id` ' +
  'are its idempotency key: within 24 hours the same one ' +
  'is stored once. Its `time` is checked, and not kept: `timestamp` says when it was stored here.';

const emitOne = declareRoute('POST /v1/events', 'emitEvent', {
  takesTurns: false,
  tags: ['Events'],
  summary: 'Emit an event',
  description:
    'Stores the event and answers; whatever follows from it happens afterwards. Its payload must ' +
    'fit the schema of its type. Takes CloudEvents 1.0 too, structured ' +
    `(\`${CLOUD_EVENT}\`) and binary (\`ce-\` headers beside a JSON body). ${CLOUD_EVENTS_ARE}`,
  creates: true,
  refuses: [404],
  middleware: bodyOrNoData,
  request: bodies({ 'application/json': ref('NewEvent'), [CLOUD_EVENT]: ref('CloudEvent') }),
  responses: { 201: json(event, 'The event.') },
});

const result = z
  .union([z.object({ id: uuid }), z.object({ error: problemSchema })])
  .openapi('EmitResult', { description: "The stored event's id, or why it was not stored." });

const emitMany = declareRoute('POST /v1/events/batch', 'emitEvents', {
  takesTurns: false,
  tags: ['Events'],
  summary: `Emit up to ${MOST_EVENTS} events`,
  description:
    'Each event is answered for itself, in the order given: one that is refused stops no other. ' +
    'Events of one channel or key are stored in this order: where one may only be stored the next ' +
    'time (409, 503), those behind it are not stored either. With an Idempotency-Key, what was ' +
    'stored before is answered again, and only what was not is tried again. Takes a batch of ' +
    `CloudEvents 1.0 too (\`${CLOUD_EVENTS}\`). ${CLOUD_EVENTS_ARE}`,
  creates: true,
  middleware: jsonBodyOfMany,
  request: bodies({ 'application/json': ref('NewEvents'), [CLOUD_EVENTS]: ref('CloudEvents') }),
  responses: { 200: json(z.object({ results: z.array(result) }), 'What became of each.') },
});

const newEvents = z
  .object({ events: z.array(newEvent).min(1).max(MOST_EVENTS) })
  .openapi('NewEvents');
const cloudEvents = z.array(cloudEvent).min(1).max(MOST_EVENTS).openapi('CloudEvents');

/** The ways in for events of one's own. */
export function emitRoutes({ database, eventWriter, eventTypes }: ApiDependencies) {
  const routes = router();
  routes.openAPIRegistry.register('NewEvent', newEvent);
  routes.openAPIRegistry.register('NewEvents', newEvents);
  routes.openAPIRegistry.register('CloudEvent', cloudEvent);
  routes.openAPIRegistry.register('CloudEvents', cloudEvents);
  return routes
    .openapi(emitOne, async (c) => {
      const { idempotency, ...candidate } = await readOne(c);
      const checked = await checkEvent(eventTypes, candidate);
      const workspaceId = c.get('workspaceId');
      const posted = await eventWriter.post({ ...checked, workspaceId, idempotency });
      if (posted.state === 'replayed') markReplayed(c);
      return c.json(eventOf(posted, candidate.names), 201);
    })
    .openapi(emitMany, async (c) => {
      const answer = await answerBatch(c, { database, eventWriter, eventTypes });
      if (answer.isReplay) markReplayed(c);
      return c.json({ results: answer.results }, 200);
    });
}
