import type { Sql } from 'postgres';

/**
 * Built-in types and the arrays of them, by their object ids, which are the same in every database.
 */
const ARRAY_OF: Record<number, number> = {
  16: 1000, // bool
  17: 1001, // bytea
  20: 1016, // int8
  21: 1005, // int2
  23: 1007, // int4
  25: 1009, // text
  114: 199, // json
  700: 1021, // float4
  701: 1022, // float8
  1043: 1015, // varchar
  1082: 1182, // date
  1114: 1115, // timestamp
  1184: 1185, // timestamptz
  1700: 1231, // numeric
  2950: 2951, // uuid
  3802: 3807, // jsonb
};

/**
 * Teaches a client the arrays of built-in types, for one that was made with `fetch_types: false`.
 * Left to itself postgres.js 3.4 asks the server at the beginning of each connection, and where the
 * connection is lost meanwhile nobody catches that: it ends the process. Arrays are of one
 * dimension here.
 */
export function knowArrays(client: Sql): Sql {
  const { parsers, serializers } = client.options;
  for (const [element, array] of Object.entries(ARRAY_OF).map(
    ([element, array]) => [Number(element), array] as const,
  )) {
    parsers[array] = (text: string) =>
      parse(text, (item) => (parsers[element] ? parsers[element](item) : item));
    serializers[array] = (given: unknown) =>
      serialize(given, (item) => (serializers[element] ? serializers[element](item) : item));
  }
  return client;
}

/** `{a,"b \"c\"",NULL}`; what is in quotes is never null. */
const items = /"((?:[^"\\]|\\.)*)"|([^{},"]+)/gs;

function parse(text: string, parser: (item: string) => unknown): unknown[] {
  return Array.from(text.matchAll(items), ([, quoted, plain]) => {
    if (quoted !== undefined) return parser(quoted.replaceAll(/\\(.)/gs, '$1'));
    return plain === 'NULL' ? null : parser(String(plain));
  });
}

const special = /["\\]/;

/** A text is a literal already. */
function serialize(given: unknown, serializer: (item: unknown) => unknown): unknown {
  if (!Array.isArray(given)) return given;
  const quoted = (item: unknown) => {
    const text = String(serializer(item));
    return special.test(text) ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : `"${text}"`;
  };
  const items = given.map((item) => (item === null || item === undefined ? 'null' : quoted(item)));
  return `{${items.join(',')}}`;
}
