import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';
import { connectDatabase, type Database, type DatabaseOptions } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';
import { refuseNestedUse } from '../../src/db/nested-use.ts';
import { OWN_SCHEMA } from '../../src/db/own-schema.ts';

// Holding a connection and asking for another is a fault wherever it happens, though only a full
// pool shows it.
refuseNestedUse();

export interface TestDatabase {
  url: string;
  database: Database;
  close(): Promise<void>;
}

/**
 * A freshly migrated database that nobody else uses. `close` ends the connections; the database
 * itself goes with the server.
 *
 * @param options as `connectDatabase` takes them
 */
export async function freshDatabase(options: DatabaseOptions = {}): Promise<TestDatabase> {
  const url = await migratedDatabase();
  const database = connectDatabase(url, { name: 'test', ...options });
  return { url, database, close: () => database.close() };
}

async function migratedDatabase(): Promise<string> {
  if (OWN_SCHEMA === 'knockon') return await createDatabase('template_knockon');
  const url = await emptyDatabase();
  await migrate(url);
  return url;
}

/** The URL of a database that has nothing yet, not even our tables. */
export const emptyDatabase = () => createDatabase('template0');

async function createDatabase(template: string): Promise<string> {
  const adminUrl = inject('adminUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = postgres(adminUrl, { max: 1, onnotice: () => {} });
  try {
    await admin`select pg_advisory_lock(1)`; // a template serves one at a time
    await admin`create database ${admin(name)} template ${admin(template)} strategy file_copy`;
  } finally {
    await admin.end();
  }
  return adminUrl.replace(/\/postgres$/, `/${name}`);
}
