import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Database } from '../../../db/client.ts';
import { databaseTime } from '../../../db/server.ts';
import { SubscriberUnknownError } from '../../../ops/controls/controls.ts';
import { limit as setLimit } from '../../../ops/controls/limit.ts';
import { openWays } from '../../../ops/controls/open-ways.ts';
import { drain, pause } from '../../../ops/controls/pause.ts';
import { resume } from '../../../ops/controls/resume.ts';
import { HandOverError, reinstate, retire } from '../../../ops/controls/retire.ts';
import { limitWorkspaces, WorkspaceLimitError } from '../../../ops/controls/workspace-limit.ts';
import { scaleAdvice } from '../../../ops/status/scale.ts';
import { subscriberStatuses } from '../../../ops/status/subscriber-status.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { moment, text, uuid, whole } from '../../fields.ts';
import { noSuchSubscriber } from '../../find.ts';
import { inPlace, LISTING } from '../../heavy-reads.ts';
import { cursor, limit, pageOf, toPlainPage } from '../../paging.ts';
import { invalid } from '../../problem.ts';
import { body, declareRoute, type Env, json, router } from '../../router.ts';
import { accepted, beginAs } from './operations.ts';
import {
  advice,
  eventsPerSecond,
  hasLimit,
  NO_LIMIT,
  status,
  subscriberName,
  workspaceLimit,
} from './subscriber-schema.ts';

const name = subscriberName;
const params = z.object({ name });
const reason = text(1, 500).openapi({
  description: 'Why, for the next person who looks.',
  example: 'the index is being moved',
});
const until = moment
  .optional()
  .openapi({ description: 'When it resumes by itself; default: when somebody resumes it.' });
const answer = { 200: json(status, 'The subscriber as it is now.') };

const list = declareRoute('GET /v1/ops/subscribers', 'opsListSubscribers', {
  summary: 'How each subscriber is doing',
  request: { query: z.strictObject({ limit, cursor: cursor(z.string()) }) },
  responses: { 200: json(pageOf(status), 'Subscribers by name.') },
});

const read = declareRoute('GET /v1/ops/subscribers/{name}', 'opsGetSubscriber', {
  summary: 'How a subscriber is doing',
  request: { params },
  responses: answer,
});

const scale = declareRoute('GET /v1/ops/subscribers/{name}/scale', 'adviseSubscriberScale', {
  summary: 'How many workers a subscriber needs',
  request: {
    params,
    query: z.strictObject({
      within: whole(1, 86_400)
        .default(300)
        .openapi({ description: 'In how many seconds the backlog is to be done.', default: 300 }),
    }),
  },
  responses: { 200: json(advice, 'What is suggested, and from what.') },
});

const pauseIt = declareRoute('POST /v1/ops/subscribers/{name}/pause', 'pauseSubscriber', {
  summary: 'Let none of its calls begin; its events wait',
  request: { params, body: body(z.strictObject({ reason, until }).openapi('Pause')) },
  responses: answer,
});

const drainIt = declareRoute('POST /v1/ops/subscribers/{name}/drain', 'drainSubscriber', {
  summary: 'Pause, and say when nothing of it runs any more',
  request: { params, body: body(z.strictObject({ reason, until }).openapi('Drain')) },
  responses: answer,
});

const resumeIt = declareRoute('POST /v1/ops/subscribers/{name}/resume', 'resumeSubscriber', {
  summary: 'End a pause; what has waited is done',
  request: { params },
  responses: answer,
});

const limitIt = declareRoute('PUT /v1/ops/subscribers/{name}/limit', 'limitSubscriber', {
  summary: 'Limit how many events a second it does',
  request: {
    params,
    body: body(
      z
        .strictObject({
          per_second: eventsPerSecond.openapi({
            description: 'Of all workers together; null: any number.',
            example: 50,
          }),
        })
        .openapi('Limit'),
    ),
  },
  responses: answer,
});

const limitWorkspacesOfIt = declareRoute(
  'PUT /v1/ops/subscribers/{name}/workspace_limit',
  'limitSubscriberWorkspaces',
  {
    summary: 'Limit what one workspace may take of it, or every one',
    description:
      'What is beyond waits and uses up no tries, so that a workspace that floods leaves room for ' +
      'the others. A limit of one workspace goes before that of all, and that before what the ' +
      'effect itself says. Null takes one off; what is left out stays as it is.',
    request: {
      params,
      body: body(
        z
          .strictObject({
            workspace_id: uuid.optional().openapi({
              description: 'Default: every workspace that has no limit of its own.',
            }),
            ...workspaceLimit,
          })
          .refine(hasLimit, NO_LIMIT)
          .openapi('WorkspaceLimit', {
            anyOf: [{ required: ['concurrency'] }, { required: ['per_second'] }],
          }),
      ),
    },
    responses: answer,
  },
);

const retirement = z
  .strictObject({
    open: z
      .enum(openWays, { message: 'must be finish, discard or hand_over' })
      .default('finish')
      .openapi({ description: 'What becomes of what it has open.' }),
    to: name.optional().openapi({
      description:
        'With `hand_over`, and with that alone: whose work what is open is from then on.',
      example: 'links-2',
    }),
    reason: text(1, 1000)
      .optional()
      .openapi({ description: 'For the action log, and for what is given up.' }),
  })
  .superRefine(({ open, to }, context) => {
    if ((open === 'hand_over') === (to !== undefined)) return;
    const message =
      to === undefined
        ? 'must name the subscriber that takes over what is open'
        : 'must be left out, unless open is hand_over';
    context.addIssue({ code: 'custom', path: ['to'], message });
  })
  .openapi('Retire');

