/**
 * The schema with what Knock-on has beside its tables: the journal of migrations, and functions.
 * Its objects are always named in full, for the search path is the application's.
 */
export const OWN_SCHEMA = 'knockon';

/**
 * Says which migrations the database has had. A name that no application beside us uses: a role
 * called knockon finds it without its schema.
 */
export const JOURNAL = 'applied_migrations';

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
  `create table ${OWN_SCHEMA}.${JOURNAL} (
    tag text primary key, hash text not null, applied_at timestamptz not null default now())`,
  `create function ${OWN_SCHEMA}.uuidv7() returns uuid language sql volatile parallel safe
    as $$ ${uuidv7(version)} $$`,
  `grant usage on schema ${OWN_SCHEMA} to public`,
  `grant select on ${OWN_SCHEMA}.${JOURNAL} to public`,
];
