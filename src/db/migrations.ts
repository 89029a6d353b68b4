import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Sql, TransactionSql } from 'postgres';
import { JOURNAL, OWN_SCHEMA } from './own-schema.ts';

const folder = new URL('../../drizzle/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, folder), 'utf8');

/** A migration of this version. */
export interface Migration {
  /** Its file's name, such as `0000_init`. */
  tag: string;
  /** SHA-256 of its text. */
  hash: string;
  statements: string[];
}

/** This version's migrations, in their order. */
export function ownMigrations(): Migration[] {
  const { entries } = JSON.parse(read('meta/_journal.json')) as { entries: { tag: string }[] };
  return entries.map(({ tag }) => {
    const text = read(`${tag}.sql`);
    return {
      tag,
      hash: createHash('sha256').update(text).digest('hex'),
      statements: text.split('--> statement-breakpoint'),
    };
  });
}

/** What drizzle-kit wrote down of the schema that the last migration makes. */
interface Snapshot {
  tables: Record<
    string,
    {
      name: string;
      columns: object;
      indexes: object;
      foreignKeys: object;
      uniqueConstraints: object;
    }
  >;
}

/** The schema that this version's migrations make, as a list of what must exist. */
export function expectedObjects(): { kind: string; of: string | null; name: string }[] {
  const last = ownMigrations().length - 1;
  const { tables } = JSON.parse(
    read(`meta/${String(last).padStart(4, '0')}_snapshot.json`),
  ) as Snapshot;
  const made = Object.values(tables).flatMap(
    ({ name: of, columns, indexes, foreignKeys, uniqueConstraints }) => [
      { kind: 'table', of: null, name: of },
      ...Object.keys(columns).map((name) => ({ kind: 'column', of, name })),
      ...Object.keys(indexes).map((name) => ({ kind: 'index', of, name })),
      ...Object.keys({ ...foreignKeys, ...uniqueConstraints }).map((name) => ({
        kind: 'constraint',
        of,
        name,
      })),
    ],
  );
  return [
    ...made,
    // Written by hand.
    { kind: 'view', of: null, name: 'dispatched' },
    { kind: 'trigger', of: 'receipts', name: 'receipts_deleted' },
    { kind: 'trigger', of: 'dead_letters', name: 'dead_letters_deleted' },
    ...['uuidv7', 'uuid_time', 'uuid_at'].map((name) => ({
      kind: 'function',
      of: OWN_SCHEMA,
      name,
    })),
  ];
}

/**
 * What must exist in the database of this version, and does not, such as `column
 * endpoints.disabled_at`.
 */
export async function missingObjects(pg: Sql | TransactionSql): Promise<string[]> {
  const rows = await pg<{ missing: string }[]>`
    select concat(e.kind, ' ', e.of || '.', e.name) as missing
    from jsonb_to_recordset(${pg.json(expectedObjects())}) as e (kind text, of text, name text)
    where not case e.kind
      when 'table' then exists (select from pg_class where relnamespace = to_regnamespace('public') and relname = e.name and relkind in ('r', 'p'))
      when 'view' then exists (select from pg_class where relnamespace = to_regnamespace('public') and relname = e.name and relkind = 'v')
      when 'column' then exists (select from pg_attribute a join pg_class t on t.oid = a.attrelid
        where t.relnamespace = to_regnamespace('public') and t.relname = e.of and a.attname = e.name and a.attnum > 0 and not a.attisdropped)
      when 'index' then exists (select from pg_index i join pg_class t on t.oid = i.indrelid join pg_class c on c.oid = i.indexrelid
        where t.relnamespace = to_regnamespace('public') and t.relname = e.of and c.relname = e.name and i.indisvalid)
      when 'constraint' then exists (select from pg_constraint c join pg_class t on t.oid = c.conrelid
        where t.relnamespace = to_regnamespace('public') and t.relname = e.of and c.conname = e.name)
      when 'function' then exists (select from pg_proc where pronamespace = to_regnamespace(e.of) and proname = e.name)
      else exists (select from pg_trigger g join pg_class t on t.oid = g.tgrelid
        where t.relnamespace = to_regnamespace('public') and t.relname = e.of and g.tgname = e.name and g.tgenabled <> 'D')
    end
    order by e.kind <> 'table', missing`;
  const missing = rows.map((row) => row.missing);
  // What belongs to a table that is not there need not be told.
  return missing.filter(
    (one) =>
      !missing.some((table) => table.startsWith('table ') && one.includes(` ${table.slice(6)}.`)),
  );
}

/** This version's migrations against those that the database has had. */
export interface Migrations {
  /** Names of those that it lacks. */
  pending: string[];
  /** Names of those that it has had in another form. */
  changed: string[];
  /** How many it has had of a newer version. */
  unknown: number;
  applied: number;
}

/** @throws where the database does not answer */
export async function compareMigrations(pg: Sql | TransactionSql): Promise<Migrations> {
  const own = ownMigrations();
  const applied = await appliedMigrations(pg);
  const hashes = new Map(applied.map(({ tag, hash }) => [tag, hash]));
  return {
    pending: own.filter(({ tag }) => !hashes.has(tag)).map(({ tag }) => tag),
    changed: own
      .filter(({ tag, hash }) => hashes.has(tag) && hashes.get(tag) !== hash)
      .map(({ tag }) => tag),
    unknown: applied.filter(({ tag }) => own.every((migration) => migration.tag !== tag)).length,
    applied: applied.length,
  };
}

/** What the journal says; where there is none yet, what drizzle's says of our migrations. */
async function appliedMigrations(
  pg: Sql | TransactionSql,
): Promise<Pick<Migration, 'tag' | 'hash'>[]> {
  const [has] = await pg<{ journal: boolean; drizzles: boolean }[]>`
    select bool_or(n.nspname = ${OWN_SCHEMA} and c.relname = ${JOURNAL}) as journal,
      bool_or(n.nspname = 'drizzle' and c.relname = '__drizzle_migrations' and has_schema_privilege(n.oid, 'usage')
        and has_table_privilege(c.oid, 'select')) as drizzles
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'`;
  if (has?.journal)
    return await pg<Migration[]>`select tag, hash from ${pg(OWN_SCHEMA)}.${pg(JOURNAL)}`;
  if (!has?.drizzles) return [];
  // Another application of this database may keep its own rows there.
  const hashes = new Set(
    (await pg<{ hash: string }[]>`select hash from drizzle.__drizzle_migrations`).map(
      ({ hash }) => hash,
    ),
  );
  return ownMigrations().filter(({ hash }) => hashes.has(hash));
}
