import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type { Issue } from '../issue.ts';
import { compile } from './ajv.ts';
import { EffortError, withinEffort } from './effort.ts';
import type { JsonSchema } from './keywords.ts';

/** Says what does not fit; nothing: it fits. It never throws. */
export type Check = (value: unknown) => Issue[];

/** Most issues that are told. */
const MOST = 100;

const TOO_COSTLY: Issue = {
  path: '',
  message: 'takes too long to check: send less of it, or make the schema simpler',
};

/** Of a value with so many parts at most, all that does not fit is told. Else the first thing. */
const SMALL = 1000;

/** What it may cost to find all that does not fit. */
const TELLING = 200_000;

/**
 * Compiles a schema. That takes milliseconds, so keep what is returned. A check takes 0.1 s at
 * most, whatever schema and value are.
 *
 * @throws where the schema is none: see `schemaIssues`
 */
export function compileCheck(schema: JsonSchema): Check {
  const first = compile(schema, 'first');
  let all: ValidateFunction | undefined;
  return (value) => {
    const issues = run(first, value) ?? [TOO_COSTLY];
    if (issues.length === 0 || !isSmall(value)) return issues;
    all ??= compile(schema, 'all');
    return run(all, value, TELLING) ?? issues;
  };
}

/** @returns undefined where it costs too much */
function run(validate: ValidateFunction, value: unknown, units?: number): Issue[] | undefined {
  try {
    return withinEffort(() => validate(value), units) ? [] : issuesOf(validate.errors ?? []);
  } catch (error) {
    // Schemas that lead to each other may go deeper than the stack.
    if (error instanceof EffortError || error instanceof RangeError) return undefined;
    throw error;
  } finally {
    // What was checked would be kept until the next one.
    validate.errors = null;
  }
}

function isSmall(value: unknown): boolean {
  let left = SMALL;
  const look = (part: unknown): boolean => {
    left -= 1;
    if (left < 0 || typeof part !== 'object' || part === null) return left >= 0;
    return Object.values(part).every(look);
  };
  return look(value);
}

/** What the validator says, in our words, each once. */
export function issuesOf(errors: ErrorObject[]): Issue[] {
  const issues = new Map<string, Issue>();
  for (const error of errors) {
    const issue = issueOf(error);
    issues.set(`${issue.path}\n${issue.message}`, issue);
    if (issues.size === MOST) break;
  }
  return [...issues.values()];
}

/** A JSON pointer as a path with dots. */
const dotted = (pointer: string, ...more: string[]): string =>
  [
    ...pointer
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')),
    ...more,
  ].join('.');

function issueOf({ keyword, instancePath, params, message }: ErrorObject): Issue {
  const at = (more: string) => dotted(instancePath, more);
  const path = dotted(instancePath);
  switch (keyword) {
    case 'required':
      return { path: at(params.missingProperty), message: 'is missing' };
    case 'additionalProperties':
      return { path: at(params.additionalProperty), message: 'is not a known field' };
    case 'unevaluatedProperties':
      return { path: at(params.unevaluatedProperty), message: 'is not a known field' };
    case 'enum':
      return { path, message: `must be ${listed(params.allowedValues as unknown[])}` };
    case 'const':
      return { path, message: `must be ${listed([params.allowedValue])}` };
    case 'type':
      return { path, message: `must be ${[params.type].flat().map(kind).join(' or ')}` };
    case 'false schema':
      return { path, message: 'must not be there' };
    default:
      return { path, message: message ?? 'does not fit' };
  }
}

const kinds: Record<string, string> = {
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a JSON object',
};

const kind = (type: string): string => kinds[type] ?? type;

/** The schema's values, at most ten. */
function listed(values: unknown[]): string {
  const told = values.slice(0, 10).map((value) => JSON.stringify(value).slice(0, 40));
  return [...told, ...(values.length > 10 ? ['one of more'] : [])].join(' or ');
}
