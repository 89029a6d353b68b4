import postgres from 'postgres';
import { expect, it } from 'vitest';
import { isSchemaName, useSchema } from '../../../src/db/own-schema.ts';
import { readDatabaseSettings } from '../../../src/settings/database.ts';
import { emptyDatabase, freshDatabase } from '../../harness/database.ts';
import { runCommand } from '../../whole/cli/run-in-process.ts';

const schemasOf = async (url: string) => {
  const pg = postgres(url, { max: 1 });
  const rows = await pg`select nspname as name from pg_namespace 
    where nspname in ('knockon', 'acme')`;
  await pg.end();
  return rows.map(({ name }) => name);
};

const malformed = ['My-Schema', 'we"ird', 'a b', 'pg_mine', 'ütf', 'a'.repeat(64), 'order', '1a'];

it.each(malformed)('knockon migrate and verify refuse KNOCKON_SCHEMA=%s', async (name) => {
  const url = await emptyDatabase();
  const env = { DATABASE_URL: url, KNOCKON_SCHEMA: name };
  const migrated = await runCommand(['migrate'], env);
  expect(migrated.exitCode).toBe(78);
  expect(migrated.err).toContain(`KNOCKON_SCHEMA is ${JSON.stringify(name)}: it must be up to 63`);
  const verified = await runCommand(['verify'], env);
  expect(verified.exitCode).toBe(2);
  expect(verified.err).toContain(`KNOCKON_SCHEMA is ${JSON.stringify(name)}`);
  expect(await schemasOf(url)).toEqual([]);
});

it('the schema is made that the environment names', async () => {
  const url = await emptyDatabase();
  const env = { DATABASE_URL: url, KNOCKON_SCHEMA: 'acme' };
  expect(await runCommand(['migrate'], env)).toMatchObject({ exitCode: 0 });
  useSchema(undefined);
  expect(await schemasOf(url)).toEqual(['acme']);
});

it('a name that a process was not started with is refused where that is not a command', () => {
  const env = { DATABASE_URL: 'postgres://somewhere', KNOCKON_SCHEMA: 'acme' };
  expect(() => readDatabaseSettings(env)).toThrow('this process was started with "knockon"');
});

it('a schema may be called what needs no quotes, and by no word that Postgres reserves', async () => {
  const { database, close } = await freshDatabase();
  const words = await database.pg<{ word: string; catcode: string }[]>`
    select word, catcode from pg_get_keywords()`;
  expect(words.length).toBeGreaterThan(400);
  const reserved = words.filter(({ catcode }) => ['R', 'T'].includes(catcode));
  expect(reserved.filter(({ word }) => isSchemaName(word))).toEqual([]);
  const others = words.filter(({ catcode }) => !['R', 'T'].includes(catcode));
  expect(others.filter(({ word }) => !isSchemaName(word))).toEqual([]);
  for (const { word } of [...others, { word: '_x' }, { word: 'public' }])
    await database.pg.unsafe(`
      create schema if not exists ${word};
      create table ${word}.t (id int);
      create function ${word}.f(id int) returns int language sql as 'select id';
      insert into ${word}.t select ${word}.f(id) from ${word}.t order by '${word}.t'::regclass;
      drop table ${word}.t; drop function ${word}.f(int)`);
  await close();
});
