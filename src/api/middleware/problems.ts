import type { Context, ErrorHandler, Hono, NotFoundHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { matchedRoutes } from 'hono/route';
import type { Logger } from 'pino';
import { errorCode, isDatabaseAway } from '../../db/errors.ts';
import { HeldError } from '../../db/group-commit/group-commit.ts';
import { safeReason } from '../../safe-error.ts';
import { isTransportAway } from '../../transport/temporal/grpc.ts';
import { answerProblem, databaseAway, notFound, Problem, temporalAway } from '../problem.ts';
import type { Env } from '../router.ts';
import { requestOf } from './request-id.ts';

/**
 * Serialization failures, deadlocks, lock and statement timeouts: the same request may pass in a
 * moment.
 */
const transient = /^(40001|40P01|55P03|57014)$/;

/** What a thrown error is to the client. */
export function toProblem(error: Error): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof HTTPException && error.status === 415)
    return new Problem(415, 'Send JSON, with content-type: application/json.');
  if (error instanceof HTTPException && error.status === 400)
    return new Problem(400, 'The body is not JSON.');
  const code = errorCode(error) ?? '';
  const later = { headers: { 'retry-after': '5' } };
  if (code === 'POOL_BUSY' || transient.test(code)) return busy(error, later);
  if (code === '25006')
    return new Problem(503, 'The database takes no writes; try again in a moment.', {
      type: 'database-away',
      ...later,
    });
  if (isDatabaseAway(error)) return databaseAway();
  if (isTransportAway(error)) return temporalAway();
  if (code.startsWith('22'))
    return new Problem(422, 'The database refuses a value of this request.', {
      type: 'validation',
    });
  return new Problem(500, 'Something went wrong on our side; it has been logged.');
}

function busy(error: Error, later: { headers: Record<string, string> }): Problem {
  const detail =
    error instanceof HeldError ? error.message : 'The database is busy; try again in a moment.';
  return new Problem(503, detail, { type: 'database-busy', ...later });
}

/** Turns whatever is thrown into a problem document, and logs what is ours to mend. */
export function onError(log: Logger): ErrorHandler<Env> {
  return (error, c) => {
    const problem = toProblem(error);
    const where = {
      ...requestOf(c),
      method: c.req.method,
      path: pathOf(c),
      status: problem.status,
    };
    if (problem.status === 500) log.error({ ...where, err: error }, 'a request failed');
    else if (problem.status === 503)
      log.warn({ ...where, code: errorCode(error), reason: safeReason(error) }, problem.message);
    return answerProblem(c, problem);
  };
}

/** The path; where that holds somebody's handle, or what no route knows, the route. */
function pathOf(c: Context): string {
  const { path = '', method } = matchedRoutes(c).at(-1) ?? {};
  return method === 'ALL' || path.includes(':handle') ? path : c.req.path;
}

/** `/v1/channels/:id` as a pattern of paths. */
const pattern = (path: string) =>
  new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/:[^/]+/g, '[^/]+')}$`);

/**
 * Answers what no route took: 405 (or the methods, to OPTIONS) where another method would do, else
 * 404.
 */
export function onUnrouted(app: Pick<Hono<Env>, 'routes'>): NotFoundHandler<Env> {
  const routes = app.routes
    .filter((route) => route.method !== 'ALL')
    .map(({ method, path }) => ({ method, path, pattern: pattern(path) }));
  return (c: Context) => {
    const found = routes.filter((route) => route.pattern.test(c.req.path));
    const exact = found.filter((route) => route.path === c.req.path);
    const methods = new Set((exact.length > 0 ? exact : found).map((route) => route.method));
    if (methods.size === 0) return answerProblem(c, notFound('resource'));
    const allow = [...methods, ...(methods.has('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
    if (c.req.method === 'OPTIONS') return c.body(null, 204, { allow });
    return answerProblem(
      c,
      new Problem(405, `${c.req.method} is not for this resource; ${allow} are.`, {
        headers: { allow },
      }),
    );
  };
}
