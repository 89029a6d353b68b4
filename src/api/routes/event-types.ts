import { z } from '@hono/zod-openapi';
import { type EventTypeVersion, listEventTypes } from '../../ops/event-types/list.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { cursor, limit, pageOf, readBounded, toPlainPage } from '../paging.ts';
import { declareRoute, json, router } from '../router.ts';
import {
  eventType,
  eventTypeParams,
  eventTypeWithVersions,
  findEventType,
  versionQuery,
} from './event-type-schema.ts';

const query = z.strictObject({ limit, cursor: cursor(z.string().max(255)) });

const list = declareRoute('GET /v1/event_types', 'listEventTypes', {
  tags: ['Events'],
  summary: 'List event types by name, each in its current version',
  request: { query },
  responses: { 200: json(pageOf(eventType), 'Event types.') },
});

const read = declareRoute('GET /v1/event_types/{name}', 'getEventType', {
  tags: ['Events'],
  summary: 'Read an event type and its versions',
  request: { params: eventTypeParams, query: versionQuery },
  responses: { 200: json(eventTypeWithVersions, 'The event type.') },
});

/** A page of event types. Schemas may be large. */
export async function eventTypePage(
  { database }: ApiDependencies,
  asked: { limit: number; cursor?: string | undefined },
) {
  const { rows, limit } = await readBounded(
    asked.limit,
    (after: EventTypeVersion | undefined, count) =>
      listEventTypes(database.db, { limit: count, after: after?.name ?? asked.cursor }),
    (row) => JSON.stringify(row).length,
  );
  return toPlainPage(rows, limit, (row) => row.name);
}

/** What may be emitted. All workspaces share the event types. */
export const eventTypeRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(list, async (c) => c.json(await eventTypePage(deps, c.req.valid('query')), 200))
    .openapi(read, async (c) => {
      const { name } = c.req.valid('param');
      return c.json(await findEventType(deps, name, c.req.valid('query').version), 200);
    });
