import { inject } from 'vitest';
import type { DatabaseOptions } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';
import { refuseNestedUse } from '../../src/db/nested-use.ts';
import { OWN_SCHEMA } from '../../src/db/own-schema.ts';
import * as testing from '../../src/testing/database.ts';

export type { TestDatabase } from '../../src/testing/database.ts';

// Holding a connection and asking for another is a fault wherever it happens, though only a full
// pool shows it.
refuseNestedUse();

/**
 * A freshly migrated database that nobody else uses. `close` ends the connections; the database
 * itself goes with the server.
 *
 * @param options as `connectDatabase` takes them
 */
export async function freshDatabase(options: DatabaseOptions = {}): Promise<testing.TestDatabase> {
  if (OWN_SCHEMA === 'knockon') return await testing.freshDatabase(inject('adminUrl'), options);
  // The template's schema has the usual name.
  const url = await emptyDatabase();
  await migrate(url);
  return testing.openDatabase(url, options);
}

/** The URL of a database that has nothing yet, not even our tables. */
export const emptyDatabase = () => testing.emptyDatabase(inject('adminUrl'));
