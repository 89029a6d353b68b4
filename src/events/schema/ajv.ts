import { createRequire } from 'node:module';
import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js';
import type { FormatsPlugin } from 'ajv-formats';
import type { FormatName } from 'ajv-formats/dist/formats.js';
import { charge, PRICE, pay, priced, withinEffort } from './effort.ts';
import type { JsonSchema } from './keywords.ts';
import { isMultiple } from './multiples.ts';
import { compilePattern } from './patterns.ts';
import { plainReferences } from './references.ts';
import { collect, mendCode } from './validator-code.ts';

const load = createRequire(import.meta.url);

/** Formats of the standard that are not checked. */
const UNCHECKED = ['idn-email', 'idn-hostname', 'iri', 'iri-reference'];

/** Formats that are checked. */
const CHECKED = [
  ...(['date', 'date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6'] as const),
  ...(['json-pointer', 'regex', 'relative-json-pointer', 'time', 'uri', 'uri-reference'] as const),
  ...(['uri-template', 'uuid', 'byte', 'int32', 'int64', 'float', 'double'] as const),
] satisfies FormatName[];

/** The formats that a schema may name. */
export const FORMATS: string[] = [...CHECKED, ...UNCHECKED, 'binary', 'password'];

/** Longest text of a format, in characters. Only encoded data is longer. */
const LONGEST = 4096;

/** Units for a look at whether a number is a multiple. */
const MULTIPLE = 20;

/** How much a check tells: the first thing that does not fit, or all. */
export type Thoroughness = 'first' | 'all';

const made = new Map<Thoroughness, Ajv2020>();

/** A validator of this process. It is loaded and made once it is needed. */
function ajv(tells: Thoroughness): Ajv2020 {
  const known = made.get(tells);
  if (known) return known;
  const { Ajv2020: Ajv } = load('ajv/dist/2020') as { Ajv2020: typeof Ajv2020 };
  const ajv = new Ajv({
    strict: false,
    // That is done once, where a schema is sent.
    validateSchema: false,
    allErrors: tells === 'all',
    ownProperties: true,
    addUsedSchema: false,
    messages: true,
    logger: false,
    code: {
      optimize: false,
      regExp: Object.assign(compilePattern, { code: 'compilePattern' }),
      process: mendCode,
    },
  });
  Object.assign(ajv, { collect });
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    error: { message: 'must have no entry twice' },
    validate: (isAsked: boolean, entries: unknown[]) => !isAsked || areUnique(entries),
  });
  ajv.removeKeyword('multipleOf');
  ajv.addKeyword({
    keyword: 'multipleOf',
    type: 'number',
    schemaType: 'number',
    error: { message: ({ schema }) => `must be multiple of ${schema}` },
    validate(of: number, value: number) {
      charge(MULTIPLE);
      return isMultiple(value, of);
    },
  });
  // It comes first: what does not fit is paid for too.
  const before = '$dynamicAnchor';
  ajv.addKeyword({ keyword: PRICE, schemaType: 'object', errors: false, validate: pay, before });
  addFormats(ajv);
  made.set(tells, ajv);
  return ajv;
}

function addFormats(to: Ajv2020): void {
  const { get } = (load('ajv-formats') as { default: FormatsPlugin }).default;
  for (const name of CHECKED) {
    const format = get(name);
    const limited = (fits: (text: string) => boolean) => (text: string) => {
      if (text.length > LONGEST && name !== 'byte') return false;
      charge(text.length / 8);
      return fits(text);
    };
    if (format instanceof RegExp)
      to.addFormat(
        name,
        limited((text) => format.test(text)),
      );
    else if (typeof format === 'function') to.addFormat(name, limited(format as never));
    else if (typeof format === 'object' && 'type' in format) to.addFormat(name, format);
    else if (typeof format === 'object')
      to.addFormat(name, limited((format as { validate(text: string): boolean }).validate));
  }
  for (const name of [...UNCHECKED, 'binary', 'password']) to.addFormat(name, true);
}

/** Compares texts instead of each entry with each. */
function areUnique(entries: unknown[]): boolean {
  const texts = entries.map((entry) => JSON.stringify(sorted(entry)));
  return new Set(texts).size === entries.length;
}

function sorted(value: unknown): unknown {
  charge(typeof value === 'string' ? 5 + value.length / 16 : 5);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const keys = Object.keys(value).sort();
  return keys.map((key) => [key, sorted((value as Record<string, unknown>)[key])]);
}

/** The function that checks values. @throws where the schema is none */
export function compile(schema: JsonSchema, tells: Thoroughness = 'first'): ValidateFunction {
  const validator = ajv(tells);
  // Without an address the validator does not find what `#` refers to.
  const copy = { ...plainReferences(priced(schema)), $id: 'https://knockon.invalid/' };
  try {
    return validator.compile(copy);
  } finally {
    // It would be kept for good.
    validator.removeSchema(copy);
  }
}

/** What the standard's own schema says of a schema. */
export function compareWithStandard(schema: JsonSchema): ValidateFunction['errors'] {
  const validator = ajv('all');
  return withinEffort(() => validator.validateSchema(schema)) ? [] : validator.errors;
}
