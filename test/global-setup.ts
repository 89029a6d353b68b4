import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { migrate } from '../src/db/migrate.ts';
import { whenNpmIsGone } from '../src/local/npm-process.ts';
import { freePorts } from '../src/local/ports.ts';
import { type Postgres, startPostgres } from '../src/local/postgres.ts';
import { startTemporal, type Temporal } from '../src/local/temporal.ts';
import { findTemporalCli, findTestServer } from '../src/local/temporal-cli.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /**
     * The superuser's URL of the database that hands out numbers; tests get databases of their own.
     */
    adminUrl: string;
    temporalAddress: string;
    testServerPath: string;
  }
}

/** Namespaces made in advance: making one while others work takes seconds. */
export const namespaces = Array.from({ length: 60 }, (_, i) => `test-${i + 1}`);

/**
 * One real Postgres with a migrated template and one real Temporal dev server for the whole run,
 * both gone when it ends.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'knockon-test-'));
  await chmod(folder, 0o755);
  const [postgresPort, temporalPort] = (await freePorts(2)) as [number, number];
  const { andThese, forget } = endWithUs(folder);
  const [database, temporal, testServer] = await Promise.all([
    startDatabase(folder, postgresPort, andThese),
    startDevServer(folder, temporalPort, andThese),
    findTestServer(),
  ]);
  project.provide('adminUrl', database.url('postgres'));
  project.provide('temporalAddress', temporal.address);
  project.provide('testServerPath', testServer);
  return async () => {
    await Promise.all([database.server.stop(5_000), temporal.stop()]);
    forget();
    await rm(folder, { recursive: true, force: true });
  };
}

/** @param programs of an older Postgres */
export async function startDatabase(
  folder: string,
  port: number,
  onSpawn: (pid: number) => void,
  programs?: string,
): Promise<Postgres> {
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '300',
  };
  const [data, log] = [join(folder, 'postgres'), join(folder, 'postgres.log')];
  const server = await startPostgres({
    data,
    elsewhere: basename(folder),
    port,
    password: 'test',
    log,
    settings,
    onSpawn,
    programs,
  });
  const admin = postgres(server.url('postgres'), { max: 1, onnotice: () => {} });
  await admin`create sequence namespaces`;
  await admin`create database template_knockon`;
  // Another name than our schema's: what is found only by the search path of a role called knockon
  // must not pass.
  await admin`create role tester superuser login password 'test'`;
  await admin.end();
  const url = (database: string) => server.url(database).replace('//knockon:', '//tester:');
  await migrate(url('template_knockon'));
  return { ...server, url };
}

async function startDevServer(
  folder: string,
  port: number,
  onSpawn: (pid: number) => void,
): Promise<Temporal> {
  return startTemporal({
    cli: await findTemporalCli(console.log),
    port,
    namespaces,
    log: join(folder, 'temporal.log'),
    onSpawn,
  });
}

/**
 * However vitest ends, kill -9 included: a shell that waits for our end of its pipe to close ends
 * all that this run has started, which is known by a variable of its environment; elsewhere than on
 * Linux the servers alone.
 */
export function endWithUs(folder: string): { andThese(pid: number): void; forget(): void } {
  const run = basename(folder);
  const watcher = spawn('sh', ['-c', ending, 'sh', run, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  watcher.stdin.on('error', () => {});
  process.env.TEST_RUN = run;
  whenNpmIsGone(() => process.exit(1));
  return {
    andThese: (pid) => void watcher.stdin.write(`${pid}\n`),
    forget: () => watcher.kill('SIGKILL'),
  };
}

const ending = `
  while read -r pid; do pids="$pids $pid"; done
  for last_moment in no yes; do
    for environ in $(grep -lsxz "TEST_RUN=$1" /proc/[0-9]*/environ); do pid=\${environ#/proc/}; pids="$pids \${pid%/environ}"; done
    kill -9 $pids
  done
  rm -rf "$2"`;
