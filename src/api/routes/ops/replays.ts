import { z } from '@hono/zod-openapi';
import type { Database } from '../../../db/client.ts';
import { explainPlan, planReplay } from '../../../ops/operations/replay.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { moment, text, typeName, uuid } from '../../fields.ts';
import { findSubscriber, noSuchSubscriber, refuseLoneKey } from '../../find.ts';
import { heavily } from '../../heavy-reads.ts';
import { conflict, invalid } from '../../problem.ts';
import { body, declareRoute, json, router } from '../../router.ts';
import { accepted, begin, perSecond, reason } from './operations.ts';

/** Events a second, unless it is said: what lets live traffic keep its latency. */
export const PACE = 500;

const given = z
  .strictObject({
    from: moment.optional().openapi({ description: 'Events of that moment or later.' }),
    to: moment
      .optional()
      .openapi({ description: 'Events before that moment; default: all that are there.' }),
    channel_id: uuid.optional(),
    key: text(1, 200)
      .optional()
      .openapi({ description: 'Only events of this key. Needs workspace_id too.' }),
    type: typeName.optional(),
    subscriber: text(1, 255)
      .optional()
      .openapi({ description: 'Only its effects, and then also of events it never got.' }),
    message_id: uuid.optional(),
    workspace_id: uuid.optional(),
    dry_run: z
      .boolean()
      .default(false)
      .openapi({ description: 'Count what would be done, and do nothing.' }),
    force: z
      .boolean()
      .default(false)
      .openapi({
        description:
          'Also do again what calls the outside: webhooks that were answered 2xx, under the same ' +
          'webhook-id.',
      }),
    per_second: perSecond,
    reason,
  })
  .openapi('Replay');

const plan = z
  .object({
    dry_run: z.literal(true),
    summary: z.string().openapi({
      example: '4,212 events, 3 subscribers, 11 webhooks already answered 2xx: skipped',
    }),
    events: z.int(),
    effects: z.int().openapi({ description: 'How many would be brought about.' }),
    webhooks_answered: z.int().openapi({ description: 'Answered 2xx: skipped, unless `force`.' }),
    subscribers: z.array(
      z.object({
        name: z.string(),
        again: z.enum(['freely', 'asked', 'never']).openapi({
          description: 'Whether what is done may be done again; `asked`: with `force`.',
        }),
        runs: z.int().openapi({ description: 'Effects that would be brought about.' }),
        retries: z.int().openapi({ description: 'Of these, dead letters.' }),
        skipped: z.int().openapi({ description: 'Done, and left as it is.' }),
        in_flight: z
          .int()
          .openapi({ description: 'Under way, or not dispatched yet: left alone.' }),
        never: z
          .int()
          .openapi({ description: 'Never dispatched to it, and left so: a backfill does that.' }),
      }),
    ),
  })
  .openapi('ReplayPlan');

const replay = declareRoute('POST /v1/ops/replays', 'createReplay', {
  summary: 'Run effects again for events of the log',
  description:
    'What is dead is tried again. What is done is done again where doing it twice comes to the ' +
    'same (search); with `force` also what ' +
    'calls the outside (webhooks, under the same webhook-id). What counts or is ordered ' +
    '(analytics, cache, audit) never is: rebuild it. ' +
    'What is under way is left alone.',
  creates: true,
  request: { body: body(given) },
  responses: { 200: json(plan, 'What a replay would do (`dry_run`).'), ...accepted },
});

const PLANNING = {
  what: 'dry run',
  limitMs: 8_000,
  advice: 'Narrow it down with from and to, or replay without a dry run.',
};

/** Replays. */
export const replayRoutes = (deps: ApiDependencies) =>
  router().openapi(replay, async (c) => {
    const asked = c.req.valid('json');
    refuseLoneKey(asked);
    const { dry_run, per_second = PACE, reason: _, ...rest } = asked;
    const input = JSON.parse(JSON.stringify(rest));
    const check = () => checkSubscriber(deps.database, asked);
    const replaying = { verb: 'replay' as const, input, per_second };
    if (!dry_run) return await begin(c, deps, asked, replaying, check);
    await check();
    const planned = await heavily(c, deps.heavy, PLANNING, (pg) => planReplay(pg, input));
    const effects = planned.subscribers.reduce((n, { runs }) => n + runs, 0);
    return c.json(
      { dry_run: true as const, summary: explainPlan(planned, rest.force), effects, ...planned },
      200,
    );
  });

/** @throws Problem 422 if there is no such subscriber, 409 if it is never done again */
async function checkSubscriber(
  database: Database,
  { subscriber: name, force }: { subscriber?: string | undefined; force: boolean },
): Promise<void> {
  if (name === undefined) return;
  const subscriber = await findSubscriber(database.pg, name);
  if (!subscriber) {
    const { message } = await noSuchSubscriber(database, name);
    throw invalid([{ path: 'subscriber', message }]);
  }
  if (force && subscriber.again === 'never')
    throw conflict(
      `${name} is never done again, it would count twice or come out of order: ` +
        'rebuild it (search, analytics, cache), or replay without force.',
    );
}
