import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { connectDatabase, type DatabaseOptions } from '../db/client.ts';
import { migrate } from '../db/migrate.ts';
import type { Connection } from '../embed/connect.ts';

/** A database that nobody else uses. */
export interface TestDatabase {
  url: string;
  /** As `connect` gives it: `runEffects` takes it, `emit` its `pg` or `db`. */
  database: Connection;
  /** Ends the connections. The database itself goes with its server. */
  close(): Promise<void>;
}

/** The migrated database that all others are copies of. */
const TEMPLATE = 'template_knockon';

/** Makes the template, where it is not there yet. @param adminUrl a superuser's */
export async function makeTemplate(adminUrl: string): Promise<void> {
  await asAdmin(adminUrl, (admin) => admin`create database ${admin(TEMPLATE)}`);
  await migrate(databaseUrl(adminUrl, TEMPLATE));
}

/**
 * A migrated database of its own. It is a copy of the template, which takes a moment.
 *
 * @param adminUrl a superuser's, of a server where `makeTemplate` was called
 */
export async function freshDatabase(
  adminUrl: string,
  options: DatabaseOptions = {},
): Promise<TestDatabase> {
  return openDatabase(await copyDatabase(adminUrl, TEMPLATE), options);
}

/** @param url of a database that is migrated */
export function openDatabase(url: string, options: DatabaseOptions = {}): TestDatabase {
  const database = connectDatabase(url, { name: 'test', ...options });
  return { url, database: { ...database, url }, close: () => database.close() };
}

/** The URL of a database that has nothing yet, not even our tables. */
export const emptyDatabase = (adminUrl: string) => copyDatabase(adminUrl, 'template0');

async function copyDatabase(adminUrl: string, template: string): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(adminUrl, async (admin) => {
    await admin`select pg_advisory_lock(1)`; // a template serves one at a time
    await admin`create database ${admin(name)} template ${admin(template)} strategy file_copy`;
  });
  return databaseUrl(adminUrl, name);
}

const databaseUrl = (adminUrl: string, name: string) => adminUrl.replace(/\/postgres$/, `/${name}`);

async function asAdmin(
  url: string,
  work: (admin: postgres.Sql) => Promise<unknown>,
): Promise<void> {
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
