import type { ApiDependencies } from '../../dependencies.ts';
import type { Keyring } from '../../keys.ts';
import { router } from '../../router.ts';
import { opsVerifyRoutes } from '../ops-verify.ts';
import { backfillRoutes } from './backfills.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { doctorRoutes } from './doctor.ts';
import { opsEndpointRoutes } from './endpoints.ts';
import { opsEventTypeRoutes } from './event-types.ts';
import { opsEventRoutes } from './events.ts';
import { historyRoutes } from './history.ts';
import { httpSubscriberRoutes } from './http-subscribers.ts';
import { opsKeyRoutes } from './keys.ts';
import { opsLogRoutes } from './log.ts';
import { operationRoutes } from './operations.ts';
import { operatorRoutes } from './operators.ts';
import { rebuildRoutes } from './rebuilds.ts';
import { replayRoutes } from './replays.ts';
import { scheduleControlRoutes, scheduleRoutes } from './schedules.ts';
import { opsSearchRoutes } from './search.ts';
import { sessionRoutes } from './session.ts';
import { streamRoutes } from './stream.ts';
import { opsSubscriberRoutes } from './subscribers.ts';
import { workflowRoutes } from './workflows.ts';
import { workspaceKeyRoutes } from './workspace-keys.ts';
import { opsWorkspaceRoutes } from './workspaces.ts';

const failures = [deadLetterRoutes, workflowRoutes];
const looks = [opsEventRoutes, opsEventTypeRoutes, opsSearchRoutes, opsWorkspaceRoutes];
const customers = [opsEndpointRoutes, opsKeyRoutes, workspaceKeyRoutes];
const operations = [replayRoutes, backfillRoutes, rebuildRoutes, operationRoutes];

/**
 * What operators see and do, a file of routes a noun; who calls is in `c.get('operator')`. A new
 * one is a line here.
 */
const all = [
  opsVerifyRoutes,
  opsLogRoutes,
  operatorRoutes,
  opsSubscriberRoutes,
  scheduleRoutes,
  scheduleControlRoutes,
  httpSubscriberRoutes,
  doctorRoutes,
  sessionRoutes,
  streamRoutes,
  historyRoutes,
  ...failures,
  ...looks,
  ...customers,
  ...operations,
];

/** Everything under /v1/ops. */
export function opsRoutes(deps: ApiDependencies, keyring: Keyring) {
  const routes = router();
  for (const some of all) routes.route('/', some(deps, keyring));
  return routes;
}
