import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectDatabase } from '../../src/db/client.ts';
import { freePorts } from '../../src/local/launcher/ports.ts';
import { type Postgres, startPostgres } from '../../src/local/postgres/postgres.ts';
import { checkDatabase } from '../../src/ops/doctor/database.ts';
import { knockon } from './local/start-knockon.ts';

/** What `.ci/run` has installed; without it the tests are skipped. */
const POSTGRES_14 = fileURLToPath(new URL('../../.ci/postgres-14/package.json', import.meta.url));
const isThere = existsSync(new URL('../../.ci/postgres-14/node_modules', import.meta.url));

let folder: string;
let server: Postgres;
beforeAll(async () => {
  if (!isThere) return;
  folder = await mkdtemp(join(tmpdir(), 'knockon-postgres-14-'));
  await chmod(folder, 0o755);
  const [port] = await freePorts(1);
  const [data, log] = [join(folder, 'data'), join(folder, 'log')];
  server = await startPostgres({
    data,
    elsewhere: basename(folder),
    port: port!,
    password: 'test',
    log,
    programs: POSTGRES_14,
  });
});
afterAll(async () => {
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const refusal = /PostgreSQL 14\.\d+, which is too old: Knock-on works with 15, 16, 17 and 18/;

it
  .skipIf(!isThere)
  .each([
    [['migrate']],
    [['api']],
    [['relay']],
    [['worker', 'workflows']],
    [['worker', 'effects']],
  ])(
  '`knockon %s` refuses a Postgres that is too old by name, at once',
  { timeout: 60_000 },
  async (args) => {
    const env = {
      DATABASE_URL: server.url('postgres'),
      KNOCKON_SECRET: 'x'.repeat(32),
      KNOCKON_PORT: '0',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    };
    const { code, stderr } = await knockon(args, env);
    expect({ code, said: refusal.test(stderr), stack: /\n\s+at /.test(stderr) }).toEqual({
      code: 1,
      said: true,
      stack: false,
    });
  },
);

it.skipIf(!isThere)('the doctor says that it is too old', async () => {
  const database = connectDatabase(server.url('postgres'));
  const [finding] = await checkDatabase({ database } as Parameters<typeof checkDatabase>[0]);
  expect(finding).toMatchObject({ ok: false, detail: expect.stringMatching(refusal) });
  await database.close();
});
