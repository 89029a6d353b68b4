import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import ms, { type StringValue } from 'ms';
import { LONGEST_DEBOUNCE, mostOf } from '../../../db/schema/debounces.ts';
import { callTimeout } from '../../../db/schema/http-subscribers.ts';
import { applyControl, SubscriberUnknownError } from '../../../ops/controls/controls.ts';
import { retire } from '../../../ops/controls/retire.ts';
import {
  isReserved,
  putHttpSubscriber,
  rotateSecret,
  TakenNameError,
} from '../../../ops/http-subscribers/change.ts';
import { subscriberStatuses } from '../../../ops/status/subscriber-status.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { text, timestamp } from '../../fields.ts';
import { noSuchSubscriber } from '../../find.ts';
import { onceOutside } from '../../middleware/idempotency.ts';
import { conflict, invalid, notFound } from '../../problem.ts';
import { body, declareRoute, type Env, json, router } from '../../router.ts';
import { checkEventTypes, url, wanted } from '../endpoint-schema.ts';
import { newSecret } from '../rotate-secret.ts';
import { accepted, beginAs } from './operations.ts';
import {
  hasLimit,
  NO_LIMIT,
  refusedName,
  status,
  subscriberName,
  workspaceLimit,
} from './subscriber-schema.ts';

const params = z.object({ name: subscriberName });

/** Of one that is made: what is wrong with its name is told. */
const newParams = z.object({ name: z.string().openapi({ example: 'billing' }) });

const TIMES = 'must be a duration from 1s to 5m, such as 30s';
const timeout = z
  .string({ message: TIMES })
  .regex(/^\d{1,6}(ms|s|m)$/, { message: TIMES })
  .transform((text) => ms(text as StringValue))
  .refine((value) => value >= 1000 && value <= 300_000, { message: TIMES })
  .openapi({ type: 'string', example: '30s', description: 'Longest time of a request.' });

const WAITS = 'must be a duration up to 24h, such as 30s or 5m';
const wait = z
  .string({ message: WAITS })
  .regex(/^\d{1,8}(ms|s|m|h)$/, { message: WAITS })
  .transform((text) => ms(text as StringValue))
  .refine((value) => value > 0 && value <= LONGEST_DEBOUNCE, { message: WAITS })
  .openapi({ type: 'string', example: '30s' });

const debounce = z
  .strictObject({
    by: z.literal('key', { message: 'must be "key"' }).default('key'),
    wait,
    most: wait.optional().openapi({ description: 'Default: ten times `wait`, a day at most.' }),
  })
  .transform(({ wait, most }) => ({
    wait_ms: wait,
    most_ms: most ?? mostOf(wait),
  }))
  .refine(({ wait_ms, most_ms }) => most_ms >= wait_ms, {
    path: ['most'],
    message: 'must not be shorter than `wait`',
  });

const whole = (least: number, most: number) => {
  const message = `must be a whole number from ${least} to ${most}`;
  return z.int({ message }).min(least, { message }).max(most, { message });
};

const everyWorkspace = z
  .strictObject(workspaceLimit)
  .refine(hasLimit, NO_LIMIT)
  .openapi('LimitOfEveryWorkspace', {
    description:
      'What each workspace may take at most that has no limit of its own, as …/workspace_limit ' +
      'sets it. Null: any number; left out: as it is.',
    minProperties: 1,
  });

const asked = z
  .strictObject({
    url: url.openapi({ example: 'https://billing.example.com/events' }),
    event_types: wanted,
    description: text(0, 1000).default(''),
    ordering: z
      .enum(['none', 'key', 'exclusive'], { message: 'must be none, key or exclusive' })
      .default('none')
      .openapi({
        description:
          '`key`: the events of each key one after another, one a request. `exclusive`: that, and ' +
          'one request at a time for a workspace. `none`: side by side, in any order.',
      }),
    batch: whole(1, 1000)
      .default(100)
      .openapi({ description: 'Most events a request.', default: 100 }),
    per_second: z.number().min(0.001).max(1_000_000).nullish().openapi({
      description:
        'Most events a second, as …/limit sets it; null: any number; left out: as it is.',
      example: 50,
    }),
    per_workspace: everyWorkspace.optional(),
    timeout: timeout.default(30_000).openapi({ default: '30s' as never }),
    attempts: whole(0, 1000).default(20).openapi({
      description: 'Tries of an event before it is a dead letter; 0: unlimited.',
      default: 20,
    }),
    debounce: debounce.nullish().openapi({
      description:
        'The last event of a key stands for those before it: it is posted once none has come for ' +
        '`wait`, or the oldest has waited for `most`. Null: each event is for itself.',
    }),
  })
  .refine(({ ordering, debounce }) => ordering === 'none' || !debounce, {
    path: ['debounce'],
    message: 'is not for an ordered subscriber: what is merged is in no order; leave one out',
  })
  .openapi('HttpSubscriber');

const subscribed = status
  .extend({
    secret: z.string().openapi({
      description: 'Signs as Standard Webhooks say. Shown this once.',
      example: 'whsec_…',
    }),
  })
  .openapi('Subscribed');

