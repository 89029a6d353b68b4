import { z } from '@hono/zod-openapi';
import { and, eq } from 'drizzle-orm';
import { deliveries } from '../../db/schema/webhooks.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { uuid } from '../fields.ts';
import { onceOutside } from '../middleware/idempotency.ts';
import { conflict, notFound } from '../problem.ts';
import { declareRoute, json, router } from '../router.ts';
import { testDelivery } from './deliveries.ts';

const redeliver = declareRoute('POST /v1/deliveries/{id}/redeliver', 'redeliver', {
  takesTurns: false,
  tags: ['Webhooks'],
  summary: 'Send a delivery once more, now, under the same webhook-id',
  creates: true,
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(testDelivery, 'What the endpoint answered.') },
});

const why = {
  'no event': 'There is no event to be sent: it was a test, or the event has expired.',
  'no endpoint': 'Its endpoint has been deleted.',
};

/** Sending a delivery once more. */
export const redeliverRoutes = (deps: ApiDependencies) =>
  router().openapi(redeliver, async (c) => {
    const { id } = c.req.valid('param');
    const answer = await onceOutside(c, deps, null, async () => {
      const [found] = await deps.database.db
        .select({ id: deliveries.id })
        .from(deliveries)
        .where(and(eq(deliveries.id, id), eq(deliveries.workspace_id, c.get('workspaceId'))));
      if (!found) throw notFound('delivery');
      const made = await deps.redeliver(id);
      if (typeof made === 'string') throw conflict(why[made]);
      return made;
    });
    return c.json(answer, 200);
  });
