import type { ApiDependencies } from '../../dependencies.ts';
import { router } from '../../router.ts';
import { opsVerifyRoutes } from '../ops-verify.ts';
import { opsLogRoutes } from './log.ts';
import { operatorRoutes } from './operators.ts';
import { opsSubscriberRoutes } from './subscribers.ts';

/** What operators see and do, a file of routes a noun; who calls is in `c.get('operator')`. A new one is a line here. */
const all = [opsVerifyRoutes, opsLogRoutes, operatorRoutes, opsSubscriberRoutes];

/** Everything under /v1/ops. */
export function opsRoutes(deps: ApiDependencies) {
  const routes = router();
  for (const some of all) routes.route('/', some(deps));
  return routes;
}
