import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** One thing that is wrong with a request: where, and what is wanted there. */
export interface FieldError {
  path: string;
  message: string;
}

const titles = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const;

export type ProblemStatus = keyof typeof titles;

interface Options {
  /**
   * A short name for programs, the end of the document's `type`; or a whole URI. Default: none,
   * `about:blank`.
   */
  type?: string;
  /** Further members of the document. */
  extensions?: Record<string, unknown>;
  errors?: FieldError[];
  headers?: Record<string, string>;
}

/** Thrown anywhere below a route; the client gets it as an RFC 9457 document. */
export class Problem extends Error {
  override name = 'Problem';
  readonly status: ProblemStatus;
  readonly options: Options;

  constructor(status: ProblemStatus, detail: string, options: Options = {}) {
    super(detail);
    this.status = status;
    this.options = options;
  }
}

/**
 * @param what such as "channel"; what belongs to another workspace is "not there" in the same words
 */
export const notFound = (what: string) => new Problem(404, `There is no such ${what}.`);

export const conflict = (detail: string) => new Problem(409, detail, { type: 'conflict' });

export const databaseAway = () =>
  new Problem(503, 'The database is away; try again in a moment.', {
    type: 'database-away',
    headers: { 'retry-after': '5' },
  });

export const temporalAway = () =>
  new Problem(503, 'Temporal does not answer; try again in a moment.', {
    type: 'temporal-away',
    headers: { 'retry-after': '5' },
  });

/** Errors that an answer lists; of more it says how many. */
export const LISTED = 20;
/** Longest text of an error that is listed, which may be the client's own. */
const LONGEST = 200;

/** @param total how many errors there are, where not all are given */
export function invalid(errors: FieldError[], total = errors.length): Problem {
  const listed = errors
    .slice(0, LISTED)
    .map(({ path, message }) => ({ path: cut(path), message: cut(message) }));
  const fields = [...new Set(listed.map(({ path }) => path || 'the body'))].slice(0, 10).join(', ');
  const more = total > LISTED ? ` The first ${LISTED} of ${total} errors are listed.` : '';
  return new Problem(422, `The request does not fit the schema: ${fields}.${more}`, {
    type: 'validation',
    errors: listed,
  });
}

const cut = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

/** The problem as an RFC 9457 document. */
export function problemDocument({ status, message, options }: Problem) {
  const { type = 'about:blank' } = options;
  const uri = type.includes(':') ? type : `urn:knockon:problem:${type}`;
  return {
    type: uri,
    title: titles[status],
    status,
    detail: message,
    errors: options.errors,
    ...options.extensions,
  };
}

/** The problem as the response of this request. */
export const answerProblem = (c: Context, problem: Problem): Response =>
  c.body(JSON.stringify(problemDocument(problem)), problem.status as ContentfulStatusCode, {
    'content-type': 'application/problem+json',
    ...problem.options.headers,
  });
