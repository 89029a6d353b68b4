import { createRoute, OpenAPIHono, type RouteConfig, type z } from '@hono/zod-openapi';
import type { Operator } from '../ops/access/action-log.ts';
import { inTurn } from './middleware/change-limit.ts';
import { answerHead } from './middleware/guard.ts';
import { jsonBody } from './middleware/json-body.ts';
import { notFound } from './problem.ts';
import {
  documentedProblems,
  isForOperators,
  isOpen,
  type ProblemStatus,
  withHeaders,
} from './route-problems.ts';
import { readAs, refuse } from './validation.ts';

/** What middleware leaves for handlers: whose key it is. */
export interface Env {
  Variables: {
    workspaceId: string;
    keyId: string;
    requestId: string;
    /** Where the client traces. */
    traceId: string | undefined;
    /** Under /v1/ops alone; `workspaceId` is then whose idempotency keys are meant. */
    operator: Operator;
    /** Under /v1/ops alone: the console's session, where no key was sent. */
    session: { id: string; expires_at: Date } | undefined;
    /**
     * Under /v1/ops alone: whether who calls would still be let in.
     *
     * @throws where that can't be found out
     */
    stillThere(): Promise<boolean>;
  };
}

/**
 * A router whose requests are checked against their schemas: a malformed id in the path is absent
 * (404), all else is 422.
 */
export const router = () =>
  new OpenAPIHono<Env>({
    defaultHook: (result) => {
      if (result.success) return;
      if (result.target === 'param') throw notFound('resource');
      // The validator says what it was given beside what its types tell.
      refuse(result.error.issues, (result as { data?: unknown }).data);
    },
  });

/** What every call of operators has in common. */
const forOperators = { tags: ['Operations'], security: [{ operator: [] }] };

/** Whether a workspace changes something by it. */
const isChange = (route: RouteConfig) =>
  route.method !== 'get' && route.security?.some((needs) => 'key' in needs) === true;

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header' as const,
  description:
    'Sent again within 24 h with the same body, the first answer comes again, with ' +
    '`Idempotent-Replayed: true`.',
  schema: { type: 'string' as const, minLength: 1, maxLength: 255 },
};

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a route takes and answers, beside where it is. */
type Declared = Omit<RouteConfig, 'method' | 'path' | 'operationId'> & {
  /** Whether it makes something, and so takes an Idempotency-Key. */
  creates?: boolean;
  /** The problems that do not follow from what it takes. */
  refuses?: ProblemStatus[];
  /**
   * For a GET that does more than to read (writes, begins something, works for long): HEAD is
   * answered without running it, once its query is checked.
   */
  acts?: boolean;
  /**
   * Whether the changes of one workspace take turns. Default: those that need a workspace's key do.
   * False for what has limits of its own or calls the outside.
   */
  takesTurns?: boolean;
};

/**
 * Declares a route, and everything that follows from what it takes. A body is read as JSON. The
 * problems it can answer are documented. A key of the workspace is required, under /v1/ops an
 * operator's, unless `security` says otherwise.
 *
 * @param address method and path, such as `GET /v1/channels`
 * @param operationId its name in generated clients: a contract, like its path
 */
export function declareRoute<M extends Method, P extends string, R extends Declared>(
  address: `${M} ${P}`,
  operationId: string,
  declared: R,
) {
  const { creates = false, refuses = [], acts = false, takesTurns, ...rest }: Declared = declared;
  const [method, path] = address.split(' ') as [M, P];
  const route: RouteConfig = {
    method: method.toLowerCase() as Lowercase<Method>,
    path,
    operationId,
    ...(isForOperators(path) ? forOperators : { security: [{ key: [] }] }),
    ...rest,
  };
  const query = rest.request?.query;
  const complete = {
    ...route,
    ...(creates && { parameters: [idempotencyKey] }),
    middleware: [
      ...(rest.request?.body ? [rest.middleware ?? jsonBody].flat() : []),
      ...(acts ? [answerHead((c) => query && readAs(query, c.req.query()))] : []),
      ...((takesTurns ?? isChange(route)) ? [inTurn] : []),
    ],
    responses: {
      ...documentedProblems(route, creates, refuses),
      ...(isOpen(route) ? rest.responses : withHeaders(rest.responses)),
    },
  };
  type Route = R & { method: Lowercase<M>; path: P };
  return createRoute(complete) as unknown as ReturnType<typeof createRoute<P, Route>>;
}

/** A JSON answer. */
export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

/** A JSON body that must be there. */
export const body = <T extends z.ZodType>(schema: T) => ({
  required: true as const,
  content: { 'application/json': { schema } },
});
