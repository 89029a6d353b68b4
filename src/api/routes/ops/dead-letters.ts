import { z } from '@hono/zod-openapi';
import {
  type DeadLetterSelection,
  listCauses,
  listDeadLetters,
} from '../../../ops/inspect/dead-letters.ts';
import { workflowLink } from '../../../ops/inspect/temporal-ui.ts';
import { discard } from '../../../ops/operations/discard.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { moment, text, timestamp, typeName, uuid } from '../../fields.ts';
import { heavily, LISTING } from '../../heavy-reads.ts';
import { onceOutside } from '../../middleware/idempotency.ts';
import { idCursor, limit, pageOf, toIdPage } from '../../paging.ts';
import { body, declareRoute, json, router } from '../../router.ts';
import { accepted, begin, perSecond, reason } from './operations.ts';

const filters = {
  subscriber: text(1, 255).optional(),
  cause: text(1, 255).optional().openapi({ description: 'Exactly this one.', example: 'HTTP 500' }),
  from: moment.optional().openapi({ description: 'Given up at that moment or later.' }),
  to: moment.optional().openapi({ description: 'Given up before that moment.' }),
  type: typeName.optional(),
  workspace_id: uuid.optional(),
  message_id: uuid.optional(),
};

const some = {
  ids: z.array(uuid).min(1).max(1000).optional(),
  filter: z.strictObject(filters).optional(),
};
const exactlyOne = (given: { ids?: unknown; filter?: unknown }) =>
  (given.ids === undefined) !== (given.filter === undefined);
const eitherOr = {
  path: ['filter'],
  message: 'must be given, or ids instead; {} means all of them',
};

/** Dead letters by their ids, or all that fit a filter; what else is in the body beside them. */
export const letters = <More extends z.ZodRawShape>(more: More) =>
  z
    .strictObject({ ...some, ...more })
    .refine(exactlyOne, eitherOr)
    .openapi({ oneOf: [{ required: ['ids'] }, { required: ['filter'] }] });

/** As an operation keeps it. */
export const lettersOf = ({
  ids,
  filter,
}: {
  ids?: string[];
  filter?: Record<string, unknown>;
}): DeadLetterSelection => (ids ? { ids } : { filter: JSON.parse(JSON.stringify(filter ?? {})) });

const letter = z
  .object({
    id: uuid,
    event_id: uuid,
    type: z.string(),
    workspace_id: uuid,
    channel_id: uuid.nullable(),
    message_id: uuid.nullable(),
    subscriber: z.string(),
    target: z.string().nullable().openapi({
      description: 'The id of an endpoint or of a notification; null for the event as a whole.',
    }),
    cause: z.string().openapi({ example: 'HTTP 500' }),
    reason: z.string(),
    attempts: z.int(),
    created_at: timestamp,
    retrying: z.boolean().openapi({ description: 'Whether somebody is trying it again.' }),
    workflow: z.object({ id: z.string(), url: z.string().nullable() }).nullable(),
  })
  .openapi('DeadLetter');

const cause = z
  .object({
    subscriber: z.string(),
    cause: z.string(),
    count: z.int(),
    first: timestamp,
    last: timestamp,
    example: z.object({
      id: uuid,
      event_id: uuid,
      message_id: uuid.nullable(),
      reason: z.string(),
      dispatch_id: uuid,
    }),
  })
  .openapi('DeadLetterCause');

const list = declareRoute('GET /v1/ops/dead_letters', 'listDeadLetters', {
  summary: 'List what was given up, newest first',
  request: { query: z.strictObject({ ...filters, limit, cursor: idCursor }) },
  responses: { 200: json(pageOf(letter), 'Dead letters.') },
});

const causes = declareRoute('GET /v1/ops/dead_letters/causes', 'listDeadLetterCauses', {
  summary: 'Group what was given up by subscriber and cause',
  request: { query: z.strictObject(filters) },
  responses: {
    200: json(
      z.object({ data: z.array(cause) }).openapi('DeadLetterCauses'),
      'Causes, the most frequent first, 200 at most.',
    ),
  },
});

const retry = declareRoute('POST /v1/ops/dead_letters/retry', 'retryDeadLetters', {
  summary: 'Try dead letters again; what is done of them is not done twice',
  creates: true,
  request: { body: body(letters({ per_second: perSecond, reason }).openapi('Retry')) },
  responses: accepted,
});

const give = declareRoute('POST /v1/ops/dead_letters/discard', 'discardDeadLetters', {
  summary: 'Discard dead letters for good; the audit chain keeps who and why',
  creates: true,
  request: { body: body(letters({ reason: text(1, 1000) }).openapi('Discard')) },
  responses: {
    200: json(
      z.object({ discarded: z.int() }).openapi('Discarded'),
      'How many effects were discarded.',
    ),
  },
});

function workflowOf(
  ui: ApiDependencies['temporalUi'],
  { dispatch_id, restarts }: { dispatch_id: string; restarts: number },
) {
  return ui && workflowLink(ui, restarts === 0 ? dispatch_id : `${dispatch_id}.${restarts}`);
}

/** What was given up: looking at it, trying it again, and giving it up for good. */
export const deadLetterRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(list, async (c) => {
      const { limit, cursor, ...filter } = c.req.valid('query');
      const rows = await heavily(c, deps.heavy, LISTING, (pg) =>
        listDeadLetters(pg, { filter, limit: limit + 1, before: cursor }),
      );
      const show = ({ dispatch_id, restarts, ...row }: (typeof rows)[number]) => ({
        ...row,
        workflow: workflowOf(deps.temporalUi, { dispatch_id, restarts }),
      });
      return c.json(toIdPage(rows, limit, show), 200);
    })
    .openapi(causes, async (c) => {
      const filter = c.req.valid('query');
      return c.json(
        { data: await heavily(c, deps.heavy, LISTING, (pg) => listCauses(pg, filter)) },
        200,
      );
    })
    .openapi(retry, (c) => {
      const given = c.req.valid('json');
      return begin(c, deps, given, { verb: 'retry', input: { ...lettersOf(given) } });
    })
    .openapi(give, async (c) => {
      const given = c.req.valid('json');
      const by = c.get('operator').name;
      const answer = await onceOutside(c, deps, given, async () => ({
        discarded: await discard(deps.database, lettersOf(given), by, given.reason),
      }));
      return c.json(answer, 200);
    });
