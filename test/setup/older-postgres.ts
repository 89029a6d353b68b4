import type { TestProject } from 'vitest/node';
import { startDatabase } from './postgres.ts';
import { openRun } from './run.ts';

/**
 * An older Postgres alone, that of the project's name (such as `postgres-15`), for tests that need
 * no other server.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const run = await openRun(project.name);
  const database = await startDatabase(run, `embedded-${project.name}`);
  project.provide('adminUrl', database.url('postgres'));
  return async () => {
    await database.server.stop(5_000);
    await run.close();
  };
}
