import { z } from '@hono/zod-openapi';
import { closest } from 'fastest-levenshtein';
import { readActionLog } from '../../../ops/access/action-log.ts';
import { ACTIONS } from '../../../ops/access/actions.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { text, timestamp, uuid } from '../../fields.ts';
import { idCursor, limit, pageOf, toIdPage } from '../../paging.ts';
import { declareRoute, json, router } from '../../router.ts';

const entry = z
  .object({
    id: uuid,
    at: timestamp,
    by: z.string().openapi({
      description:
        "An operator's name; `operator` for KNOCKON_ADMIN_KEY, `knockon` for what happened by " +
        'itself.',
    }),
    verb: z.string().openapi({ example: 'pause' }),
    subject: z.string().openapi({ description: 'What it was done to.', example: 'search' }),
    detail: z.record(z.string(), z.unknown()),
    reason: z.string().nullable(),
  })
  .openapi('OperationsLogEntry');

const filter = (description: string) => text(1, 255).optional().openapi({ description });

const verb = z
  .string()
  .superRefine((value, context) => {
    if ((ACTIONS as readonly string[]).includes(value)) return;
    const message =
      `is no verb of the log; did you mean ${closest(value.slice(0, 100), ACTIONS)}? Known are ` +
      `${ACTIONS.join(', ')}`;
    context.addIssue({ code: 'custom', message });
  })
  .optional()
  .openapi({ description: 'Only this verb.', enum: ACTIONS });

const list = declareRoute('GET /v1/ops/log', 'listOperationsLog', {
  summary: 'Who did what, when and why',
  request: {
    query: z.strictObject({
      limit,
      cursor: idCursor,
      verb,
      subject: filter('Only what was done to this.'),
      by: filter('Only what this operator did.'),
    }),
  },
  responses: { 200: json(pageOf(entry), 'Entries, newest first.') },
});

/** The action log. */
export const opsLogRoutes = ({ database }: ApiDependencies) =>
  router().openapi(list, async (c) => {
    const { limit, cursor, ...filters } = c.req.valid('query');
    const rows = await readActionLog(database, { ...filters, before: cursor, limit: limit + 1 });
    return c.json(toIdPage(rows, limit), 200);
  });