const retireIt = declareRoute('POST /v1/ops/subscribers/{name}/retire', 'retireSubscriber', {
  summary: 'Retire a subscriber: nothing new is for it; the others are left alone',
  description:
    'It is retired at once. The operation handles what is still open. `finish`: its workers do it, and ' +
    'the operation counts. `discard`: it is given up for good. `hand_over`: it is the work of ' +
    '`to`. Dead letters are open too, unless it is finished.\n\n' +
    'The same once more changes nothing, and answers the same operation. Another way may be ' +
    'asked for later.',
  creates: true,
  request: { params, body: body(retirement) },
  responses: accepted,
});

const reinstateIt = declareRoute(
  'DELETE /v1/ops/subscribers/{name}/retire',
  'reinstateSubscriber',
  {
    summary: 'Take a retirement back; a backfill brings what was missed',
    request: { params },
    responses: answer,
  },
);

/** Subscribers, and what operators do to one of them. */
export function opsSubscriberRoutes(deps: ApiDependencies) {
  const { database, queues, heavy } = deps;
  /** Waits for a change, and answers with the subscriber as it is then. */
  const answerAfter = async (c: Context<Env>, name: string, change: Promise<unknown>) => {
    await change.catch((error) => explainUnknown(database, name, error));
    return c.json(await show(deps, name), 200);
  };
  return router()
    .openapi(list, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const all = await inPlace(c, heavy, LISTING, (own) =>
        subscriberStatuses({ database: own, queues }),
      );
      const rows = all.filter((row) => cursor === undefined || row.name > cursor);
      const page = toPlainPage(rows.slice(0, limit + 1), limit, (row) => row.name);
      return c.json(page, 200);
    })
    .openapi(read, async (c) => c.json(await show(deps, c.req.valid('param').name), 200))
    .openapi(scale, async (c) => {
      const subscriber = await show(deps, c.req.valid('param').name);
      return c.json(await scaleAdvice(database.pg, subscriber, c.req.valid('query').within), 200);
    })
    .openapi(pauseIt, async (c) => {
      const { name } = c.req.valid('param');
      const asked = await inTheFuture(database, c.req.valid('json'));
      const given = { name, by: c.get('operator').name, ...asked };
      return await answerAfter(c, name, pause(deps, given));
    })
    .openapi(drainIt, async (c) => {
      const { name } = c.req.valid('param');
      const asked = await inTheFuture(database, c.req.valid('json'));
      const given = { name, by: c.get('operator').name, ...asked };
      return await answerAfter(c, name, drain(deps, given));
    })
    .openapi(resumeIt, async (c) => {
      const { name } = c.req.valid('param');
      return await answerAfter(c, name, resume(deps, { name, by: c.get('operator').name }));
    })
    .openapi(limitIt, async (c) => {
      const { name } = c.req.valid('param');
      const given = { name, by: c.get('operator').name, ...c.req.valid('json') };
      return await answerAfter(c, name, setLimit(deps, given));
    })
    .openapi(limitWorkspacesOfIt, async (c) => {
      const { name } = c.req.valid('param');
      const given = { name, by: c.get('operator').name, ...c.req.valid('json') };
      return await answerAfter(c, name, limitWorkspaces(database, given));
    })
    .openapi(retireIt, async (c) => {
      const { name } = c.req.valid('param');
      const given = c.req.valid('json');
      const by = c.get('operator').name;
      const retired = beginAs(c, deps, given, (tx) =>
        retire(tx, { ...given, name, by }, deps.temporalUi),
      );
      return await retired.catch((error) => explainRetirement(database, name, error));
    })
    .openapi(reinstateIt, async (c) => {
      const { name } = c.req.valid('param');
      return await answerAfter(c, name, reinstate(database, { name, by: c.get('operator').name }));
    });
}

/** @throws Problem 404 */
async function show(deps: ApiDependencies, name: string) {
  const [found] = await subscriberStatuses(deps, name);
  if (!found) throw await noSuchSubscriber(deps.database, name);
  return found;
}

/** @throws Problem 404 for an unknown subscriber, 422 for a wrong limit; else the error itself */
async function explainUnknown(database: Database, name: string, error: unknown): Promise<never> {
  if (error instanceof WorkspaceLimitError)
    throw invalid([{ path: error.path, message: error.message }]);
  throw error instanceof SubscriberUnknownError ? await noSuchSubscriber(database, name) : error;
}

/** @throws Problem 404 or 422 for a wrong subscriber; else the error itself */
async function explainRetirement(database: Database, name: string, error: unknown): Promise<never> {
  if (error instanceof HandOverError) throw invalid([{ path: 'to', message: error.message }]);
  if (!(error instanceof SubscriberUnknownError)) throw error;
  const problem = await noSuchSubscriber(database, error.message);
  throw error.message === name ? problem : invalid([{ path: 'to', message: problem.message }]);
}

async function inTheFuture<T extends { until?: Date }>({ pg }: Database, given: T): Promise<T> {
  if (given.until && given.until.getTime() <= (await databaseTime(pg)))
    throw invalid([{ path: 'until', message: 'must be a moment that is still to come' }]);
  return given;
}