const put = declareRoute('PUT /v1/ops/subscribers/{name}', 'subscribe', {
  summary: 'Subscribe an HTTP service, or change it',
  description:
    'Workers of effects post it events from then on, within seconds, signed as Standard Webhooks ' +
    'say: `{subscriber, call_id, attempt, events}`. It answers `{results: [{event_id, state, ' +
    'reason?, after_ms?, until?}]}`; events that are not named are done.\n\n' +
    'What is left out has its default, but for limits: `per_second` and `per_workspace` stay as ' +
    'they are. A retired one is taken back.',
  refuses: [409],
  request: { params: newParams, body: body(asked) },
  responses: {
    200: json(status, 'It was there, and is as asked now.'),
    201: json(subscribed, 'It is new. The secret is shown this once.'),
  },
});

const remove = declareRoute('DELETE /v1/ops/subscribers/{name}', 'unsubscribe', {
  summary: 'Retire a subscriber: nothing new is for it, and what is open is finished',
  description: 'As `POST …/retire` with `open: finish`.',
  request: { params },
  responses: accepted,
});

const rotate = declareRoute(
  'POST /v1/ops/subscribers/{name}/rotate_secret',
  'rotateSubscriberSecret',
  {
    summary: 'Replace an HTTP subscriber’s secret; the old one signs too for 24 hours',
    creates: true,
    request: { params },
    responses: {
      200: json(
        z
          .object({
            name: subscriberName,
            secret: z.string().openapi({ description: 'Shown this once.', example: 'whsec_…' }),
            previous_until: timestamp.openapi({
              description: 'Until then, or until the next rotation, the one before it signs too.',
            }),
          })
          .openapi('RotatedSubscriberSecret'),
        'The new secret; it is shown this once.',
      ),
    },
  },
);

const tryIt = declareRoute('POST /v1/ops/subscribers/{name}/try', 'trySubscriber', {
  summary: 'Send an HTTP subscriber a signed call with `test: true` and no events',
  creates: true,
  request: { params },
  responses: {
    200: json(
      z
        .object({
          call_id: z.string(),
          status: z.int().nullable().openapi({ description: 'Null where no answer came.' }),
          latency_ms: z.int(),
          error: z
            .string()
            .nullable()
            .openapi({ description: 'Why it would not count as done; null where it would.' }),
          response_excerpt: z.string().nullable(),
        })
        .openapi('TriedSubscriber'),
      'What came of it.',
    ),
  },
});

/** HTTP services as subscribers. */
export function httpSubscriberRoutes(deps: ApiDependencies) {
  const show = async (name: string) => (await subscriberStatuses(deps, name))[0]!;
  return router()
    .openapi(put, async (c) => {
      const { name } = c.req.valid('param');
      const given = c.req.valid('json');
      await check(deps, name, given);
      const secret = newSecret();
      const { timeout: timeout_ms, debounce, ...rest } = given;
      const isNew = await putHttpSubscriber(
        deps.database,
        {
          ...rest,
          name,
          by: c.get('operator').name,
          debounce: debounce ?? undefined,
          timeout_ms,
          call_timeout_ms: callTimeout(timeout_ms),
          task_queue: deps.taskQueueOf(name),
        },
        deps.seal.close(secret),
      ).catch(asConflict);
      if (given.per_second !== undefined) await applyControl(deps, name);
      const shown = await show(name);
      return isNew ? c.json({ ...shown, secret }, 201) : c.json(shown, 200);
    })
    .openapi(remove, async (c) => await unsubscribe(c, deps, c.req.valid('param').name))
    .openapi(rotate, async (c) => {
      const { name } = c.req.valid('param');
      const answer = await onceOutside(c, deps, null, async () => {
        const secret = newSecret();
        const sealed = deps.seal.close(secret);
        const by = c.get('operator').name;
        const until = await rotateSecret(deps.database, { name, sealed, by });
        if (!until) throw notFound('HTTP subscriber');
        return { name, secret, previous_until: until.toISOString() };
      });
      return c.json(answer, 200);
    })
    .openapi(tryIt, async (c) => {
      const { name } = c.req.valid('param');
      const tried = await onceOutside(c, deps, null, async () => {
        const result = await deps.trySubscriber(name);
        if (!result) throw notFound('HTTP subscriber');
        return result;
      });
      return c.json(tried, 200);
    });
}

/** @throws Problem 409 or 422 */
async function check(
  deps: ApiDependencies,
  name: string,
  { url, event_types }: { url: string; event_types: string[] },
): Promise<void> {
  const wrong = refusedName(name);
  if (wrong) throw invalid([{ path: 'name', message: wrong }]);
  if (isReserved(name))
    throw conflict(`The subscriber ${name} is Knock-on's own: choose another name.`);
  const refusal = await deps.isAllowedWebhookUrl(url);
  if (refusal) throw invalid([{ path: 'url', message: refusal }]);
  await checkEventTypes(deps, event_types);
}

function asConflict(error: unknown): never {
  if (error instanceof TakenNameError) throw conflict(`Nothing is changed: ${error.message}.`);
  throw error;
}

async function unsubscribe(c: Context<Env>, deps: ApiDependencies, name: string) {
  const given = { name, by: c.get('operator').name, open: 'finish' as const };
  return await beginAs(c, deps, null, (tx) => retire(tx, given, deps.temporalUi)).catch(
    async (error) => {
      throw error instanceof SubscriberUnknownError
        ? await noSuchSubscriber(deps.database, name)
        : error;
    },
  );
}
