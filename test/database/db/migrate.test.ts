import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as byDrizzle } from 'drizzle-orm/postgres-js/migrator';
import postgres, { type Sql } from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MigrateOptions, migrate } from '../../../src/db/migrate.ts';
import { compareMigrations, missingObjects, ownMigrations } from '../../../src/db/migrations.ts';
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
  let folder: string;

  beforeEach(async () => {
    url = await emptyDatabase();
    pg = postgres(url, { max: 4, onnotice: () => {} });
    folder = await mkdtemp(join(tmpdir(), 'knockon-older-'));
  });

  afterEach(async () => {
    await pg.end();
    await rm(folder, { recursive: true, force: true });
  });

  /** What an older version has left, with its rows in drizzle's journal. */
  async function anOlderVersion(migrations: number): Promise<void> {
    await cp('drizzle', folder, { recursive: true });
    const journal = JSON.parse(await readFile(join(folder, 'meta', '_journal.json'), 'utf8')) as {
      entries: object[];
    };
    await writeFile(
      join(folder, 'meta', '_journal.json'),
      JSON.stringify({ ...journal, entries: journal.entries.slice(0, migrations) }),
    );
    const client = postgres(url, { max: 1, onnotice: () => {} });
    // Older versions asked for Postgres 18; before it somebody has helped himself.
    const [has] = await client`select to_regproc('uuidv7') is not null as own`;
    if (!has?.own)
      await client`create function public.uuidv7() returns uuid language sql as 'select gen_random_uuid()'`;
    await byDrizzle(drizzle({ client }), { migrationsFolder: folder });
    await client.end();
  }

  const anApplicationsRow = () =>
    pg`insert into drizzle.__drizzle_migrations (hash, created_at) values ('of an application', 4102444800000)`;

  const refusal = (options?: MigrateOptions) =>
    migrate(url, options).then(
      () => 'none',
      (error: Error) => `${error.name}: ${error.message}`,
    );

  const applied = async () =>
    (await pg<{ tag: string }[]>`select tag from knockon.applied_migrations order by tag`).map(
      ({ tag }) => tag,
    );
  const isUpToDate = async () =>
    expect({ ...(await compareMigrations(pg)), missing: await missingObjects(pg) }).toEqual({
      pending: [],
      changed: [],
      unknown: 0,
      applied: own.length,
      missing: [],
    });

  it('makes everything beside an application whose row in drizzle’s journal is newer, and leaves that alone', async () => {
    await pg`create schema drizzle`;
    await pg`create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
    await anApplicationsRow();
    await migrate(url);
    await isUpToDate();
    expect(await pg`select hash from drizzle.__drizzle_migrations`).toHaveLength(1);
  });

  it('goes on where an older version stopped, whose rows are in drizzle’s journal, and runs nothing twice', async () => {
    await anOlderVersion(12);
    await anApplicationsRow();
    await pg`insert into workspaces (name) values ('kept')`;
    await migrate(url);
    await isUpToDate();
    await migrate(url);
    expect(await applied()).toEqual(own.map(({ tag }) => tag));
    expect(await pg`select name from workspaces`).toEqual([{ name: 'kept' }]);
  });

  it('makes the tables in public, whatever the search path of its role says', async () => {
    const { user } = pg.options as unknown as { user: string };
    await pg.unsafe(`create schema "${user}"`);
    await pg.unsafe(
      `alter database ${new URL(url).pathname.slice(1)} set search_path = "${user}", knockon`,
    );
    await migrate(url);
    await isUpToDate();
  });

  it('lets one of several at once do it, and the others wait', async () => {
    await Promise.all([migrate(url), migrate(url), migrate(url)]);
    await isUpToDate();
  });

  it('leaves everything as it was when it is killed half way, and is done the next time', async () => {
    await anOlderVersion(12);
    const reader = await pg.reserve();
    await reader`begin`;
    await reader`select from endpoints`;
    const killed = refusal({ lockMs: 20_000 });
    const waiting = () =>
      pg`select pid from pg_stat_activity where application_name = 'knockon migrate' and wait_event_type = 'Lock'`;
    await expect.poll(async () => (await waiting()).length).toBe(1);
    await pg`select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'knockon migrate' and datname = current_database()`;
    expect(await killed).not.toBe('none');
    await reader`rollback`;
    reader.release();
    expect((await compareMigrations(pg)).applied).toBe(12);
    await migrate(url);
    await isUpToDate();
  });

  it('does not make everybody wait behind a table that it can’t lock, and says who holds it', async () => {
    await anOlderVersion(12);
    const reader = await pg.reserve();
    await reader`begin`;
    await reader`select from endpoints`;
    const said = await refusal({ lockMs: 100, tries: 2 });
    expect(said).toMatch(
      /MigrationError: A table could not be locked.*process \d+.*idle in transaction.*Nothing was changed/,
    );
    await reader`rollback`;
    reader.release();
    expect((await compareMigrations(pg)).applied).toBe(12);
  });

  it('says who holds its lock where that never ends, as a pooler makes a session that is over', async () => {
    const holder = await pg.reserve();
    await holder`select pg_advisory_lock(hashtext('knockon.migrate'))`;
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
    expect(statements).toHaveLength(2);
    for (const statement of statements) await pg.unsafe(statement);
    await migrate(theirs.href);
    await isUpToDate();
    // Nothing is left to do: nothing is needed.
    await pg.unsafe(`revoke create on schema public, knockon from ${role}`);
    await migrate(theirs.href);
  });

  it('names what is missing though every migration has been applied', async () => {
    await migrate(url);
    await pg`drop table analytics_hours`;
    await pg`alter table endpoints drop column max_per_second`;
    await pg`drop index outbox_waiting`;
    const said = await refusal();
    expect(said).toContain('table analytics_hours');
    expect(said).toContain('column endpoints.max_per_second');
    expect(said).toContain('index outbox.outbox_waiting');
    expect(said).not.toContain('analytics_hours.');
  });

  it('refuses a database that has had a migration in another form', async () => {
    await migrate(url);
    await pg`update knockon.applied_migrations set hash = 'other' where tag = '0003_waiting'`;
    expect(await refusal()).toContain('0003_waiting in another form');
  });

  it('names the migration that fails, and what something else in the database has taken', async () => {
    await pg`create table channels (id int)`;
    expect(await refusal()).toMatch(
      /The migration 0000_init failed: relation "channels" already exists \(42P07\)\. Nothing was changed/,
    );
    expect(
      await pg`select to_regclass('public.events') as events, to_regnamespace('knockon') as schema`,
    ).toEqual([{ events: null, schema: null }]);
  });
});
