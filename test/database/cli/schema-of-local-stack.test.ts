import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useSchema } from '../../../src/db/own-schema.ts';
import { emptyDatabase } from '../../harness/database.ts';
import { runCommand } from '../../whole/cli/run-in-process.ts';

let home: string;
let pg: Sql;

beforeAll(async () => {
  const url = await emptyDatabase();
  pg = postgres(url, { max: 1, onnotice: () => {} });
  home = mkdtempSync(join(tmpdir(), 'knockon-schema-'));
  const write = (name: string, content: object) =>
    writeFileSync(join(home, name), JSON.stringify(content));
  write('up.json', {
    pid: process.pid,
    database_url: url,
    temporal_address: null,
    schema: 'acme_events',
  });
  write('environment.json', { DATABASE_URL: url, KNOCKON_SCHEMA: 'acme_events' });
});

afterAll(async () => {
  useSchema(undefined);
  rmSync(home, { recursive: true });
  await pg.end();
});

it('commands that take their settings from `npm start` use its KNOCKON_SCHEMA', async () => {
  const env = { KNOCKON_HOME: home, DATABASE_URL: '', KNOCKON_SCHEMA: '' };
  expect(await runCommand(['migrate', '--json'], env)).toMatchObject({ exitCode: 0 });
  const schemas = await pg`
    select nspname as name from pg_namespace where nspname in ('knockon', 'acme_events')`;
  expect(schemas).toEqual([{ name: 'acme_events' }]);
  const verified = await runCommand(['verify', '--json'], env);
  expect(verified).toMatchObject({ exitCode: 0, out: expect.stringContaining('"balanced":true') });
});
