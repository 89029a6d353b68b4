import { z } from '@hono/zod-openapi';
import type { ApiDependencies } from '../../dependencies.ts';
import { declareRoute, json, router } from '../../router.ts';

const finding = z
  .object({
    check: z.string().openapi({ example: 'workers' }),
    ok: z.boolean(),
    detail: z.string().openapi({ description: 'What was found.' }),
    remedy: z
      .string()
      .nullable()
      .openapi({ description: 'What to do; null where nothing is wrong.' }),
  })
  .openapi('Finding');

const diagnosis = z.object({ ok: z.boolean(), findings: z.array(finding) }).openapi('Diagnosis');

const doctor = declareRoute('GET /v1/ops/doctor', 'runDoctor', {
  acts: true,
  summary: 'Look at everything that is known to go wrong, and say what to do',
  responses: {
    200: json(
      diagnosis,
      'What was found; that something is wrong is an answer too, and so is that the database is ' +
        'away.',
    ),
  },
});

/** The doctor. */
export const doctorRoutes = ({ diagnose }: ApiDependencies) =>
  router().openapi(doctor, async (c) => c.json(await diagnose(), 200));
