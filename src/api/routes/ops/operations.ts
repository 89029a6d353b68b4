import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Transaction } from '../../../db/client.ts';
import {
  changeOperation,
  createOperation,
  listOperations,
  type NewOperation,
  type OperationChange,
  type OperationView,
  readOperation,
} from '../../../ops/operations/operations.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { text, timestamp, uuid } from '../../fields.ts';
import { once } from '../../middleware/idempotency.ts';
import { requestOf } from '../../middleware/request-id.ts';
import { idCursor, limit, pageOf, toIdPage } from '../../paging.ts';
import { conflict, notFound } from '../../problem.ts';
import { declareRoute, type Env, json, router } from '../../router.ts';

export const operationSchema = z
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
    eta_seconds: z
      .number()
      .nullable()
      .openapi({ description: 'Null while nothing is known, and once it has ended.' }),
    failures: z
      .array(z.object({ subject: z.string(), reason: z.string() }))
      .openapi({ description: 'The first 100 that failed.' }),
    error: z.string().nullable(),
    created_at: timestamp,
    finished_at: timestamp.nullable(),
    workflow: z
      .object({ id: z.string(), url: z.string().nullable() })
      .nullable()
      .openapi({ description: 'Null under a transport that has no workflows.' }),
  })
  .openapi('Operation');

/** How operations are declared that begin an operation. */
export const accepted = {
  202: json(operationSchema, 'The operation; read how far it is at /v1/ops/operations/{id}.'),
};

/** How fast: `per_second` of a body. */
export const perSecond = z
  .number()
  .positive()
  .max(100_000)
  .optional()
  .openapi({ description: 'Events per second at most.', example: 200 });

/** Why, for the action log. */
export const reason = text(1, 1000).optional().openapi({ description: 'For the action log.' });

/**
 * Creates an operation, answers it and wakes the process that runs operations. The same
 * Idempotency-Key gives the same operation.
 *
 * @param given the body
 * @param check as `once` takes it
 */
export async function begin(
  c: Context<Env>,
  deps: ApiDependencies,
  given: { per_second?: number | undefined; reason?: string | undefined },
  operation: Omit<NewOperation, 'by'>,
  check?: () => Promise<unknown>,
) {
  const asked = { per_second: given.per_second, ...operation, by: c.get('operator').name };
  const make = (tx: Transaction) => createOperation(tx, asked, deps.temporalUi, given.reason);
  return await beginAs(c, deps, given, make, check);
}

/** The same for an operation that `make` makes, together with what else it changes. */
export async function beginAs(
  c: Context<Env>,
  deps: ApiDependencies,
  given: unknown,
  make: (tx: Transaction) => Promise<OperationView>,
  check?: () => Promise<unknown>,
) {
  const made = await once(c, deps, given, make, check);
  // Where the transport is away, a process with a dispatcher begins it later.
  await deps.driver
    ?.start(made)
    .catch((err) =>
      deps.log.warn(
        { ...requestOf(c), err, operation: made.id },
        'could not start an operation; a process with a dispatcher will',
      ),
    );
  return c.json(made, 202);
}

const params = z.object({ id: uuid });

/** Where operations are read and changed. `/v1/ops/jobs` is what the address was called before. */
const addresses = [
  { path: '/v1/ops/operations', noun: 'Operation', deprecated: false },
  { path: '/v1/ops/jobs', noun: 'Job', deprecated: true },
] as const;
type Address = (typeof addresses)[number];

const list = ({ path, noun, deprecated }: Address) =>
  declareRoute(`GET ${path}`, `list${noun}s`, {
    deprecated,
    summary: 'List operations, newest first',
    request: { query: z.strictObject({ limit, cursor: idCursor }) },
    responses: { 200: json(pageOf(operationSchema), 'Operations.') },
  });

const read = ({ path, noun, deprecated }: Address) =>
  declareRoute(`GET ${path}/{id}`, `get${noun}`, {
    deprecated,
    summary: 'Read how far an operation is',
    request: { params },
    responses: { 200: json(operationSchema, 'The operation.') },
  });

const change = ({ path, noun, deprecated }: Address, verb: OperationChange, summary: string) =>
  declareRoute(`POST ${path}/{id}/${verb}`, `${verb}${noun}`, {
    deprecated,
    summary,
    refuses: [409],
    request: { params },
    responses: { 200: json(operationSchema, 'The operation as it is now.') },
  });

async function changed(c: Context<Env>, deps: ApiDependencies, id: string, verb: OperationChange) {
  const isChanged = await changeOperation(deps.database, id, verb, c.get('operator').name);
  const found = await readOperation(deps.database.pg, id, deps.temporalUi);
  if (!found) throw notFound('operation');
  if (!isChanged)
    throw conflict(
      `The operation is ${found.state}: it can't be ` +
        `${verb === 'cancel' ? 'cancelled' : `${verb}d`}.`,
    );
  await deps.driver
    ?.wake(found)
    .catch((err) =>
      deps.log.warn(
        { ...requestOf(c), err, operation: id },
        'could not wake an operation; it looks itself in a while',
      ),
    );
  return c.json(found, 200);
}

/** Operations: how far they are; pausing, resuming and cancelling them. */
export const operationRoutes = (deps: ApiDependencies) => {
  const routes = router();
  for (const address of addresses)
    routes
      .openapi(list(address), async (c) => {
        const { limit, cursor } = c.req.valid('query');
        const rows = await listOperations(
          deps.database.pg,
          { limit: limit + 1, before: cursor },
          deps.temporalUi,
        );
        return c.json(toIdPage(rows, limit), 200);
      })
      .openapi(read(address), async (c) => {
        const found = await readOperation(
          deps.database.pg,
          c.req.valid('param').id,
          deps.temporalUi,
        );
        if (!found) throw notFound('operation');
        return c.json(found, 200);
      })
      .openapi(change(address, 'pause', 'Pause an operation; what it has begun is finished'), (c) =>
        changed(c, deps, c.req.valid('param').id, 'pause'),
      )
      .openapi(change(address, 'resume', 'Resume a paused operation'), (c) =>
        changed(c, deps, c.req.valid('param').id, 'resume'),
      )
      .openapi(
        change(address, 'cancel', 'Cancel an operation; what it has begun is finished'),
        (c) => changed(c, deps, c.req.valid('param').id, 'cancel'),
      );
  return routes;
};
