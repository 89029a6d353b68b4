import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockKey } from '../../../src/db/advisory-locks.ts';
import { type MigrateOptions, migrate } from '../../../src/db/migrate.ts';
import {
  compareMigrations,
  type Migration,
  missingObjects,
  ownMigrations,
} from '../../../src/db/migrations.ts';
import { emptyDatabase } from '../../harness/database.ts';

const own = ownMigrations();

it('no statement names what only Postgres 18 has', async () => {
  const files = (await readdir('src', { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(
    files.map(async (file) => ({ file, text: await readFile(join('src', file), 'utf8') })),
  );
  const ofNode = /import \{ uuidv7 \} from 'uuidv7'/;
  const newer = /uuid_extract_|uuidv7\(interval|returning[^`]*\b(old|new)\.\w/;
  const found = texts.filter(
    ({ text }) => newer.test(text) || (!ofNode.test(text) && /[\s(]uuidv7\(\)/.test(text)),
  );
  // It stands in for it.
  expect(
    found.map(({ file }) => file).filter((file) => file !== join('db', 'own-schema.ts')),
  ).toEqual([]);
});

describe('migrating', () => {
  let url: string;
  let pg: Sql;

  beforeEach(async () => {
    url = await emptyDatabase();
    pg = postgres(url, { max: 4, onnotice: () => {} });
  });

  afterEach(async () => {
    await pg.end();
  });

  /** A migration of the next version. */
  const next: Migration = {
    tag: '9999_next',
    hash: 'of the next version',
    statements: ['alter table knockon.endpoints add column next text'],
  };
  const migrateToNext = (options?: MigrateOptions) =>
    migrate(url, { ...options, migrations: [...own, next] });

  const anApplicationsRow = () =>
    pg`insert into drizzle.__drizzle_migrations (hash, created_at) values ('of an application', 4102444800000)`;

  it.each(['SQL_ASCII', 'LATIN1'])('refuses a database whose encoding is %s', async (encoding) => {
    const name = `encoded_${encoding.toLowerCase()}`;
    await pg`create database ${pg(name)} encoding ${pg.unsafe(`'${encoding}'`)}
      locale_provider libc lc_collate 'C' lc_ctype 'C' template template0`;
    const other = new URL(url);
    other.pathname = name;
    expect(await refusalOf(migrate(other.href))).toBe(
      `MigrationError: The database "${name}" has the encoding ${encoding}, and Knock-on needs ` +
        "UTF8. Make another one: create database NAME encoding 'UTF8' template template0.",
    );
  });

  const refusalOf = (migrating: Promise<unknown>) =>
    migrating.then(
      () => 'none',
      (error: Error) => `${error.name}: ${error.message}`,
    );
  const refusal = (options?: MigrateOptions) => refusalOf(migrate(url, options));

  const applied = async () =>
    (await pg<{ tag: string }[]>`select tag from knockon.applied_migrations order by tag`).map(
      ({ tag }) => tag,
    );
  const isUpTo = async (migrations: Migration[]) =>
    expect({
      ...(await compareMigrations(pg, migrations)),
      missing: await missingObjects(pg),
    }).toEqual({ pending: [], changed: [], unknown: 0, applied: migrations.length, missing: [] });
  const isUpToDate = () => isUpTo(own);

  it('makes everything beside an application whose row in drizzle’s journal is newer, and leaves that alone', async () => {
    await pg`create schema drizzle`;
    await pg`create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
    await anApplicationsRow();
    await migrate(url);
    await isUpToDate();
    expect(await pg`select hash from drizzle.__drizzle_migrations`).toHaveLength(1);
  });

  it('goes on where an older version stopped, and runs nothing twice', async () => {
    await migrate(url);
    await pg`insert into knockon.workspaces (name) values ('kept')`;
    await migrateToNext();
    await isUpTo([...own, next]);
    await migrateToNext();
    expect(await applied()).toEqual([...own.map(({ tag }) => tag), next.tag]);
    expect(await pg`select name from knockon.workspaces`).toEqual([{ name: 'kept' }]);
  });

  it('makes everything in the schema knockon, whatever the search path says', async () => {
    const { user } = pg.options as unknown as { user: string };
    await pg.unsafe(`create schema "${user}"`);
    await pg.unsafe(
      `alter database ${new URL(url).pathname.slice(1)} set search_path = "${user}", public`,
    );
    await migrate(url);
    await isUpToDate();
    const elsewhere = await pg`
      select c.oid::regclass from pg_class c
      where relnamespace in ('public'::regnamespace, to_regnamespace(${user}))`;
    expect(elsewhere).toEqual([]);
  });

  it('shares a database with tables of the same names, in either order, and leaves it as it was', async () => {
    const application = async () => {
      await pg.unsafe(`
        create schema if not exists drizzle;
        create table drizzle.__drizzle_migrations (id serial primary key, hash text, created_at bigint);
        create table events (id serial primary key, name text);
        create table messages (id serial primary key, event_id int references events (id));
        create table jobs (id int); create table members (id int); create table sessions (id int);
        create function emit(text) returns int language sql as 'select 1';
        insert into events (name) values ('theirs'); insert into messages (event_id) values (1)`);
      await anApplicationsRow();
    };
    const everything = async () =>
      await pg`
        select n.nspname as schema, c.relname as name, c.relkind as kind from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where n.nspname !~ '^(pg_|information_schema)' order by 1, 2
      `;
    await application();
    const before = await everything();
    await migrate(url);
    await migrate(url);
    await isUpToDate();
    await pg`drop schema knockon cascade`;
    expect(await everything()).toEqual(before);
    expect(await pg`select e.name from events e join messages m on m.event_id = e.id`).toEqual([
      { name: 'theirs' },
    ]);

    // The other way round.
    await pg`drop table messages, events, jobs, members, sessions`;
    await pg`drop function emit`;
    await pg`drop schema drizzle cascade`;
    await migrate(url);
    await application();
    await migrate(url);
    await isUpToDate();
    await pg`drop schema knockon cascade`;
    expect(await everything()).toEqual(before);
  });

  it('lets one of several at once do it, and the others wait', async () => {
    await Promise.all([migrate(url), migrate(url), migrate(url)]);
    await isUpToDate();
  });

  it('leaves everything as it was when it is killed half way, and is done the next time', async () => {
    await migrate(url);
    const reader = await pg.reserve();
    await reader`begin`;
    await reader`select from knockon.endpoints`;
    const killed = refusalOf(migrateToNext({ lockMs: 20_000 }));
    const waiting = () =>
      pg`select pid from pg_stat_activity where application_name = 'knockon migrate' and wait_event_type = 'Lock'`;
    await expect.poll(async () => (await waiting()).length).toBe(1);
    await pg`select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'knockon migrate' and datname = current_database()`;
    expect(await killed).not.toBe('none');
    await reader`rollback`;
    reader.release();
    expect((await compareMigrations(pg)).applied).toBe(own.length);
    await migrateToNext();
    await isUpTo([...own, next]);
  });

  it('does not make everybody wait behind a table that it can’t lock, and says who holds it', async () => {
    await migrate(url);
    const reader = await pg.reserve();
    await reader`begin`;
    await reader`select from knockon.endpoints`;
    const said = await refusalOf(migrateToNext({ lockMs: 100, tries: 2 }));
    expect(said).toMatch(
      /MigrationError: A table could not be locked.*process \d+.*idle in transaction.*Nothing was changed/,
    );
    await reader`rollback`;
    reader.release();
    expect((await compareMigrations(pg)).applied).toBe(own.length);
  });

  it('says who holds its lock where that never ends, as a pooler makes a session that is over', async () => {
    const holder = await pg.reserve();
    await holder`select pg_advisory_lock(${lockKey('migrate')}::bigint)`;
    expect(await refusal({ turnMs: 200 })).toMatch(
      /MigrationError: Another `knockon migrate` \(process \d+, postgres.js, idle\) was waited for/,
    );
    holder.release();
  });

  it('tells a role what it lacks as statements, which suffice', async () => {
    const role = `poor_${new URL(url).pathname.slice(6)}`;
    await pg.unsafe(
      `create role ${role} login password 'test'; revoke create on schema public from public`,
    );
    const theirs = new URL(url);
    theirs.username = role;
    theirs.password = 'test';
    const said = await migrate(theirs.href).catch((error: Error) => error.message);
    expect(said).toContain(`The role "${role}" may not create what is missing`);
    const statements = String(said).split('\n').slice(1);
    expect(statements).toHaveLength(1);
    for (const statement of statements) await pg.unsafe(statement);
    await migrate(theirs.href);
    await isUpToDate();
    // Nothing is left to do: nothing is needed.
    await pg.unsafe(`revoke create on schema knockon from ${role}`);
    await migrate(theirs.href);
  });

  it('says who can make the role that emits where it may not, and grants to it later', async () => {
    const name = `weak_${new URL(url).pathname.slice(6)}`;
    await pg.unsafe(`create role ${name} login password 'test'; grant create on database
      ${new URL(url).pathname.slice(1)} to ${name}`);
    const theirs = new URL(url);
    theirs.username = name;
    theirs.password = 'test';
    // Every database of the server shares the role, so it can only be looked as if it were not
    // there.
    const emitter = `emitter_of_${name}`;
    const { note } = await migrate(theirs.href, { roles: { emit: emitter } });
    expect(note).toContain(`create role ${emitter} nologin`);
    expect(note).toContain(`grant ${emitter} to ROLE`);
    await pg.unsafe(`create role ${emitter} nologin`);
    expect(await migrate(theirs.href, { roles: { emit: emitter } })).toEqual({
      applied: [],
      note: null,
    });
    const [row] =
      await pg`select has_function_privilege(${emitter}, 'knockon.emit_many(jsonb)', 'execute') as may`;
    expect(row).toEqual({ may: true });
  });

  it('names what is missing though every migration has been applied', async () => {
    await migrate(url);
    await pg`drop table knockon.analytics_quarters`;
    await pg`alter table knockon.endpoints drop column max_per_second`;
    await pg`drop index knockon.outbox_waiting`;
    const said = await refusal();
    expect(said).toContain('table analytics_quarters');
    expect(said).toContain('column endpoints.max_per_second');
    expect(said).toContain('index outbox.outbox_waiting');
    expect(said).not.toContain('analytics_quarters.');
  });

  it('refuses a database that has had a migration in another form', async () => {
    await migrate(url);
    await pg`update knockon.applied_migrations set hash = 'other' where tag = '0000_init'`;
    expect(await refusal()).toContain('0000_init in another form');
  });

  it('names the migration that fails, and what something else in the database has taken', async () => {
    await pg`create schema knockon`;
    await pg`create table knockon.channels (id int)`;
    expect(await refusal()).toMatch(
      /The migration 0000_init failed: relation "channels" already exists \(42P07\)\. Nothing was changed/,
    );
    expect(
      await pg`
        select to_regclass('knockon.events') as events,
          to_regclass('knockon.applied_migrations') as journal`,
    ).toEqual([{ events: null, journal: null }]);
  });
});
