import type { MiddlewareHandler } from 'hono';
import { Registry } from 'prom-client';
import { answerAsset } from './asset.ts';
import { pageRoutes } from './console/page.ts';
import { sessionRoutes } from './console/session.ts';
import type { ApiDependencies } from './dependencies.ts';
import { apiDocuments } from './documents/index.ts';
import { createKeyring } from './keys.ts';
import { noLimits } from './limits/index.ts';
import { operatorKey, workspaceKey } from './middleware/authenticate.ts';
import { guard } from './middleware/guard.ts';
import { observe } from './middleware/observe.ts';
import { operator, operatorLookup } from './middleware/operator.ts';
import { onError, onUnrouted } from './middleware/problems.ts';
import { requestId } from './middleware/request-id.ts';
import { type Env, router } from './router.ts';
import { analyticsRoutes } from './routes/analytics.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditRoutes } from './routes/audit.ts';
import { channelRoutes } from './routes/channels.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { docsRoutes } from './routes/docs.ts';
import { emitRoutes } from './routes/emit/index.ts';
import { endpointRoutes } from './routes/endpoints.ts';
import { eventTypeRoutes } from './routes/event-types.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { journeyRoutes } from './routes/journeys.ts';
import { memberRoutes } from './routes/members.ts';
import { messageRoutes } from './routes/messages.ts';
import { notificationRoutes } from './routes/notifications.ts';
import { opsRoutes } from './routes/ops/index.ts';
import { postMessageRoute } from './routes/post-message.ts';
import { redeliverRoutes } from './routes/redeliver.ts';
import { rotateSecretRoutes } from './routes/rotate-secret.ts';
import { searchRoutes } from './routes/search.ts';
import { subscriberRoutes } from './routes/subscribers.ts';
import { workspaceRoutes } from './routes/workspaces.ts';

/**
 * The HTTP API, ready to be served: `serve({ fetch: createApp(deps).fetch })`. It opens and closes
 * nothing by itself.
 */
export function createApp(deps: ApiDependencies) {
  const registry = deps.metrics ?? new Registry();
  const keyring = createKeyring(deps.database);
  const limits = deps.limits ?? noLimits;
  const recognition = { ...deps, limits, operatorOf: operatorLookup(deps.database) };
  const app = router();
  app.onError(onError(deps.log));
  app.use(requestId);
  app.use(observe(registry));
  app.use(guard(limits));
  app.use('/v1/*', notKept);
  if (deps.openMetrics === false) app.use('/metrics', operator(recognition));
  app.route('/', healthRoutes(deps, registry));
  app.route('/', docsRoutes());
  // The console. What it shows and does are calls under /v1/ops.
  app.route('/', sessionRoutes(recognition));
  app.route('/', pageRoutes());
  const documents = apiDocuments(app, deps.eventTypes);
  app.get('/openapi.json', async (c) => answerAsset(c, await documents.openapi()));
  app.get('/asyncapi.json', async (c) => answerAsset(c, await documents.asyncapi()));
  // Before the workspaces' keys are asked for: their own routes answer, and go no further.
  app.use('/v1/workspaces', operatorKey(deps.adminKey, limits));
  app.use('/v1/ops/*', operator(recognition));
  app.route('/', workspaceRoutes(deps));
  app.route('/', opsRoutes(deps, keyring));
  app.use('/v1/events/*', batchIsNoId);
  app.use('/v1/*', workspaceKey(keyring, limits));
  app.route('/', apiKeyRoutes(deps, keyring));
  for (const route of routesOfWorkspaces) app.route('/', route(deps));
  app.notFound(onUnrouted(app));
  return app;
}

/**
 * To other methods than POST, "batch" would be an event's id. Its path has a star: hono's
 * RegExpRouter takes no literal beside the parameter of another route, and without that router
 * every request is matched step by step.
 */
const batchIsNoId: MiddlewareHandler<Env> = async (c, next) => {
  const isOther = c.req.path === '/v1/events/batch' && c.req.method !== 'POST';
  return isOther ? c.notFound() : await next();
};

/**
 * What is answered to one caller is kept by no cache on its way, and taken for nothing but what it
 * says it is.
 */
const notKept: MiddlewareHandler = async (c, next) => {
  await next();
  c.res.headers.set('cache-control', 'no-store');
  c.res.headers.set('x-content-type-options', 'nosniff');
};

/** What a workspace's key opens. */
const routesOfWorkspaces = [
  postMessageRoute,
  messageRoutes,
  journeyRoutes,
  channelRoutes,
  emitRoutes,
  eventRoutes,
  eventTypeRoutes,
  searchRoutes,
  notificationRoutes,
  memberRoutes,
  analyticsRoutes,
  auditRoutes,
  endpointRoutes,
  deliveryRoutes,
  redeliverRoutes,
  rotateSecretRoutes,
  subscriberRoutes,
];
