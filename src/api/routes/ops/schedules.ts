import { z } from '@hono/zod-openapi';
import type { Transaction } from '../../../db/client.ts';
import { RunMisfitError } from '../../../ops/schedules/check-run.ts';
import {
  BackfillError,
  backfillSchedule,
  deleteSchedule,
  pauseSchedule,
  resumeSchedule,
  triggerSchedule,
} from '../../../ops/schedules/control.ts';
import { listSchedules, readSchedule } from '../../../ops/schedules/list.ts';
import { type PutSchedule, putSchedule, ScheduleUnknownError } from '../../../ops/schedules/put.ts';
import { payloadAt } from '../../../ops/schedules/runs.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { text, uuid } from '../../fields.ts';
import { didYouMean } from '../../find.ts';
import { once } from '../../middleware/idempotency.ts';
import { cursor, limit, pageOf, toPlainPage } from '../../paging.ts';
import { invalid, notFound, Problem } from '../../problem.ts';
import { body, declareRoute, json, router } from '../../router.ts';
import { checkEvent } from '../emit/check-event.ts';
import {
  backfilled,
  backfillRange,
  emittedRun,
  newSchedule,
  newScheduleParams,
  scheduleParams as params,
  schedule,
  scheduleInFull,
} from './schedule-schema.ts';

const list = declareRoute('GET /v1/ops/schedules', 'listSchedules', {
  summary: 'List schedules by name',
  request: {
    query: z.strictObject({ workspace_id: uuid.optional(), limit, cursor: cursor(z.string()) }),
  },
  responses: { 200: json(pageOf(schedule), 'Schedules.') },
});

const now = { 200: json(scheduleInFull, 'The schedule as it is now.') };

const read = declareRoute('GET /v1/ops/schedules/{name}', 'getSchedule', {
  summary: 'Read a schedule: when it runs next, and its newest runs',
  request: { params },
  responses: now,
});

const replace = z.enum(['true', 'false']).default('false').openapi({
  description: '`true`: a schedule of that name that says something else is changed.',
});

const put = declareRoute('PUT /v1/ops/schedules/{name}', 'putSchedule', {
  summary: 'Emit an event again and again',
  description:
    'The same once more changes nothing. 409 where there is a schedule of that name that says ' +
    'something else, unless `replace=true`.',
  refuses: [409],
  request: {
    params: newScheduleParams,
    query: z.strictObject({ replace }),
    body: body(newSchedule),
  },
  responses: now,
});

const remove = declareRoute('DELETE /v1/ops/schedules/{name}', 'deleteSchedule', {
  summary: 'Delete a schedule; the events that it has emitted stay',
  request: { params },
  responses: { 204: { description: 'It is deleted.' } },
});

const pause = declareRoute('POST /v1/ops/schedules/{name}/pause', 'pauseSchedule', {
  summary: 'Emit nothing of it until it is resumed; what is due meanwhile is skipped',
  request: {
    params,
    body: body(z.strictObject({ reason: text(1, 500) }).openapi('SchedulePause')),
  },
  responses: now,
});

const resume = declareRoute('POST /v1/ops/schedules/{name}/resume', 'resumeSchedule', {
  summary: 'Go on with the first run from now on',
  request: { params },
  responses: now,
});

const trigger = declareRoute('POST /v1/ops/schedules/{name}/trigger', 'triggerSchedule', {
  summary: 'Emit a run at once, also while it is paused',
  creates: true,
  request: { params },
  responses: { 200: json(emittedRun, 'What was emitted.') },
});

const backfill = declareRoute('POST /v1/ops/schedules/{name}/backfill', 'backfillSchedule', {
  summary: 'Emit the runs of a time that were missed or skipped: 500 at most',
  description: 'Each run is emitted once: the same backfill again emits nothing.',
  request: { params, body: body(backfillRange) },
  responses: { 200: json(backfilled, 'What was emitted.') },
});

/** @throws Problem where it was left as it was */
function throwIfLeft(name: string, put: PutSchedule): void {
  if (put.state === 'refused') throw invalid(put.issues);
  if (put.state === 'no workspace') throw notFound('workspace');
  if (put.state !== 'taken') return;
  throw new Problem(
    409,
    `There is a schedule ${name} already, with another ${put.differs.join(', another ')}. ` +
      'Take another name, or pass replace=true to change it.',
    { type: 'schedule-exists' },
  );
}

