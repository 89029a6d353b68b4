import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres, { type PendingQuery, type Row, type Sql } from 'postgres';
import { freePorts } from '../src/local/launcher/ports.ts';
import { startPostgres } from '../src/local/postgres/postgres.ts';

/** What all contestants stand on: a Postgres of the bench's own, a database each. */
export interface Ground {
  /** A folder for what a contestant's own servers keep, made anew; gone at the end. */
  folder(name: string): Promise<string>;
  /** Makes an empty database, in place of one of that name. @returns its URL */
  database(name: string): Promise<string>;
  drop(name: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * What `npm start` runs with is sized for a laptop's idle hours; here every contestant has a
 * server's memory, and the same.
 */
const settings = {
  shared_buffers: '256MB',
  max_connections: '300',
  max_wal_size: '4GB',
  // When an effect was there for all to see is asked afterwards, so that nobody's idle machine is
  // kept busy by looking.
  track_commit_timestamp: 'on',
};

export async function prepareGround(): Promise<Ground> {
  const home = await mkdtemp(join(tmpdir(), 'knockon-bench-'));
  // As root, Postgres runs under another account, which must be able to walk in.
  await chmod(home, 0o755);
  const [port] = await freePorts(1);
  const running = await startPostgres({
    data: join(home, 'postgres'),
    elsewhere: `bench-${process.pid}`,
    port: port!,
    password: 'bench',
    log: join(home, 'postgres.log'),
    settings,
  });
  const pg = postgres(running.url('postgres'), { max: 1, onnotice: () => {} });
  const drop = async (name: string) =>
    void (await pg.unsafe(`drop database if exists ${name} with (force)`));
  return {
    async folder(name) {
      const path = join(home, name);
      await rm(path, { recursive: true, force: true });
      await mkdir(path, { recursive: true });
      return path;
    },
    async database(name) {
      await drop(name);
      await pg.unsafe(`create database ${name}`);
      return running.url(name);
    },
    drop,
    async stop() {
      await pg.end({ timeout: 5 });
      await running.stop();
      for (const path of [home, running.data]) await rm(path, { recursive: true, force: true });
    },
  };
}

/** A connection of the bench's own to a contestant's database. */
export const look = (url: string): Sql => postgres(url, { max: 2, onnotice: () => {} });

/** When a row was committed, ms since 1970. */
const committed = (pg: Sql) =>
  pg`extract(epoch from pg_xact_commit_timestamp(xmin))::float8 * 1000`;

/** When each of these rows was. */
export async function commits(pg: Sql, rows: PendingQuery<Row[]>): Promise<number[]> {
  return (await pg<{ at: number }[]>`select ${committed(pg)} as at from ${rows}`).map(
    (row) => row.at,
  );
}

/** When the last of these rows was. */
export async function lastCommitted(pg: Sql, rows: PendingQuery<Row[]>): Promise<number> {
  const [{ last }] = await pg<
    [{ last: number | null }]
  >`select max(${committed(pg)}) as last from ${rows}`;
  return last ?? Number.NaN;
}
