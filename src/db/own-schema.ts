import type { Sql, TransactionSql } from 'postgres';
import { wrapTransactions } from './wrap-transactions.ts';

/**
 * The schema with everything of Knock-on: tables, functions and the journal of migrations. All SQL
 * says `knockon` and names it with each object, because the search path is the application's. Where
 * `KNOCKON_SCHEMA` has another name, {@link renamingSchema} puts that in.
 */
const WRITTEN = 'knockon';

/** What Postgres 15 to 18 reserve: such a name would need quotes. */
const reserved = new Set(
  `all analyse analyze and any array as asc asymmetric authorization binary both case cast check
  collate collation column concurrently constraint create cross current_catalog current_date
  current_role current_schema current_time current_timestamp current_user default deferrable desc
  distinct do else end except false fetch for foreign freeze from full grant group having ilike in
  initially inner intersect into is isnull join lateral leading left like limit localtime
  localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
  references returning right select session_user similar some symmetric system_user table
  tablesample then to trailing true union unique user using variadic verbose when where window
  with`.split(/\s+/),
);

/** Whether a schema may have that name: one that needs no quotes and is not Postgres' own. */
export const isSchemaName = (name: string) =>
  /^(?!pg_|information_schema$)[a-z_][a-z0-9_]{0,62}$/.test(name) && !reserved.has(name);

/** The schema's name in this process. */
export let OWN_SCHEMA = nameOfSchema(process.env['KNOCKON_SCHEMA']);

/** For a command whose settings are not its environment: before anything else of ours is loaded. */
export function useSchema(name: string | undefined): void {
  OWN_SCHEMA = nameOfSchema(name);
}

/**
 * Says which migrations the database has had. A name that no application beside us uses: a role
 * called knockon finds it without its schema.
 */
export const JOURNAL = 'applied_migrations';

/** What is no name is refused by `readConfig`. */
function nameOfSchema(named = ''): string {
  return isSchemaName(named) ? named : WRITTEN;
}

/** Our schema before a dot; and what is passed over as a whole: other names, quotes, comments. */
const parts = new RegExp(
  [
    String.raw`(?<!\.\s*)(knockon)(?=\.)`,
    String.raw`e'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'`,
    String.raw`[\p{L}_][\p{L}\p{N}_$]*`,
    `'[^']*'`,
    `"[^"]*"`,
    String.raw`\$((?:[\p{L}_][\p{L}\p{N}_]*)?)\$.*?\$\2\$`,
    String.raw`--[^\n]*`,
    String.raw`/\*.*?\*/`,
  ].join('|'),
  'gisu',
);

/**
 * A statement's text, with the schema's name in this process. What stands in quotes or comments
 * stays as it is: values of an application may be there, and names of its own.
 */
export function inOwnSchema(text: string): string {
  if (OWN_SCHEMA === WRITTEN || !/knockon\./i.test(text)) return text;
  return text.replace(parts, (part: string, ours?: string) => (ours ? OWN_SCHEMA : part));
}

/** The text of a migration, whose functions say the name within their bodies, in quotes too. */
export const migrationInOwnSchema = (text: string) =>
  text.replace(/\bknockon(?=[."'])|(?<=\bschema )knockon\b/gi, OWN_SCHEMA);

/** Templates whose texts have been renamed. Each is renamed once. */
const renamed = new WeakMap<TemplateStringsArray, TemplateStringsArray>();

function renameTemplate(template: TemplateStringsArray): TemplateStringsArray {
  const known = renamed.get(template);
  if (known) return known;
  const texts = template.map(inOwnSchema);
  const made = Object.assign(texts, { raw: texts });
  renamed.set(template, made);
  return made;
}

/** Has a client say the schema's name in each statement. The default name costs nothing. */
export function renamingSchema<T extends Sql | TransactionSql>(pg: T): T {
  if (OWN_SCHEMA === WRITTEN) return pg;
  const unsafe = pg.unsafe.bind(pg) as (text: string, ...rest: unknown[]) => unknown;
  Object.assign(pg, {
    unsafe: (text: string, ...rest: unknown[]) => unsafe(inOwnSchema(text), ...rest),
    ...wrapTransactions(pg, renamingSchema),
  });
  return new Proxy(pg, {
    apply: (target, self, [first, ...rest]: unknown[]) =>
      Reflect.apply(target, self, [
        Array.isArray(first) && 'raw' in first
          ? renameTemplate(first as unknown as TemplateStringsArray)
          : first,
        ...rest,
      ]) as unknown,
  });
}

/**
 * `uuidv7()` as Postgres 18 has it. Before: milliseconds, then microseconds in the twelve bits
 * after the version, then chance.
 */
const uuidv7 = (version: number) =>
  version >= 180_000
    ? 'select pg_catalog.uuidv7()'
    : `select (lpad(to_hex(us / 1000), 12, '0')
        || '7' || lpad(to_hex(us % 1000 * 4096 / 1000), 3, '0')
        || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid
      from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as us) as now`;

/**
 * What must be there before the first migration, for Postgres of that `server_version_num`.
 * Everybody may read it.
 */
export const foundations = (version: number): string[] => [
  `create table knockon.${JOURNAL} (
    tag text primary key, hash text not null, applied_at timestamptz not null default now())`,
  `create function knockon.uuidv7() returns uuid language sql volatile parallel safe
    as $$ ${uuidv7(version)} $$`,
  `grant usage on schema ${OWN_SCHEMA} to public`,
  `grant select on knockon.${JOURNAL} to public`,
];