/** What the routes of schedules have in common. */
function tools(deps: ApiDependencies) {
  const { database } = deps;
  /** @throws Problem 404 */
  const show = async (name: string) => {
    const found = await readSchedule(database.pg, name);
    if (!found) throw await noSuchSchedule(deps, name);
    return found;
  };
  /** @throws Problem 404, 422 */
  const explained = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof BackfillError)
        throw invalid([{ path: error.path, message: error.message }]);
      if (error instanceof RunMisfitError) throw invalid(error.issues);
      throw error instanceof ScheduleUnknownError
        ? await noSuchSchedule(deps, error.message)
        : error;
    }
  };
  const inTransaction = <T>(work: (tx: Transaction) => Promise<T>) =>
    explained(database.db.transaction(work));
  return { show, explained, inTransaction };
}

/** Schedules: listed, made, changed and deleted. */
export function scheduleRoutes(deps: ApiDependencies) {
  const { database, eventTypes } = deps;
  const { show, explained, inTransaction } = tools(deps);
  return router()
    .openapi(list, async (c) => {
      const { limit, cursor, workspace_id: workspace } = c.req.valid('query');
      const rows = await listSchedules(database.pg, { workspace, after: cursor, limit: limit + 1 });
      return c.json(
        toPlainPage(rows, limit, ({ name }) => name),
        200,
      );
    })
    .openapi(read, async (c) => c.json(await show(c.req.valid('param').name), 200))
    .openapi(put, async (c) => {
      const { name } = c.req.valid('param');
      const given = c.req.valid('json');
      const payload = payloadAt(given.payload, new Date().toISOString());
      const value = { type: given.event_type, payload, key: given.key ?? undefined };
      await checkEvent(eventTypes, { value, names: { type: 'event_type' } });
      const options = {
        by: c.get('operator').name,
        replace: c.req.valid('query').replace === 'true',
      };
      const workspace_id = given.workspace_id.toLowerCase();
      const made = putSchedule(database, { ...given, name, workspace_id }, options);
      throwIfLeft(name, await explained(made));
      return c.json(await show(name), 200);
    })
    .openapi(remove, async (c) => {
      const { name } = c.req.valid('param');
      const by = c.get('operator').name;
      await inTransaction((tx) => deleteSchedule(tx, { name, by }));
      return c.body(null, 204);
    });
}

/** What operators do to a schedule. */
export function scheduleControlRoutes(deps: ApiDependencies) {
  const { show, explained, inTransaction } = tools(deps);
  return router()
    .openapi(pause, async (c) => {
      const { name } = c.req.valid('param');
      const { reason } = c.req.valid('json');
      const by = c.get('operator').name;
      await inTransaction((tx) => pauseSchedule(tx, { name, reason, by }));
      return c.json(await show(name), 200);
    })
    .openapi(resume, async (c) => {
      const { name } = c.req.valid('param');
      const by = c.get('operator').name;
      await inTransaction((tx) => resumeSchedule(tx, { name, by }));
      return c.json(await show(name), 200);
    })
    .openapi(trigger, async (c) => {
      const which = { name: c.req.valid('param').name, by: c.get('operator').name };
      const triggered = once(c, deps, null, (tx) => triggerSchedule(tx, which));
      return c.json(await explained(triggered), 200);
    })
    .openapi(backfill, async (c) => {
      const which = { name: c.req.valid('param').name, by: c.get('operator').name };
      const range = c.req.valid('json');
      const emitted = inTransaction((tx) => backfillSchedule(tx, { ...which, ...range }));
      return c.json(await emitted, 200);
    });
}

/** 404, with the nearest name. */
async function noSuchSchedule({ database }: ApiDependencies, name: string): Promise<Problem> {
  const all = await listSchedules(database.pg, { limit: 500 });
  const names = all.map((one) => one.name);
  if (names.length === 0) return new Problem(404, 'There is no schedule at all yet.');
  return new Problem(404, `There is no such schedule${didYouMean(name, names)}`);
}
