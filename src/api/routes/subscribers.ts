import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { listSubscribers } from '../../ops/status/list-subscribers.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { inPlace, LISTING } from '../heavy-reads.ts';
import { cursor, limit, pageOf, toPlainPage } from '../paging.ts';
import { notFound } from '../problem.ts';
import { declareRoute, type Env, json, router } from '../router.ts';
import { host } from './ops/subscriber-schema.ts';

const subscriber = z
  .object({
    name: z.string().openapi({ example: 'search' }),
    description: z.string(),
    event_types: z
      .array(z.string())
      .openapi({ description: 'Names, patterns such as `message.*`, or `*` for all.' }),
    task_queue: z.string(),
    activity: z.string(),
    host,
    ordering: z.enum(['none', 'key', 'exclusive']),
    registered_at: z.string().openapi({ format: 'date-time' }),
    state: z.enum(['active', 'paused', 'limited', 'retired']),
    backlog: z.int().openapi({
      description:
        'Events of this workspace that it has neither done nor given up; without those that wait ' +
        'for their own time.',
    }),
    backlog_age_seconds: z.number().openapi({ description: 'Age of the oldest of them.' }),
    lag_seconds: z.number().openapi({
      description:
        'Age of this workspace’s oldest dispatched event that it has neither done nor given up.',
    }),
  })
  .openapi('Subscriber');

const list = declareRoute('GET /v1/subscribers', 'listSubscribers', {
  tags: ['Subscribers'],
  summary: 'Who listens to what',
  request: { query: z.strictObject({ limit, cursor: cursor(z.string()) }) },
  responses: { 200: json(pageOf(subscriber), 'Subscribers by name.') },
});

const read = declareRoute('GET /v1/subscribers/{name}', 'getSubscriber', {
  tags: ['Subscribers'],
  summary: 'Read a subscriber',
  request: { params: z.object({ name: z.string().openapi({ example: 'search' }) }) },
  responses: { 200: json(subscriber, 'The subscriber.') },
});

/** Subscribers, as their workers registered them. */
export const subscriberRoutes = ({ heavy }: ApiDependencies) => {
  const readAll = (c: Context<Env>) =>
    inPlace(c, heavy, LISTING, (database) => listSubscribers(database, c.get('workspaceId')));
  return router()
    .openapi(list, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const all = await readAll(c);
      const rows = all.filter(({ name }) => cursor === undefined || name > cursor);
      return c.json(
        toPlainPage(rows.slice(0, limit + 1), limit, (row) => row.name),
        200,
      );
    })
    .openapi(read, async (c) => {
      const wanted = c.req.valid('param').name;
      const found = (await readAll(c)).find(({ name }) => name === wanted);
      if (!found) throw notFound('subscriber');
      return c.json(found, 200);
    });
};
