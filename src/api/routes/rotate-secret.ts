import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { sql } from 'drizzle-orm';
import { endpoints } from '../../db/schema/webhooks.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { timestamp, uuid } from '../fields.ts';
import { isEndpoint, whichOf } from '../find.ts';
import { once } from '../middleware/idempotency.ts';
import { notFound } from '../problem.ts';
import { declareRoute, json, router } from '../router.ts';

/** How long the secret that is replaced signs too. */
const BOTH = sql`interval '24 hours'`;

/** A new signing secret, as Standard Webhooks write them. */
export const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

const rotated = z
  .object({
    id: uuid,
    secret: z.string().openapi({
      description: 'Signs as Standard Webhooks say. Shown this once.',
      example: 'whsec_…',
    }),
    previous_until: timestamp.openapi({
      description:
        'Until then, or until the next rotation, the secret before it signs too: a receiver may ' +
        'know either.',
    }),
  })
  .openapi('RotatedSecret');

const rotate = declareRoute('POST /v1/endpoints/{id}/rotate_secret', 'rotateSecret', {
  tags: ['Webhooks'],
  summary: 'Replace the signing secret; the old one signs too for 24 hours',
  creates: true,
  request: { params: z.object({ id: uuid }) },
  responses: { 200: json(rotated, 'The new secret; it is shown this once.') },
});

/** Replacing an endpoint's secret without a moment at which its receiver can't verify. */
export const rotateSecretRoutes = (deps: ApiDependencies) =>
  router().openapi(rotate, async (c) => {
    const which = isEndpoint(whichOf(c));
    const answer = await once(c, deps, null, async (tx) => {
      const secret = newSecret();
      const [row] = await tx
        .update(endpoints)
        .set({
          previous_secret: sql`${endpoints.secret}`,
          previous_until: sql`now() + ${BOTH}`,
          secret: deps.seal.close(secret),
          updated_at: sql`now()`,
        })
        .where(which)
        .returning();
      if (!row?.previous_until) throw notFound('endpoint');
      return { id: row.id, secret, previous_until: row.previous_until.toISOString() };
    });
    return c.json(answer, 200);
  });
