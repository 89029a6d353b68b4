import type { ErrorObject } from 'ajv/dist/2020.js';
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

/**
 * Compiles a schema. That takes milliseconds, so keep what is returned. A check takes 0.1 s at
 * most, whatever schema and value are.
 *
 * @throws where the schema is none: see {@link schemaIssues}
 */
export function compileCheck(schema: JsonSchema): Check {
  const validate = compile(schema);
  return (value) => {
    try {
      if (withinEffort(() => validate(value))) return [];
      return issuesOf(validate.errors ?? []);
    } catch (error) {
      // Schemas that lead to each other may go deeper than the stack.
      if (error instanceof EffortError || error instanceof RangeError) return [TOO_COSTLY];
      throw error;
    } finally {
      // What was checked would be kept until the next one.
      validate.errors = null;
    }
  };
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
      return { path: at(params['missingProperty']), message: 'is missing' };
    case 'additionalProperties':
      return { path: at(params['additionalProperty']), message: 'is not a known field' };
    case 'unevaluatedProperties':
      return { path: at(params['unevaluatedProperty']), message: 'is not a known field' };
    case 'enum':
      return { path, message: `must be ${listed(params['allowedValues'] as unknown[])}` };
    case 'const':
      return { path, message: `must be ${listed([params['allowedValue']])}` };
    case 'type':
      return { path, message: `must be ${[params['type']].flat().map(kind).join(' or ')}` };
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
