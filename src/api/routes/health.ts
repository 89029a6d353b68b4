import { z } from '@hono/zod-openapi';
import type { TypedResponse } from 'hono';
import { Registry } from 'prom-client';
import { answerAsset, makeAsset } from '../asset.ts';
import { cachedFor } from '../cached-for.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { noLimits } from '../limits/index.ts';
import { guard } from '../middleware/guard.ts';
import { onError, onUnrouted } from '../middleware/problems.ts';
import { requestId, requestOf } from '../middleware/request-id.ts';
import { declareRoute, json, router } from '../router.ts';

const open = { security: [], tags: ['Health'] };
const readinessSchema = z
  .object({ ok: z.boolean(), detail: z.record(z.string(), z.unknown()) })
  .openapi('Readiness');

const health = declareRoute('GET /healthz', 'getHealth', {
  ...open,
  summary: 'Whether the process answers',
  responses: { 200: json(z.object({ ok: z.boolean() }), 'It does.') },
});

const ready = declareRoute('GET /readyz', 'getReadiness', {
  ...open,
  summary: 'Whether events make progress, and so requests should come here',
  responses: {
    200: json(readinessSchema, 'Ready.'),
    503: json(readinessSchema, 'Not ready; `detail` says why.'),
  },
});

const metrics = declareRoute('GET /metrics', 'getMetrics', {
  ...open,
  summary: 'Metrics in the Prometheus text format',
  description:
    "Asks for an operator's key where the API can be reached from other machines; " +
    'KNOCKON_METRICS_PORT is a port that does not.',
  refuses: [401, 429],
  responses: {
    200: { description: 'Metrics.', content: { 'text/plain': { schema: z.string() } } },
  },
});

type Scraped = Response & TypedResponse<string, 200, 'text'>;

/** How old metrics may be, in ms: those who scrape at once share one collection. */
const SCRAPED_MS = 1000;

/** What operators and load balancers ask. */
export const healthRoutes = (
  { readiness, log }: Pick<ApiDependencies, 'readiness' | 'log'>,
  registry: Registry,
) => {
  const scrape = cachedFor(
    SCRAPED_MS,
    async () => await makeAsset(registry.contentType, await registry.metrics()),
  );
  return router()
    .openapi(health, (c) => c.json({ ok: true }, 200))
    .openapi(ready, async (c) => {
      const found = await readiness().catch((error) => {
        log.warn({ ...requestOf(c), err: error }, 'readiness could not be told');
        return { ok: false, detail: { error: 'readiness could not be told; the log says why' } };
      });
      return c.json(found, found.ok ? 200 : 503);
    })
    .openapi(metrics, async (c) => answerAsset(c, await scrape()) as Scraped);
};

/** Health and metrics by themselves, without a key: for a port that only operators reach. */
export function createHealthApp(deps: Pick<ApiDependencies, 'readiness' | 'log' | 'metrics'>) {
  const app = router();
  app.onError(onError(deps.log));
  app.use(requestId);
  app.use(guard(noLimits));
  app.route('/', healthRoutes(deps, deps.metrics ?? new Registry()));
  app.notFound(onUnrouted(app));
  return app;
}
