import { type RouteConfig, z } from '@hono/zod-openapi';

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

const descriptions = {
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
export const isOpen = (route: RouteConfig) => route.security?.length === 0;

export const isForOperators = (path: string) => path.startsWith('/v1/ops/');

export type ProblemStatus = keyof typeof descriptions;

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

/** Answers say what is left of the quota. */
export const withHeaders = (responses: RouteConfig['responses']): RouteConfig['responses'] =>
  Object.fromEntries(
    Object.entries(responses).map(([status, response]) => [
      status,
      '$ref' in response ? response : { headers: rateLimit, ...response },
    ]),
  );

/** The problems that a route can answer, each with its headers. */
export const documentedProblems = (
  route: RouteConfig,
  creates: boolean,
  refuses: ProblemStatus[],
): RouteConfig['responses'] =>
  Object.fromEntries(
    problemsOf(route, creates, refuses).map((status) => [
      status,
      {
        description: descriptions[status],
        headers: headersOf(status),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
