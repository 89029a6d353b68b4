import { z } from '@hono/zod-openapi';
import type { Registry } from 'prom-client';
import type { ApiDependencies } from '../dependencies.ts';
import { json, operation, router } from '../router.ts';

const open = { security: [], tags: ['Health'] };
const readinessSchema = z.object({ ok: z.boolean(), detail: z.record(z.string(), z.unknown()) }).openapi('Readiness');

const health = operation({
  method: 'get',
  path: '/healthz',
  ...open,
  summary: 'Whether the process answers',
  responses: { 200: json(z.object({ ok: z.boolean() }), 'It does.') },
});

const ready = operation({
  method: 'get',
  path: '/readyz',
  ...open,
  summary: 'Whether events make progress, and so requests should come here',
  responses: { 200: json(readinessSchema, 'Ready.'), 503: json(readinessSchema, 'Not ready; `detail` says why.') },
});

const metrics = operation({
  method: 'get',
  path: '/metrics',
  ...open,
  summary: 'Metrics in the Prometheus text format',
  responses: { 200: { description: 'Metrics.', content: { 'text/plain': { schema: z.string() } } } },
});

/** What operators and load balancers ask. */
export const healthRoutes = ({ readiness, log }: ApiDependencies, registry: Registry) =>
  router()
    .openapi(health, (c) => c.json({ ok: true }, 200))
    .openapi(ready, async (c) => {
      const found = await readiness().catch((error) => {
        log.warn({ err: error }, 'readiness could not be told');
        return { ok: false, detail: { error: 'readiness could not be told; the log says why' } };
      });
      return c.json(found, found.ok ? 200 : 503);
    })
    .openapi(metrics, async (c) => c.text(await registry.metrics(), 200, { 'content-type': registry.contentType }));
