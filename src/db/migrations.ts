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

/** drizzle-kit's description of the schema that the last migration makes. */
interface Snapshot {
  tables: Record<
    string,
    { name: string } & Record<
      'columns' | 'indexes' | 'foreignKeys' | 'uniqueConstraints',
      Record<string, unknown>
    >
  >;
}

interface SchemaObject {
  kind: 'table' | 'column' | 'index' | 'constraint' | 'view' | 'trigger' | 'function';
  /** The table, or a function's schema; null for tables and views. */
  of: string | null;
  /** A function's with the types of its arguments. */
  name: string;
}

/**
 * Functions that emit, or take that back. The role `knockon_emitter` may call these, and nothing
 * else.
 */
export const EMITTING = [
  'emit(text,uuid,jsonb,uuid,uuid,text,timestamptz,uuid,int)',
  'emit_many(jsonb)',
  'emit_events(jsonb)',
  'cancel(uuid)',
];

/**
 * Functions that work for a subscriber from another language. The role `knockon_worker` may call
 * these, and nothing else.
 */
export const WORKING = [
  'register_subscriber(jsonb)',
  'open_events(jsonb,uuid[])',
  'complete(jsonb,uuid[])',
  'report(jsonb,jsonb)',
];

/** What is written by hand, so that drizzle-kit does not know it. */
const byHand = (): SchemaObject[] => [
  { kind: 'view', of: null, name: 'dispatched' },
  { kind: 'view', of: null, name: 'shown_events' },
  { kind: 'trigger', of: 'receipts', name: 'receipts_deleted' },
  { kind: 'trigger', of: 'dead_letters', name: 'dead_letters_deleted' },
  ...[
    'uuidv7()',
    'uuid_time(uuid)',
    'uuid_at(timestamptz)',
    'wanted_as(text)',
    'store_event(text,uuid,jsonb,uuid,uuid,text,uuid,int,boolean)',
    'store_events(text[],uuid[],jsonb[],uuid[],uuid[],text[],uuid[],int[],timestamptz[],boolean,boolean)',
    'renew_keys(uuid[],text[],text[],uuid[],uuid[])',
    'post_events(text[],uuid[],text[],uuid[],uuid[],text[],int[],timestamptz[],text[],text[],boolean)',
    'write_events(jsonb,boolean)',
    'promote(int,uuid[],uuid)',
    ...EMITTING,
    ...WORKING,
  ].map((name) => ({ kind: 'function' as const, of: OWN_SCHEMA, name })),
];

/** Everything that must exist once this version's migrations have run. */
function expectedObjects(): SchemaObject[] {
  const last = ownMigrations().length - 1;
  const snapshot = read(`meta/${String(last).padStart(4, '0')}_snapshot.json`);
  const { tables } = JSON.parse(snapshot) as Snapshot;
  const made = Object.values(tables).flatMap((table): SchemaObject[] => {
    const of = table.name;
    const constraints = { ...table.foreignKeys, ...table.uniqueConstraints };
    return [
      { kind: 'table', of: null, name: of },
      ...Object.keys(table.columns).map((name) => ({ kind: 'column' as const, of, name })),
      ...Object.keys(table.indexes).map((name) => ({ kind: 'index' as const, of, name })),
      ...Object.keys(constraints).map((name) => ({ kind: 'constraint' as const, of, name })),
    ];
  });
  return [...made, ...byHand()];
}

/**
 * Names what must exist in this version's database and does not, such as
 * `column endpoints.disabled_at`. Of a missing table it names the table alone.
 *
 * @throws Postgres' error
 */
export async function missingObjects(pg: Sql | TransactionSql): Promise<string[]> {
  const rows = await pg<{ missing: string }[]>`
    with ours as (
      select * from pg_class where relnamespace = to_regnamespace(${OWN_SCHEMA})
    ), expected as (
      select * from jsonb_to_recordset(${pg.json(expectedObjects() as never)})
        as e (kind text, of text, name text)
    )
    select concat(e.kind, ' ', e.of || '.', e.name) as missing
    from expected e left join ours t on t.relname = e.of
    where not case e.kind
      when 'table' then exists (select from ours where relname = e.name and relkind in ('r', 'p'))
      when 'view' then exists (select from ours where relname = e.name and relkind = 'v')
      when 'column' then exists (
        select from pg_attribute a
        where a.attrelid = t.oid and a.attname = e.name and a.attnum > 0 and not a.attisdropped)
      when 'index' then exists (
        select from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid = t.oid and c.relname = e.name and i.indisvalid)
      when 'constraint' then exists (
        select from pg_constraint where conrelid = t.oid and conname = e.name)
      when 'function' then to_regprocedure(concat(e.of, '.', e.name)) is not null
      else exists (
        select from pg_trigger
        where tgrelid = t.oid and tgname = e.name and tgenabled <> 'D')
    end and (e.kind in ('table', 'view', 'function') or t.oid is not null)
    order by e.kind <> 'table', missing`;
  return rows.map((row) => row.missing);
}

/** Compares this version's migrations with those that the database has had. */
export interface Migrations {
  /** Tags of those that the database lacks. */
  pending: string[];
  /** Tags of those that the database has had with another text. */
  changed: string[];
  /** How many the database has had that only a newer version knows. */
  unknown: number;
  /** How many the database has had. */
  applied: number;
}

/**
 * @param own the migrations to compare with; default: this version's
 * @throws Postgres' error
 */
export async function compareMigrations(
  pg: Sql | TransactionSql,
  own = ownMigrations(),
): Promise<Migrations> {
  const applied = await appliedMigrations(pg);
  const hashes = new Map(applied.map(({ tag, hash }) => [tag, hash]));
  const known = new Set(own.map(({ tag }) => tag));
  const pending = own.filter(({ tag }) => !hashes.has(tag));
  const changed = own.filter(({ tag, hash }) => hashes.has(tag) && hashes.get(tag) !== hash);
  return {
    pending: pending.map(({ tag }) => tag),
    changed: changed.map(({ tag }) => tag),
    unknown: applied.filter(({ tag }) => !known.has(tag)).length,
    applied: applied.length,
  };
}

/** What our journal says; nothing where there is none yet. */
async function appliedMigrations(
  pg: Sql | TransactionSql,
): Promise<Pick<Migration, 'tag' | 'hash'>[]> {
  const [journal] = await pg`
    select from pg_class
    where relnamespace = to_regnamespace(${OWN_SCHEMA}) and relname = ${JOURNAL} and relkind = 'r'`;
  if (!journal) return [];
  return await pg<Migration[]>`select tag, hash from ${pg(OWN_SCHEMA)}.${pg(JOURNAL)}`;
}
