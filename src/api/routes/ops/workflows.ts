import { z } from '@hono/zod-openapi';
import { workflowLink } from '../../../ops/inspect/temporal-ui.ts';
import { resetOne } from '../../../ops/operations/reset.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { text } from '../../fields.ts';
import { conflict, notFound } from '../../problem.ts';
import { body, declareRoute, json, router } from '../../router.ts';
import { letters, lettersOf } from './dead-letters.ts';
import { accepted, begin, perSecond, reason } from './operations.ts';

/** Resets a second, unless it is said: the server's own batch does 50, beside live traffic. */
const PACE = 20;

const reset = declareRoute('POST /v1/ops/workflows/{id}/reset', 'resetWorkflow', {
  summary: 'Reset a workflow that has ended to its first task; what is done is not done twice',
  refuses: [409],
  request: { params: z.object({ id: text(1, 255) }) },
  responses: {
    200: json(
      z
        .object({ id: z.string(), run_id: z.string(), url: z.string().nullable() })
        .openapi('ResetWorkflow'),
      'The workflow, with its new run.',
    ),
  },
});

const bulk = declareRoute('POST /v1/ops/resets', 'createReset', {
  summary: 'Reset the workflows that have given up these dead letters',
  creates: true,
  request: { body: body(letters({ per_second: perSecond, reason }).openapi('Resets')) },
  responses: accepted,
});

/** Temporal's own reset, of one workflow or of many. */
export const workflowRoutes = (deps: ApiDependencies) =>
  router()
    .openapi(reset, async (c) => {
      const { id } = c.req.valid('param');
      if (!deps.resetWorkflow) throw noWorkflows();
      const answer = await resetOne(
        { database: deps.database, resetWorkflow: deps.resetWorkflow },
        id,
        c.get('operator').name,
      );
      if ('refused' in answer)
        throw answer.refused === 'absent' ? notFound('workflow') : conflict(answer.why);
      const ui = deps.temporalUi;
      return c.json(
        { ...(ui ? workflowLink(ui, id, answer.runId) : { id, url: null }), run_id: answer.runId },
        200,
      );
    })
    .openapi(bulk, (c) => {
      const given = c.req.valid('json');
      if (!deps.resetWorkflow) throw noWorkflows();
      const { per_second = PACE } = given;
      const input = { ...lettersOf(given) };
      return begin(c, deps, given, { verb: 'reset', input, per_second });
    });

const noWorkflows = () =>
  conflict(
    'There are no workflows under KNOCKON_TRANSPORT=pg-boss; retry the dead letters instead ' +
      '(POST /v1/ops/dead_letters/retry).',
  );
