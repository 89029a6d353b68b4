import { setTimeout as wait } from 'node:timers/promises';
import type { Sql, TransactionSql } from 'postgres';
import '../events/index.ts';
import { registerEventTypes } from '../events/register.ts';
import { abortOnDisconnect } from './abort-on-disconnect.ts';
import { lockKey, waitForLock } from './advisory-locks.ts';
import { isLockTimeout } from './errors.ts';
import { GROUP_ROLES, type GroupRoles, letRolesCall } from './group-roles.ts';
import { compareMigrations, type Migration, missingObjects, ownMigrations } from './migrations.ts';
import { openClient } from './open.ts';
import { foundations, JOURNAL, migrationInOwnSchema, OWN_SCHEMA } from './own-schema.ts';
import { meetServer } from './server.ts';
import { setConfigs, VALUE_SETTINGS } from './value-settings.ts';

/** The advisory lock that one migration at a time holds. */
const MIGRATION_LOCK = 'migrate';

/**
 * Thrown where the database can't be brought to this version's schema. The message says why and
 * what to do. Nothing was changed.
 */
class MigrationError extends Error {
  override name = 'MigrationError';
}

export interface MigrateOptions {
  /** Longest wait for another migrator, in ms (default 60,000). */
  turnMs?: number;
  /**
   * Longest wait for the lock of a table, in ms (default 2,000). Everybody else who uses the table
   * waits behind us for as long.
   */
  lockMs?: number;
  /** How often to try for such a lock, a second apart (default 20). */
  tries?: number;
  /** What to apply (default: this version's migrations). */
  migrations?: Migration[];
  /** Roles that may call some functions (default `knockon_emitter` and `knockon_worker`). */
  roles?: Partial<GroupRoles>;
}

export interface Migrated {
  /** Tags of the migrations that were applied. */
  applied: string[];
  /** What is left for an administrator to do, for people; null: nothing. */
  note: string | null;
}

/**
 * Brings the database to this version's schema in one transaction, so wholly or not at all. Several
 * processes may call it at once: one migrates, the others wait.
 *
 * @throws MigrationError, UnsupportedPostgresError, or Postgres' error
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<Migrated> {
  const { turnMs = 60_000, lockMs = 2000, tries = 20 } = options;
  const { migrations = ownMigrations() } = options;
  const roles = { ...GROUP_ROLES, ...options.roles };
  // The session keeps no settings: a pooler may be in between.
  const { client } = openClient(url, {
    max: 1,
    connect_timeout: 10,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: 'knockon migrate' },
  });
  const pg = abortOnDisconnect(client);
  try {
    const { version, prepares } = await meetServer(pg);
    client.options.prepare = prepares;
    await refuseOtherEncodings(pg);
    const migrating = { version, migrations, turnMs, lockMs, roles };
    const once = () =>
      pg.begin('isolation level read committed', (tx) => applyPending(tx, migrating));
    return await retryWhileLocked(pg, once, tries);
  } finally {
    await pg.end({ timeout: 5 });
  }
}

/**
 * In others, texts of our functions and of events can't be kept as they are.
 *
 * @throws MigrationError
 */
async function refuseOtherEncodings(pg: Sql): Promise<void> {
  const [row] = await pg<{ encoding: string; name: string }[]>`
    select current_setting('server_encoding') as encoding, current_database() as name`;
  if (row!.encoding === 'UTF8') return;
  throw new MigrationError(
    `The database "${row!.name}" has the encoding ${row!.encoding}, and Knock-on needs UTF8. ` +
      "Make another one: create database NAME encoding 'UTF8' template template0.",
  );
}

async function retryWhileLocked<T>(pg: Sql, once: () => Promise<T>, tries: number): Promise<T> {
  for (let left = tries; ; left--) {
    try {
      return await once();
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      if (left <= 1) throw await lockedOut(pg, error);
      await wait(1000);
    }
  }
}

interface Migrating {
  /** `server_version_num`. */
  version: number;
  migrations: Migration[];
  roles: GroupRoles;
  turnMs: number;
  lockMs: number;
}

async function applyPending(tx: TransactionSql, migrating: Migrating): Promise<Migrated> {
  const { version, migrations, turnMs, lockMs, roles } = migrating;
  await waitForTurn(tx, turnMs);
  await tx`select set_config('lock_timeout', ${String(lockMs)}, true)`;
  const { pending, changed } = await compareMigrations(tx, migrations);
  if (changed.length > 0) throw changedError(changed);
  await layFoundations(tx, version, pending.length > 0);
  for (const migration of migrations) {
    if (pending.includes(migration.tag)) await apply(tx, migration);
  }
  const missing = await missingObjects(tx);
  if (missing.length > 0) throw missingError(missing);
  // So that SQL can emit before a process of ours has started.
  await registerEventTypes(tx);
  return { applied: pending, note: await letRolesCall(tx, roles) };
}

