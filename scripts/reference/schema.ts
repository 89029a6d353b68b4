import { anchor, code, item, sentence } from './markdown.ts';

/** What of a JSON schema the pages show. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  additionalProperties?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
}

/** What a schema may be, each of another type; not: which fields it must have. */
export const alternatives = ({ anyOf, oneOf }: Schema): Schema[] | undefined =>
  [anyOf, oneOf].find((some) =>
    some?.some((one) => Object.keys(one).some((key) => !isDemand(key))),
  );

const isDemand = (key: string) => key === 'required' || key === 'not';

/** A type in words: `integer from 1 to 200`, `list of [Event](#event)`. */
export function typeOf(schema: Schema): string {
  const name = schema.$ref?.split('/').at(-1);
  if (name) return `[${name}](#${anchor(name)})`;
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum) return schema.enum.map((value) => code(String(value))).join(', ');
  const either = alternatives(schema);
  if (either) return [...new Set(either.map(typeOf))].join(' or ');
  if (schema.allOf) return schema.allOf.map(typeOf).join(' with ');
  if (schema.items) return orNull(schema, `list of ${typeOf(schema.items)}`);
  return orNull(schema, ofOneType(schema)) + bounds(schema);
}

const orNull = ({ type }: Schema, words: string) =>
  Array.isArray(type) && type.includes('null') ? `${words} or null` : words;

/** An object that has no name of its own, by its fields. */
export const inlineFields = ({ properties = {} }: Schema): string =>
  Object.entries(properties)
    .map(([name, field]) => `${code(name)} (${typeOf(field)})`)
    .join(', ');

function ofOneType({ type, format, properties }: Schema): string {
  const [first = 'any'] = [type].flat().filter((one) => one !== 'null');
  if (first === 'object') return properties ? 'object' : 'map';
  const named: Record<string, string> = { 'date-time': 'time', uuid: 'id', uri: 'URL', url: 'URL' };
  return (format && named[format]) ?? first;
}

function bounds({ minimum, maximum, minLength, maxLength }: Schema): string {
  const isWide = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER;
  if (minimum !== undefined && !isWide) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER) return `, ${minimum} or more`;
  if (minLength !== undefined && maxLength !== undefined)
    return ` of ${minLength} to ${maxLength} characters`;
  return maxLength === undefined ? '' : ` of up to ${maxLength} characters`;
}

/** An object's fields as a list; those of objects within it as lists below. */
export function fields(schema: Schema, depth = 0): string {
  const { allOf, properties = {}, required = [] } = schema;
  if (allOf) {
    const lines = allOf.map((one) =>
      one.$ref ? item(`All fields of ${typeOf(one)}.`, depth) : fields(one, depth),
    );
    return lines.filter(Boolean).join('\n');
  }
  const either = alternatives(schema);
  if (either) return item(`One of: ${either.map(typeOf).join(', ')}.`, depth);
  if (schema.items) return item(sentence(typeOf(schema)), depth);
  return Object.entries(properties)
    .map(([name, field]) => describeField(name, field, required.includes(name), depth))
    .join('\n');
}

function describeField(name: string, field: Schema, isRequired: boolean, depth: number): string {
  const type = `${typeOf(field)}${isRequired ? '' : ', optional'}`;
  const means = field.description ? `: ${sentence(field.description)}` : '';
  const within = [field, field.items].find((one) => one?.properties);
  const below = within ? fields(within, depth + 1) : '';
  return [item(`${code(name)} (${type})${means}`, depth), below].filter(Boolean).join('\n');
}
