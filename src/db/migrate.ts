import { setTimeout as wait } from 'node:timers/promises';
import type { Sql, TransactionSql } from 'postgres';
import { abortOnDisconnect } from './abort-on-disconnect.ts';
import { errorCode } from './errors.ts';
import { compareMigrations, type Migrations, missingObjects, ownMigrations } from './migrations.ts';
import { openClient } from './open.ts';
import { foundations, JOURNAL, OWN_SCHEMA } from './own-schema.ts';
import { askServer } from './server.ts';

/**
 * Thrown where the database can't be brought to this version's schema: says why, and what to do. It
 * is as it was before.
 */
export class MigrationError extends Error {
  override name = 'MigrationError';
}

export interface MigrateOptions {
  /** Longest wait for another migrator to end, in ms (default 60,000). */
  turnMs?: number;
  /**
   * Longest wait for a lock of a table, in ms (default 2,000): whoever wants to use the table waits
   * behind us.
   */
  lockMs?: number;
  /** How often it is tried where such a lock can't be had (default 20), a second apart. */
  tries?: number;
}

/**
 * Brings the database to this version's schema, in one transaction: wholly or not at all. Safe to
 * run from several processes at once: one does it, the others wait. Rows of our migrations in
 * drizzle's journal, where older versions kept them, are taken over.
 *
 * @throws MigrationError, UnsupportedPostgresError
 */
export async function migrate(
  url: string,
  { turnMs = 60_000, lockMs = 2000, tries = 20 }: MigrateOptions = {},
): Promise<void> {
  // Nothing of a session: a pooler may be in between.
  const connection = { application_name: 'knockon migrate' };
  const { client } = openClient(url, {
    max: 1,
    connect_timeout: 10,
    fetch_types: false,
    onnotice: () => {},
    connection,
  });
  const pg = abortOnDisconnect(client);
  try {
    const { version, prepares } = await askServer(pg);
    client.options.prepare = prepares;
    for (let left = tries; ; left--) {
      try {
        return void (await pg.begin((tx) => bringUp(tx, version, { turnMs, lockMs })));
      } catch (error) {
        if (errorCode(error) !== '55P03') throw error;
        if (left <= 1) throw await lockedOut(pg, error);
        await wait(1000);
      }
    }
  } finally {
    await pg.end({ timeout: 5 });
  }
}

async function bringUp(
  tx: TransactionSql,
  version: number,
  limits: { turnMs: number; lockMs: number },
): Promise<void> {
  await takeTurn(tx, limits.turnMs);
  await tx`select set_config('lock_timeout', ${String(limits.lockMs)}, true)`;
  const before = await compareMigrations(tx);
  if (before.changed.length > 0)
    throw new MigrationError(
      `The database has had ${before.changed.join(', ')} in another form than this version's. Nothing was changed. Restore the files in drizzle/, or use the build that made this database.`,
    );
  await layFoundations(tx, version, before);
  for (const { tag, hash, statements } of ownMigrations()) {
    if (!before.pending.includes(tag)) continue;
    for (const statement of statements)
      await tx.unsafe(statement).catch((error) => failed(tag, error));
    await note(tx, tag, hash);
  }
  const missing = await missingObjects(tx);
  if (missing.length > 0)
    throw new MigrationError(
      `Every migration has been applied, and yet the database lacks ${missing.join(', ')}: somebody has removed it. Nothing was changed. Restore it from a backup, or with the statements in drizzle/.`,
    );
}

/** Until no other migrator is at work. The lock goes with the transaction, however that ends. */
async function takeTurn(tx: TransactionSql, turnMs: number): Promise<void> {
  // Our objects are in `public`, whatever the role's search path says; before Postgres 18
  // `uuidv7()` is found in our own schema.
  await tx`
    select set_config('search_path', ${`public, ${OWN_SCHEMA}`}, true), set_config('lock_timeout', ${String(turnMs)}, true),
      set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)`;
  await tx`savepoint turn`;
  try {
    await tx`select pg_advisory_xact_lock(hashtext('knockon.migrate'))`;
  } catch (error) {
    if (errorCode(error) !== '55P03') throw error;
    await tx`rollback to savepoint turn`;
    const [holder] = await tx<{ who: string }[]>`
      select concat_ws(', ', 'process ' || l.pid, nullif(a.application_name, ''), a.state) as who
      from pg_locks l left join pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'advisory' and l.granted and l.objid = (hashtext('knockon.migrate')::bigint & 4294967295)::oid
        and l.database = (select oid from pg_database where datname = current_database())`;
    throw new MigrationError(
      `Another \`knockon migrate\` (${holder?.who ?? 'which has just ended'}) was waited for, for ${turnMs / 1000} s. Nothing was changed. Run it again once that has ended; end it with pg_terminate_backend where nothing is behind it.`,
    );
  }
}

