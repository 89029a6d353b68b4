import { z } from '@hono/zod-openapi';
import { endSession } from '../../../ops/access/sessions.ts';
import { namespaceUrl } from '../../../ops/inspect/temporal-ui.ts';
import type { ApiDependencies } from '../../dependencies.ts';
import { timestamp } from '../../fields.ts';
import { takeSession } from '../../middleware/session.ts';
import { declareRoute, json, router } from '../../router.ts';

const session = z
  .object({
    name: z.string(),
    role: z.enum(['viewer', 'operator']),
    expires_at: timestamp
      .nullable()
      .openapi({ description: "When the console's session ends; null where a key was sent." }),
    temporal_ui: z.string().nullable().openapi({ description: 'Where the workflows are seen.' }),
  })
  .openapi('Session');

const signedIn: Record<string, string[]> = { operator: [] };

const read = declareRoute('GET /v1/ops/session', 'getSession', {
  // With `optional` nobody need be.
  security: [signedIn, {}],
  summary: 'Who calls, and what they may do',
  request: {
    query: z.strictObject({
      optional: z
        .enum(['true', 'false'], { message: 'must be true or false' })
        .optional()
        .openapi({
          description:
            '`true`: where no key is sent and nobody is signed in, the answer is 204 and not ' +
            '401. Default: false.',
        }),
    }),
  },
  responses: {
    200: json(session, 'The operator.'),
    204: { description: 'Nobody is signed in, and `optional` is true.' },
  },
});

const end = declareRoute('DELETE /v1/ops/session', 'endSession', {
  summary: 'Sign out of the console; a key that was sent stays what it is',
  responses: { 204: { description: 'Signed out.' } },
});

/** Who is signed in, and signing out. Signing in is below /console, and for browsers alone. */
export const sessionRoutes = ({ database, temporalUi }: ApiDependencies) =>
  router()
    .openapi(read, (c) => {
      const { name, role } = c.get('operator');
      const temporal_ui = temporalUi && namespaceUrl(temporalUi);
      return c.json(
        { name, role, expires_at: c.get('session')?.expires_at.toISOString() ?? null, temporal_ui },
        200,
      );
    })
    .openapi(end, async (c) => {
      const open = c.get('session');
      if (open) await endSession(database, open.id);
      if (open) takeSession(c);
      return c.body(null, 204);
    });
