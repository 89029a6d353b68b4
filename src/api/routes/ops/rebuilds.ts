import { z } from '@hono/zod-openapi';
import type { Database } from '../../../db/client.ts';
import { isBeingRebuilt, REBUILDABLE } from '../../../ops/operations/rebuild.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { conflict } from '../../problem.ts';
import { body, declareRoute, router } from '../../router.ts';
import { accepted, begin, perSecond, reason } from './operations.ts';

const names = REBUILDABLE.join(', ');
const message = `must be one of ${names}: what they show follows from what is stored`;
const given = z
  .strictObject({ subscriber: z.enum(REBUILDABLE, { message }), per_second: perSecond, reason })
  .openapi('Rebuild');

const rebuild = declareRoute('POST /v1/ops/rebuilds', 'createRebuild', {
  summary: 'Make a projection anew while it is read, and swap at the end',
  creates: true,
  request: { body: body(given) },
  responses: accepted,
});

/** Rebuilds of projections. */
export const rebuildRoutes = (deps: ApiDependencies) =>
  router().openapi(rebuild, async (c) => {
    const asked = c.req.valid('json');
    const { subscriber } = asked;
    const rebuilding = { verb: 'rebuild' as const, input: { subscriber } };
    return await begin(c, deps, asked, rebuilding, () => refuseAnother(deps.database, subscriber));
  });

/** @throws Problem 409 while it is being rebuilt */
async function refuseAnother({ pg }: Database, subscriber: string): Promise<void> {
  const other = await isBeingRebuilt(pg, subscriber);
  if (other)
    throw conflict(
      `${subscriber} is being rebuilt already, by operation ${other}; cancel that one first.`,
    );
}
