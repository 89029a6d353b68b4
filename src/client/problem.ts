/** An RFC 9457 problem document, as the API answers it. */
export interface Problem {
  /** A URI such as `urn:knockon:problem:validation`, or `about:blank`. */
  type: string;
  title: string;
  status: number;
  detail: string;
  /** Of a 422: what is wrong, field by field. */
  errors?: { path: string; message: string }[];
  [extension: string]: unknown;
}

/** Thrown where the API answers with an error: an RFC 9457 problem. */
export class ProblemError extends Error {
  override name = 'ProblemError';
  readonly problem: Problem;
  /** The HTTP status, such as 404. */
  readonly status: number;
  /** The answer's X-Request-Id: the API's log lines have it too. */
  readonly requestId: string | null;
  /** How long the API asks to wait, in ms; undefined where it does not say. */
  readonly retryAfterMs: number | undefined;

  constructor(problem: Problem, headers: Headers) {
    super(`${problem.status} ${problem.title}: ${problem.detail}${fieldsOf(problem)}`);
    this.problem = problem;
    this.status = problem.status;
    this.requestId = headers.get('x-request-id');
    this.retryAfterMs = readRetryAfter(headers.get('retry-after'));
  }

  /** Whether it is a problem of this kind: `error.is('validation')`. */
  is(kind: string): boolean {
    return this.problem.type === `urn:knockon:problem:${kind}`;
  }
}

/** The first few fields with what is wrong: a log that prints only the message must have them. */
function fieldsOf({ errors }: Problem): string {
  if (!Array.isArray(errors) || errors.length === 0) return '';
  const shown = errors.slice(0, 5).map(({ path, message }) => `${path || 'the body'} ${message}`);
  return ` (${shown.join('; ')})`;
}

/** Thrown where no answer came: the API can't be reached, or it took too long. */
export class UnreachableError extends Error {
  override name = 'UnreachableError';
}

/** The problem that an answer tells; one is made up where something in between has answered. */
export function problemIn({ response, text }: { response: Response; text: string }): ProblemError {
  return new ProblemError(parseProblem(text, response), response.headers);
}

/** Of a success that is not what the API answers. */
export const strangeAnswer = (response: Response): ProblemError =>
  new ProblemError(madeUp(response, 'is not what the API answers'), response.headers);

function parseProblem(text: string, response: Response): Problem {
  const { status } = response;
  try {
    const told: unknown = JSON.parse(text);
    if (typeof told === 'object' && told !== null && 'title' in told && 'detail' in told)
      return { type: 'about:blank', ...told, status } as Problem;
  } catch {
    // A proxy's page, not the API's answer.
  }
  return madeUp(response, 'is no problem document');
}

function madeUp({ status, statusText, headers, ok }: Response, what: string): Problem {
  const kind = headers.get('content-type') ?? 'no content type';
  return {
    type: 'about:blank',
    title: statusText || (ok ? 'OK' : 'Error'),
    status,
    detail: `The answer ${what} (${kind}): is that Knock-on's API?`,
  };
}

/** Seconds or a date, in ms from now. */
function readRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
