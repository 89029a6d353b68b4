import { Registry } from 'prom-client';
import type { ApiDependencies } from './dependencies.ts';
import { noLimits } from './limits/index.ts';
import { guard } from './middleware/guard.ts';
import { onError, onUnrouted } from './middleware/problems.ts';
import { requestId } from './middleware/request-id.ts';
import { router } from './router.ts';
import { healthRoutes } from './routes/health.ts';

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
