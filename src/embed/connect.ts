import type { Sql } from 'postgres';
import type { Database } from '../db/client.ts';
import { OWN_SCHEMA } from '../db/own-schema.ts';
import { aString, aWholeNumber, checkOptions, type Must } from '../known-members.ts';

export interface ConnectOptions {
  /**
   * `postgres://user:password@host:5432/database`, or with several hosts. Default: `DATABASE_URL`.
   */
  url?: string | undefined;
  /**
   * Where `url` is a pooler: a way around it, for LISTEN. Default: `KNOCKON_DATABASE_DIRECT_URL`.
   */
  directUrl?: string | undefined;
  /**
   * Most connections at once, 1 to 1000 (default 8); up to 4 more serve what every event passes.
   */
  connections?: number | undefined;
  /** Shown as `application_name` in `pg_stat_activity` (default `knockon`). */
  name?: string | undefined;
  /** Longest time of a statement, in ms, 1 to 86,400,000 (default 20,000). */
  statementMs?: number | undefined;
}

const musts: Record<keyof ConnectOptions, Must> = {
  url: aString,
  directUrl: aString,
  connections: aWholeNumber(1, 1000),
  name: aString,
  statementMs: aWholeNumber(1, 86_400_000),
};

/** A database with Knock-on's schema in it. */
export interface Connection extends Database {
  url: string;
  directUrl?: string;
}

/**
 * Connects to the database, and writes the event types that were declared so far with
 * `defineEvent`: they must be known before they are emitted. Nothing is written where the tables
 * are not there yet: call `migrate` first. Statements wait up to 5 s for a connection of the pool.
 *
 * The schema's name is `knockon`, or what `KNOCKON_SCHEMA` says when the process starts.
 *
 * @throws ConfigError if the URL or `KNOCKON_SCHEMA` is missing or malformed
 * @throws EventSchemaError if a declared type's schema can't be used
 * @throws UnsupportedPostgresError if Postgres is older than 15, or the pooler in statement mode
 * @throws Error with Postgres' or the network's `code` if the database does not answer
 * @throws TypeError if an option is unknown, or not what it must be
 */
export async function connect(options: ConnectOptions = {}): Promise<Connection> {
  checkOptions('connect', options, musts);
  const { url, directUrl } = await databaseAddress(options);
  const { connectDatabase } = await import('../db/client.ts');
  const { connections, name = 'knockon', statementMs } = options;
  const database = connectDatabase(url, { directUrl, connections, name, statementMs });
  try {
    await writeTypes(database.pg);
  } catch (error) {
    await database.close();
    throw error;
  }
  return { ...database, url, directUrl };
}

/** Writes the declared event types, where the tables are there. */
async function writeTypes(pg: Sql): Promise<void> {
  const [found] = await pg`select to_regclass(${`${OWN_SCHEMA}.event_types`}) as table`;
  if (!found?.table) return;
  const { registerEventTypes } = await import('../events/register.ts');
  for (const conflict of await registerEventTypes(pg)) process.emitWarning(conflict, 'KnockOn');
}

/**
 * Brings the database to this version's schema, in one transaction. It may be called at every start
 * and by several processes at once. Other schemas are not touched.
 *
 * @param url default: `KNOCKON_DATABASE_DIRECT_URL`, else `DATABASE_URL`. A pooler will do too
 * @throws ConfigError if the URL or `KNOCKON_SCHEMA` is missing or malformed
 * @throws MigrationError with what to do if the role may not create the schema, or the schema was
 * made by another version. Nothing is changed then
 * @throws TypeError if `url` is no string
 * @throws UnsupportedPostgresError if Postgres is older than 15, or the pooler in statement mode
 */
export async function migrate(url?: string): Promise<void> {
  checkOptions('migrate', { url }, { url: aString });
  const address = await databaseAddress({ url });
  const { migrate: migrateDatabase } = await import('../db/migrate.ts');
  await migrateDatabase(address.directUrl ?? address.url);
}

/** What is given goes before the environment. A direct way belongs to the URL beside it. */
async function databaseAddress({ url, directUrl }: ConnectOptions) {
  const { readDatabaseSettings } = await import('../settings/database.ts');
  const { DATABASE_URL, KNOCKON_DATABASE_DIRECT_URL } = readDatabaseSettings({
    KNOCKON_SCHEMA: process.env.KNOCKON_SCHEMA,
    DATABASE_URL: url ?? process.env.DATABASE_URL,
    KNOCKON_DATABASE_DIRECT_URL:
      directUrl ?? (url ? undefined : process.env.KNOCKON_DATABASE_DIRECT_URL),
  });
  return { url: DATABASE_URL, directUrl: KNOCKON_DATABASE_DIRECT_URL };
}
