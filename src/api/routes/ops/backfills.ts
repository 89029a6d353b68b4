import { z } from '@hono/zod-openapi';
import type { ApiDependencies } from '../../dependencies.ts';
import { moment, text } from '../../fields.ts';
import { findSubscriber, noSuchSubscriber } from '../../find.ts';
import { body, declareRoute, router } from '../../router.ts';
import { accepted, begin, perSecond, reason } from './operations.ts';
import { PACE } from './replays.ts';

const given = z
  .strictObject({
    subscriber: text(1, 255),
    from: moment.optional().openapi({
      description: 'Events of that moment or later; default: from the beginning of the log.',
    }),
    per_second: perSecond,
    reason,
  })
  .openapi('Backfill');

const backfill = declareRoute('POST /v1/ops/backfills', 'createBackfill', {
  summary: 'Give a subscriber what happened before it was there',
  description:
    'Dispatches to it the events of the log that were dispatched before it was registered; what ' +
    'has happened since comes by itself. No event is left out between the two, and none comes ' +
    'twice. Ordered subscribers get the old events in order.',
  creates: true,
  refuses: [404],
  request: { body: body(given) },
  responses: accepted,
});

/** Backfills. */
export const backfillRoutes = (deps: ApiDependencies) =>
  router().openapi(backfill, async (c) => {
    const asked = c.req.valid('json');
    const { subscriber, from, per_second = PACE } = asked;
    const known = await findSubscriber(deps.database.pg, subscriber);
    const input = {
      subscriber,
      ...(from && { from: from.toISOString() }),
      ...(known && known.ordering !== 'none' && { ordered: known.batch }),
    };
    return await begin(c, deps, asked, { verb: 'backfill', input, per_second }, async () => {
      if (!known) throw await noSuchSubscriber(deps.database, subscriber);
    });
  });