/**
 * Our schema with its journal, where they are not there yet. What drizzle's journal knows of ours
 * is noted in it.
 */
async function layFoundations(
  tx: TransactionSql,
  version: number,
  { pending }: Migrations,
): Promise<void> {
  const [has] = await tx<{ schema: boolean; journal: boolean }[]>`
    select to_regnamespace(${OWN_SCHEMA}) is not null as schema, exists (
      select from pg_class where relnamespace = to_regnamespace(${OWN_SCHEMA}) and relname = ${JOURNAL}) as journal`;
  if (pending.length > 0 || !has?.journal) await checkPrivileges(tx);
  if (!has?.schema) await tx`create schema ${tx(OWN_SCHEMA)}`;
  if (has?.journal) return;
  for (const statement of foundations(version)) await tx.unsafe(statement);
  for (const { tag, hash } of ownMigrations())
    if (!pending.includes(tag)) await note(tx, tag, hash);
}

const note = (tx: TransactionSql, tag: string, hash: string) =>
  tx`insert into ${tx(OWN_SCHEMA)}.${tx(JOURNAL)} (tag, hash) values (${tag}, ${hash})`;

/** @throws MigrationError that has the statements which would grant what the role may not */
async function checkPrivileges(tx: TransactionSql): Promise<void> {
  const [row] = await tx<
    { role: string; quoted: string; database: string; own: boolean; public: boolean }[]
  >`
    select current_user as role, quote_ident(current_user) as quoted, quote_ident(current_database()) as database,
      case when to_regnamespace(${OWN_SCHEMA}) is null then has_database_privilege(current_database(), 'create')
        else has_schema_privilege(to_regnamespace(${OWN_SCHEMA}), 'create') end as own,
      coalesce(has_schema_privilege(to_regnamespace('public'), 'create'), false) as public`;
  if (!row || (row.own && row.public)) return;
  const remedies = [
    ...(row.own
      ? []
      : [
          `create schema if not exists ${OWN_SCHEMA}; grant usage, create on schema ${OWN_SCHEMA} to ${row.quoted};`,
        ]),
    ...(row.public
      ? []
      : [
          `create schema if not exists public; grant usage, create on schema public to ${row.quoted};`,
        ]),
  ];
  throw new MigrationError(
    `The role "${row.role}" may not create what is missing in the database ${row.database}. Nothing was changed. Let the database's owner run this, then migrate again:\n  ${remedies.join('\n  ')}`,
  );
}

function failed(tag: string, error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  // Tried again.
  if (code === '55P03' || code === undefined || /^(08|57P|CONNECTION_)/.test(code)) throw error;
  const hints: Record<string, string> = {
    '42501': ' Run it as the role that owns the tables of Knock-on.',
    '42P07': ' Something else in this database has the name: give Knock-on a database of its own.',
  };
  throw new MigrationError(
    `The migration ${tag} failed: ${message} (${code}). Nothing was changed.${hints[code] ?? ''}`,
  );
}

async function lockedOut(pg: Sql, cause: unknown): Promise<MigrationError> {
  const [oldest] = await pg<{ who: string }[]>`
    select concat_ws(', ', 'process ' || pid, nullif(application_name, ''), state, 'for ' || round(extract(epoch from now() - xact_start)) || ' s') as who
    from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid() order by xact_start limit 1`;
  const who = oldest ? ` The oldest transaction is that of ${oldest.who}.` : '';
  return new MigrationError(
    `A table could not be locked: somebody uses it in a long transaction.${who} Nothing was changed. End that, then migrate again.`,
    { cause },
  );
}