async function apply(tx: TransactionSql, { tag, hash, statements }: Migration): Promise<void> {
  for (const statement of statements)
    await tx.unsafe(migrationInOwnSchema(statement)).catch((error) => explainFailure(tag, error));
  await tx`insert into ${tx(OWN_SCHEMA)}.${tx(JOURNAL)} (tag, hash) values (${tag}, ${hash})`;
}

/** Waits until no other migrator runs. The lock ends with the transaction. */
async function waitForTurn(tx: TransactionSql, turnMs: number): Promise<void> {
  const settings = {
    ...VALUE_SETTINGS,
    search_path: '',
    lock_timeout: turnMs,
    statement_timeout: 0,
    idle_in_transaction_session_timeout: 0,
  };
  await tx.unsafe(`select ${setConfigs(settings, true)}`);
  await tx`savepoint turn`;
  try {
    await waitForLock(tx, MIGRATION_LOCK);
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    await tx`rollback to savepoint turn`;
    throw await anotherMigrates(tx, turnMs);
  }
}

/** Makes our schema and its journal where they don't exist yet. */
async function layFoundations(
  tx: TransactionSql,
  version: number,
  hasPending: boolean,
): Promise<void> {
  const [has] = await tx<{ schema: boolean; journal: boolean }[]>`
    select to_regnamespace(${OWN_SCHEMA}) is not null as schema, exists (
      select from pg_class
      where relnamespace = to_regnamespace(${OWN_SCHEMA}) and relname = ${JOURNAL}) as journal`;
  if (hasPending || !has?.journal) await checkPrivileges(tx);
  if (!has?.schema) await tx`create schema ${tx(OWN_SCHEMA)}`;
  if (has?.journal) return;
  for (const statement of foundations(version)) await tx.unsafe(statement);
}

/** @throws MigrationError with the statements that grant what the role lacks */
async function checkPrivileges(tx: TransactionSql): Promise<void> {
  const [may] = await tx<{ role: string; quoted: string; database: string; may: boolean }[]>`
    select current_user as role, quote_ident(current_user) as quoted,
      quote_ident(current_database()) as database,
      case when to_regnamespace(${OWN_SCHEMA}) is null
        then has_database_privilege(current_database(), 'create')
        else has_schema_privilege(to_regnamespace(${OWN_SCHEMA}), 'create') end as may`;
  if (!may || may.may) return;
  throw new MigrationError(
    `The role "${may.role}" may not create what is missing in the database ${may.database}. ` +
      'Nothing was changed. ' +
      "Let the database's owner run this, then migrate again:\n" +
      `  create schema if not exists ${OWN_SCHEMA}; ` +
      `grant usage, create on schema ${OWN_SCHEMA} to ${may.quoted};`,
  );
}

/** @throws always: a MigrationError, or the error itself where another try may pass */
function explainFailure(tag: string, error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  if (code === undefined || /^(55P03|08|57P|CONNECTION_)/.test(code)) throw error;
  throw new MigrationError(
    `The migration ${tag} failed: ${message} (${code}). Nothing was changed.${hints[code] ?? ''}`,
  );
}

const hints: Record<string, string> = {
  '42501': ' Run it as the role that owns the tables of Knock-on.',
  '42P07': ' Something else in the schema has the name: give Knock-on a schema of its own.',
};

const changedError = (tags: string[]) =>
  new MigrationError(
    `The database has had ${tags.join(', ')} in another form than this version's. ` +
      'Nothing was changed. ' +
      'Restore the files in drizzle/, or use the build that made this database.',
  );

const missingError = (missing: string[]) =>
  new MigrationError(
    `Every migration has been applied, but the database lacks ${missing.join(', ')}: ` +
      'somebody has removed it. Nothing was changed. ' +
      'Restore it from a backup, or with the statements in drizzle/.',
  );

async function anotherMigrates(tx: TransactionSql, turnMs: number): Promise<MigrationError> {
  const [holder] = await tx<{ who: string }[]>`
    select concat_ws(', ', 'process ' || l.pid, nullif(a.application_name, ''), a.state) as who
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted
      and l.classid::bigint << 32 | l.objid::bigint = ${lockKey(MIGRATION_LOCK)}::bigint
      and l.database = (select oid from pg_database where datname = current_database())`;
  return new MigrationError(
    `Another \`knockon migrate\` (${holder?.who ?? 'which has just ended'}) was waited for, ` +
      `for ${turnMs / 1000} s. Nothing was changed. Run it again once that has ended. ` +
      'If no process is behind it, end it with pg_terminate_backend.',
  );
}

async function lockedOut(pg: Sql, cause: unknown): Promise<MigrationError> {
  const [oldest] = await pg<{ who: string }[]>`
    select concat_ws(', ', 'process ' || pid, nullif(application_name, ''), state,
      'for ' || round(extract(epoch from now() - xact_start)) || ' s') as who
    from pg_stat_activity
    where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()
    order by xact_start limit 1`;
  const who = oldest ? ` The oldest transaction is that of ${oldest.who}.` : '';
  return new MigrationError(
    `A table could not be locked: a long transaction uses it.${who} ` +
      'Nothing was changed. End that transaction, then migrate again.',
    { cause },
  );
}
