import { oneLine } from '../terminal/visible.ts';
import type { ApiAddress } from './find-api.ts';

/**
 * Seconds or a date, in milliseconds from now; never longer than a minute, whatever the server
 * asks.
 */
export function readRetryAfter(header: string | string[] | undefined): number | undefined {
  const value = Array.isArray(header) ? header[0] : header;
  if (value === undefined) return undefined;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.min(Math.max(milliseconds, 0), 60_000);
}

/**
 * A problem document as text: what is wrong, each field, and where a key or a path is the cause
 * what to do.
 */
export function explainProblem(
  status: number,
  text: string,
  call: string,
  address: ApiAddress,
): string {
  const problem = readProblem(text);
  const fields = (problem.errors ?? [])
    .map((error) => `\n  ${oneLine(`${error.path || 'body'}: ${error.message}`)}`)
    .join('');
  const remedy =
    status === 401
      ? ` The key for ${address.url} is not a valid one: check --api-key or ` +
        `${call.includes('/v1/ops/') ? 'KNOCKON_ADMIN_KEY' : 'KNOCKON_API_KEY'}.`
      : '';
  const detail = problem.detail && withOptions(problem.detail);
  const what = oneLine(detail ?? problem.title ?? `The API answered ${status}.`);
  return `${what}${fields}${remedy} (${call}: ${status})`;
}

/** What is a parameter of the API's is an option here: `take_over=true` is `--take-over`. */
const withOptions = (detail: string) =>
  detail.replaceAll(
    /\bpass ([a-z_]+)=true\b/g,
    (_, name: string) => `pass --${name.replaceAll('_', '-')}`,
  );

interface ProblemDocument {
  type?: string;
  title?: string;
  detail?: string;
  errors?: { path: string; message: string }[];
}

function readProblem(text: string): ProblemDocument {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** The kind of a problem document; undefined where it is none. */
export const problemType = (text: string): string | undefined => readProblem(text).type;
