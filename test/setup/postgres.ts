import { basename, join } from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { freePorts } from '../../src/local/launcher/ports.ts';
import { type Postgres, startPostgres } from '../../src/local/postgres/postgres.ts';
import { makeTemplate } from '../../src/testing/database.ts';
import type { TestRun } from './run.ts';
import { share } from './share-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /**
     * The superuser's URL of the database that hands out numbers; tests get databases of their own.
     */
    adminUrl: string;
  }
}

/** One real Postgres with a migrated template for the whole run. */
export default function setup(project: TestProject): Promise<() => Promise<void>> {
  const start = async (run: TestRun) => {
    const { url, server } = await startDatabase(run);
    return { known: url('postgres'), stop: () => server.stop(5_000) };
  };
  return share(project, 'postgres', start, (adminUrl, to) => to.provide('adminUrl', adminUrl));
}

/** @param programs of an older Postgres */
export async function startDatabase(run: TestRun, programs?: string): Promise<Postgres> {
  const { folder } = run;
  const [port] = (await freePorts(1)) as [number];
  const server = await startPostgres({
    data: join(folder, 'postgres'),
    elsewhere: basename(folder),
    port,
    password: 'test',
    log: join(folder, 'postgres.log'),
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '300',
    },
    onSpawn: run.endsWithUs,
    programs,
  });
  const admin = postgres(server.url('postgres'), { max: 1, onnotice: () => {} });
  await admin`create sequence namespaces`;
  // Another name than our schema's: what is found only by the search path of a role called knockon
  // must not pass.
  await admin`create role tester superuser login password 'test'`;
  await admin.end();
  const url = (database: string) => server.url(database).replace('//knockon:', '//tester:');
  await makeTemplate(url('postgres'));
  return { ...server, url };
}
