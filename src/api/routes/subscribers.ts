import { z } from '@hono/zod-openapi';
import { listSubscribers, type SubscriberState } from '../../ops/subscribers.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { cursor, limit, pageOf, toPlainPage } from '../paging.ts';
import { notFound } from '../problem.ts';
import { json, operation, router } from '../router.ts';

const subscriber = z
  .object({
    name: z.string().openapi({ example: 'search' }),
    description: z.string(),
    event_types: z.array(z.string()).openapi({ description: '`*` for all.' }),
    task_queue: z.string(),
    activity: z.string(),
    ordering: z.enum(['none', 'channel', 'exclusive']),
    registered_at: z.string().openapi({ format: 'date-time' }),
    state: z.enum(['active', 'paused', 'limited']),
    backlog: z
      .int()
      .nullable()
      .openapi({ description: 'Calls that wait in its queue; null where that can’t be found out (Temporal is away).' }),
    backlog_age_seconds: z.number().nullable(),
    lag_seconds: z.number().openapi({ description: 'Age of the oldest dispatched event it has neither done nor given up.' }),
  })
  .openapi('Subscriber');

const list = operation({
  method: 'get',
  path: '/v1/subscribers',
  tags: ['Subscribers'],
  summary: 'Who listens to what',
  request: { query: z.strictObject({ limit, cursor: cursor(z.string()) }) },
  responses: { 200: json(pageOf(subscriber), 'Subscribers by name.') },
});

const read = operation({
  method: 'get',
  path: '/v1/subscribers/{name}',
  tags: ['Subscribers'],
  summary: 'Read a subscriber',
  request: { params: z.object({ name: z.string().openapi({ example: 'search' }) }) },
  responses: { 200: json(subscriber, 'The subscriber.') },
});

async function withBacklog(deps: ApiDependencies, subscriber: SubscriberState) {
  const backlog = await deps.backlog(subscriber.task_queue).catch((error) => {
    deps.log.debug({ err: error, task_queue: subscriber.task_queue }, 'the backlog of a task queue could not be read');
    return null;
  });
  return { ...subscriber, backlog: backlog?.count ?? null, backlog_age_seconds: backlog?.age_seconds ?? null };
}

/** Subscribers, as their workers registered them. */
export const subscriberRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const rows = (await listSubscribers(deps.database)).filter(({ name }) => cursor === undefined || name > cursor);
      const page = toPlainPage(rows.slice(0, limit + 1), limit, (row) => row.name);
      return c.json({ ...page, data: await Promise.all(page.data.map((row) => withBacklog(deps, row))) }, 200);
    })
    .openapi(read, async (c) => {
      const wanted = c.req.valid('param').name;
      const found = (await listSubscribers(deps.database)).find(({ name }) => name === wanted);
      if (!found) throw notFound('subscriber');
      return c.json(await withBacklog(deps, found), 200);
    });
