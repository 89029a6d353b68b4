import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { freePorts } from '../src/local/ports.ts';
import { endWithUs, startDatabase } from './global-setup.ts';

/**
 * An older Postgres alone, that of the project's name (such as `postgres-15`), for tests that need
 * no other server.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), `knockon-${project.name}-`));
  await chmod(folder, 0o755);
  const [port] = await freePorts(1);
  const { andThese, forget } = endWithUs(folder);
  const database = await startDatabase(folder, port!, andThese, `embedded-${project.name}`);
  project.provide('adminUrl', database.url('postgres'));
  return async () => {
    await database.server.stop(5_000);
    forget();
    await rm(folder, { recursive: true, force: true });
  };
}
