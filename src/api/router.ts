import { createRoute, OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import type { Operator } from '../ops/access/action-log.ts';
import { answerHead } from './middleware/guard.ts';
import { jsonBody } from './middleware/json-body.ts';
import { inTurn } from './middleware/turns.ts';
import { type FieldError, invalid, LISTED, notFound } from './problem.ts';

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
     * Under /v1/ops alone: whether who calls would still be let in. @throws where that can't be
     * found out
     */
    stillThere(): Promise<boolean>;
  };
}

interface Issue {
  code?: string;
  expected?: string;
  values?: unknown[];
  path: PropertyKey[];
  message: string;
  keys?: string[];
  /** What has a bound, such as `number` or `array`; and that bound. */
  origin?: string;
  minimum?: number | bigint;
  maximum?: number | bigint;
}

/** What lies there in what was sent. */
const valueAt = (data: unknown, path: PropertyKey[]): unknown =>
  path.reduce(
    (value, key) =>
      typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined,
    data,
  );

/** Kinds of values, as people call them. */
const kinds: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a JSON object',
  record: 'a JSON object',
};

/** What is wrong, in our words where the schema has none of its own. */
function messageOf(issue: Issue, data: unknown): string {
  const { code, expected, values, path, message } = issue;
  // Of a field that is there or not, the schema has its own words.
  if (code !== 'custom' && valueAt(data, path) === undefined) return 'is missing';
  if (/^Too (small|big): /.test(message)) return boundOf(issue);
  if (!message.startsWith('Invalid ')) return message;
  if (code === 'invalid_type') return `must be ${kinds[expected ?? ''] ?? expected}`;
  return code === 'invalid_value' ? `must be ${(values ?? []).join(' or ')}` : message;
}

function boundOf({ origin = '', minimum, maximum }: Issue): string {
  const [verb, unit] = { array: ['have', ' entries'], string: ['have', ' characters'] }[origin] ?? [
    'be',
    '',
  ];
  const bound = minimum === undefined ? `at most ${maximum}` : `at least ${minimum}`;
  return `must ${verb} ${bound}${unit}`;
}

/** An issue of zod's as field errors; a field that the schema does not have is named itself. */
function fieldErrors(issue: Issue, data: unknown): FieldError[] {
  const { code, path, keys } = issue;
  const at = path.map(String).join('.');
  if (code !== 'unrecognized_keys') return [{ path: at, message: messageOf(issue, data) }];
  return (keys ?? [])
    .slice(0, LISTED)
    .map((key) => ({ path: at ? `${at}.${key}` : key, message: 'is not a known field' }));
}

/** @throws Problem 422 with the first errors */
function refuse(issues: Issue[], data: unknown): never {
  const total = issues.reduce(
    (sum, { code, keys }) => sum + (code === 'unrecognized_keys' ? (keys?.length ?? 1) : 1),
    0,
  );
  throw invalid(
    issues.slice(0, LISTED).flatMap((issue) => fieldErrors(issue, data)),
    total,
  );
}

/**
 * What the schema reads of a value that no route has checked.
 *
 * @throws Problem 422 with the first errors
 */
export function readAs<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const read = schema.safeParse(value);
  return read.success ? read.data : refuse(read.error.issues, value);
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

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem', {
    description: 'An RFC 9457 problem document.',
    example: {
      type: 'urn:knockon:problem:validation',
      title: 'Unprocessable Content',
      status: 422,
      detail: 'The request does not fit the schema: text.',
      errors: [{ path: 'text', message: 'must have 1 to 40000 characters' }],
    },
  });

const problems = {
  400: 'The body is not JSON.',
  401: 'No key, or a wrong one.',
  403: "A viewer's key: it may read and nothing else.",
  404: "There is no such resource, or it is another workspace's.",
  409: 'In conflict with what is there, or the same Idempotency-Key is still in flight.',
  413: 'The body is larger than 256 KiB.',
  415: 'The body is not JSON by its content type.',
  422:
    'The request does not fit the schema; each field is named. Or the Idempotency-Key was used ' +
    'for another request.',
  429:
    'The quota of this key, or of requests without a valid key from this address, is used up; ' +
    'try again after Retry-After seconds.',
  503:
    'The database is away or busy, Temporal does not answer where it is needed, or what was asked ' +
    'takes too long; the detail says which. Try again after Retry-After seconds.',
} as const;

