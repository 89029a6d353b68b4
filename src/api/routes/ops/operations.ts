import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { changeOperation, createOperation, type OperationChange, listOperations, type NewOperation, readOperation } from '../../../ops/operations/operations.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { text, timestamp, uuid } from '../../fields.ts';
import { once } from '../../middleware/idempotency.ts';
import { requestOf } from '../../middleware/request-id.ts';
import { idCursor, limit, pageOf, toPlainPage } from '../../paging.ts';
import { conflict, notFound } from '../../problem.ts';
import { type Env, forOperators, json, operation, router } from '../../router.ts';

export const job = z
  .object({
    id: uuid,
    verb: z.enum(['retry', 'reset', 'replay', 'backfill', 'rebuild', 'retire']),
    input: z.record(z.string(), z.unknown()).openapi({ description: 'What was asked.' }),
    by: z.string(),
    state: z.enum(['running', 'paused', 'done', 'cancelled', 'failed']),
    done: z.int(),
    skipped: z.int().openapi({ description: 'Of `done`, what there was nothing to do for.' }),
    failed: z.int(),
    total: z.int().nullable().openapi({ description: 'Null until it has been counted.' }),
    per_second: z.number().nullable(),
    eta_seconds: z.number().nullable().openapi({ description: 'Null while nothing is known, and once it has ended.' }),
    failures: z.array(z.object({ subject: z.string(), reason: z.string() })).openapi({ description: 'The first 100 that failed.' }),
    error: z.string().nullable(),
    created_at: timestamp,
    finished_at: timestamp.nullable(),
    workflow: z
      .object({ id: z.string(), url: z.string().nullable() })
      .nullable()
      .openapi({ description: 'Null under a transport that has no workflows.' }),
  })
  .openapi('Job');

/** How operations are declared that begin a job. */
export const accepted = { 202: json(job, 'The job; read how far it is at /v1/ops/jobs/{id}.') };

/** How fast: `per_second` of a body. */
export const perSecond = z.number().positive().max(100_000).optional().openapi({ description: 'Most a second.', example: 200 });

/** Why, for the log of operations. */
export const reason = text(1, 1000).optional().openapi({ description: 'For the log of operations.' });

/** Makes a job and answers it; whoever works on jobs is told. The same Idempotency-Key is the same job. */
export async function begin(c: Context<Env>, deps: ApiDependencies, given: unknown, job: Omit<NewOperation, 'by'>, why?: string) {
  const by = c.get('operator').name;
  const made = await once(c, deps, given, (tx) => createOperation(tx, { ...job, by }, deps.temporalUi, why));
  // Where the transport is away, a relay begins it later.
  await deps.driver
    ?.start(made)
    .catch((err) => deps.log.warn({ ...requestOf(c), err, job: made.id }, 'could not start a job; a relay will'));
  return c.json(made, 202);
}

const params = z.object({ id: uuid });

const list = operation({
  method: 'get',
  path: '/v1/ops/jobs',
  operationId: 'listJobs',
  ...forOperators,
  summary: 'List long work, newest first',
  request: { query: z.strictObject({ limit, cursor: idCursor }) },
  responses: { 200: json(pageOf(job), 'Jobs.') },
});

const read = operation({
  method: 'get',
  path: '/v1/ops/jobs/{id}',
  operationId: 'getJob',
  ...forOperators,
  summary: 'Read how far a job is',
  request: { params },
  responses: { 200: json(job, 'The job.') },
});

const change = (verb: OperationChange, summary: string) =>
  operation({
    method: 'post',
    path: `/v1/ops/jobs/{id}/${verb}` as const,
    operationId: `${verb}Job`,
    ...forOperators,
    summary,
    refuses: [409],
    request: { params },
    responses: { 200: json(job, 'The job as it is now.') },
  });

async function changed(c: Context<Env>, deps: ApiDependencies, id: string, verb: OperationChange) {
  const isChanged = await changeOperation(deps.database, id, verb, c.get('operator').name);
  const found = await readOperation(deps.database.sql, id, deps.temporalUi);
  if (!found) throw notFound('job');
  if (!isChanged) throw conflict(`The job is ${found.state}: it can't be ${verb === 'cancel' ? 'cancelled' : `${verb}d`}.`);
  await deps.driver
    ?.wake(found)
    .catch((err) => deps.log.warn({ ...requestOf(c), err, job: id }, 'could not wake a job; it looks itself in a while'));
  return c.json(found, 200);
}

/** Long work: how far it is, and holding it up. */
export const jobRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const rows = await listOperations(deps.database.sql, { limit: limit + 1, before: cursor }, deps.temporalUi);
      const page = toPlainPage(rows, limit, (row) => row.id);
      return c.json(page, 200);
    })
    .openapi(read, async (c) => {
      const found = await readOperation(deps.database.sql, c.req.valid('param').id, deps.temporalUi);
      if (!found) throw notFound('job');
      return c.json(found, 200);
    })
    .openapi(change('pause', 'Hold a job up; what it has begun is seen through'), (c) => changed(c, deps, c.req.valid('param').id, 'pause'))
    .openapi(change('resume', 'Let a paused job go on'), (c) => changed(c, deps, c.req.valid('param').id, 'resume'))
    .openapi(change('cancel', 'Cancel a job; what it has begun is seen through'), (c) =>
      changed(c, deps, c.req.valid('param').id, 'cancel'),
    );
