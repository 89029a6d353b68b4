import { closest } from 'fastest-levenshtein';
import { type Issue, unkeptText } from '../issue.ts';
import { compareWithStandard, compile, FORMATS } from './ajv.ts';
import { issuesOf } from './check.ts';
import { isObject, type JsonSchema, KEYWORDS } from './keywords.ts';
import { compilePattern, PatternError } from './patterns.ts';
import { type Part, partsOf, referenceIssues } from './references.ts';

/** Largest schema, in bytes of JSON. */
export const LARGEST_SCHEMA = 64 * 1024;

/** Deepest nesting of a schema's JSON. A field within a field is two levels. */
const DEEPEST = 64;

/** Most schemas within a schema: compiling more takes too long. */
const MOST_PARTS = 500;

const STANDARD = 'https://json-schema.org/draft/2020-12/schema';

/**
 * What keeps a value from being the schema of an event's payload; nothing: it can be. Paths are
 * those within the schema.
 */
export function schemaIssues(schema: unknown): Issue[] {
  if (!isObject(schema)) return [{ path: '', message: 'must be a JSON object: a JSON Schema' }];
  const bounds = boundIssue(schema);
  if (bounds) return [{ path: '', message: bounds }];
  const parts = partsOf(schema);
  if (parts.length > MOST_PARTS)
    return [
      { path: '', message: `has ${parts.length} schemas within; at most ${MOST_PARTS} may be` },
    ];
  const issues = [...rootIssues(schema), ...parts.flatMap(partIssues), ...referenceIssues(parts)];
  if (issues.length > 0) return issues;
  const faults = issuesOf(compareWithStandard(schema) ?? []);
  return faults.length > 0 ? faults : compileIssues(schema);
}

function boundIssue(schema: JsonSchema): string | undefined {
  if (depthOf(schema) > DEEPEST) return `is nested deeper than ${DEEPEST} levels`;
  const bytes = Buffer.byteLength(JSON.stringify(schema));
  if (bytes > LARGEST_SCHEMA) return `has ${bytes} bytes; at most ${LARGEST_SCHEMA} may be`;
  const unkept = unkeptText(schema);
  return unkept && `can't be stored: ${unkept} holds NUL or half a character`;
}

/** How deep it is nested; one more than may be where it is deeper. */
function depthOf(value: unknown, above = 0): number {
  if (typeof value !== 'object' || value === null || above > DEEPEST) return above;
  return Math.max(above + 1, ...Object.values(value).map((inner) => depthOf(inner, above + 1)));
}

/** What only a whole schema must be. */
export function rootIssues({ type, $schema }: JsonSchema): Issue[] {
  const issues: Issue[] = [];
  if (type !== 'object')
    issues.push({ path: 'type', message: 'must be "object": a payload is a JSON object' });
  if ($schema !== undefined && $schema !== STANDARD)
    issues.push({ path: '$schema', message: `must be "${STANDARD}", or be left out` });
  return issues;
}

function partIssues({ path, schema }: Part): Issue[] {
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const isInner = keyword === '$id' && path.length > 0;
    const message = isInner
      ? 'may stand at the top alone: references begin there'
      : keywordIssue(keyword, value);
    return message ? [{ path: [...path, keyword].join('.'), message }] : [];
  });
}

function keywordIssue(keyword: string, value: unknown): string | undefined {
  if (keyword.startsWith('x-')) return undefined;
  if (!KEYWORDS.includes(keyword))
    return (
      `is no keyword of JSON Schema 2020-12; did you mean ${closest(keyword, KEYWORDS)}? ` +
      'Your own begin with x-'
    );
  if (keyword === 'format' && typeof value === 'string' && !FORMATS.includes(value))
    return `is no format that is known; did you mean ${closest(value, FORMATS)}?`;
  if (keyword === 'pattern' && typeof value === 'string') return patternIssue(value);
  if (keyword !== 'patternProperties' || !isObject(value)) return undefined;
  return Object.keys(value).map(patternIssue).find(Boolean);
}

function patternIssue(source: string): string | undefined {
  try {
    compilePattern(source);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

/** What shows only when it is compiled, such as a reference that leads nowhere. */
function compileIssues(schema: JsonSchema): Issue[] {
  try {
    compile(schema);
    return [];
  } catch (error) {
    return [{ path: '', message: `can't be used: ${(error as Error).message}` }];
  }
}