/** Asked by load balancers and people: without key, and without limit. */
const isOpen = (route: RouteConfig) => route.security?.length === 0;

const isForOperators = (path: string) => path.startsWith('/v1/ops/');

/** What every call of operators has in common. */
const forOperators = { tags: ['Operations'], security: [{ operator: [] }] };

/** Whether a workspace changes something by it. */
const isChange = (route: RouteConfig) =>
  route.method !== 'get' && route.security?.some((needs) => 'key' in needs) === true;

type ProblemStatus = keyof typeof problems;

function problemsOf(
  route: RouteConfig,
  creates: boolean,
  refuses: ProblemStatus[],
): ProblemStatus[] {
  const { body, params, query } = route.request ?? {};
  return [
    ...(body ? ([400, 413, 415] as const) : []),
    ...(isOpen(route) ? [] : ([401, 429] as const)),
    // A viewer may read.
    ...(isForOperators(route.path) && route.method !== 'get' ? ([403] as const) : []),
    ...(params ? ([404] as const) : []),
    ...(creates ? ([409] as const) : []),
    ...(body || query || creates ? ([422] as const) : []),
    ...refuses,
    503,
  ];
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header' as const,
  description:
    'Sent again within 24 h with the same body, the first answer comes again, with ' +
    '`Idempotent-Replayed: true`.',
  schema: { type: 'string' as const, minLength: 1, maxLength: 255 },
};

const seconds = { type: 'integer' as const, minimum: 1 };
const retryAfter = {
  'Retry-After': { description: 'How long to wait, in seconds.', schema: seconds },
};
const rateLimit = {
  'RateLimit-Policy': {
    description:
      'The quota that this request counts against: `q` requests in `w` seconds. Not there ' +
      'where there is none.',
    schema: { type: 'string' as const, examples: ['"key";q=600;w=60'] },
  },
  RateLimit: {
    description: 'What is left of it: `r` requests, and a whole quota again in `t` seconds.',
    schema: { type: 'string' as const, examples: ['"key";r=599;t=60'] },
  },
};

function headersOf(status: ProblemStatus) {
  return {
    ...(status === 503 ? {} : rateLimit),
    ...(status === 429 || status === 503 ? retryAfter : {}),
  };
}

const withHeaders = (responses: RouteConfig['responses']): RouteConfig['responses'] =>
  Object.fromEntries(
    Object.entries(responses).map(([status, response]) => [
      status,
      '$ref' in response ? response : { headers: rateLimit, ...response },
    ]),
  );

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What an operation does, beside where it is. */
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
 * Declares an operation: a route, and with it everything that follows from what it takes. A body is
 * read as JSON; the problems it can answer are documented; the caller's key is asked for unless
 * `security` says otherwise, and an operator's under /v1/ops.
 *
 * @param address method and path, such as `GET /v1/channels`
 * @param operationId its name in generated clients: a contract, like its path
 */
export function operation<M extends Method, P extends string, R extends Declared>(
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
  const documents = problemsOf(route, creates, refuses).map((status) => [
    status,
    {
      description: problems[status],
      headers: headersOf(status),
      content: { 'application/problem+json': { schema: problemSchema } },
    },
  ]);
  const complete = {
    ...route,
    ...(creates && { parameters: [idempotencyKey] }),
    middleware: [
      ...(rest.request?.body ? [rest.middleware ?? jsonBody].flat() : []),
      ...(acts ? [answerHead((c) => query && readAs(query, c.req.query()))] : []),
      ...((takesTurns ?? isChange(route)) ? [inTurn] : []),
    ],
    responses: {
      ...Object.fromEntries(documents),
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
