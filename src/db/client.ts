import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { knowArrays } from './arrays.ts';
import { endWhenCut } from './cut.ts';
import { prepareRecurring } from './prepared.ts';
import * as schema from './schema/index.ts';

type Drizzle = PostgresJsDatabase<typeof schema>;

/** A transaction, as `database.db.transaction` hands it out. */
export type Transaction = Parameters<Parameters<Drizzle['transaction']>[0]>[0];

/** Postgres twice: `db` (drizzle) for what is read and edited, `sql` (prepared statements) for what every event passes. */
export interface Database {
  db: Drizzle;
  sql: postgres.Sql;
  /** Waits up to 5 s for running queries, then ends the connections. */
  close(): Promise<void>;
}

/**
 * @param url `postgres://user:password@host:port/database`
 * @param options.connections most connections of `db` (default 8); `sql` takes up to 4 beside them
 * @param options.name shown as `application_name` in pg_stat_activity
 */
export function connectDatabase(url: string, options: { connections?: number; name?: string } = {}): Database {
  const common = {
    connect_timeout: 5,
    idle_timeout: 30,
    // Connections take turns, so that a poll a second keeps all of them from being idle; and a backend's memory only ever grows. An old
    // one is not replaced before somebody needs it: after a rush few are left.
    max_lifetime: 45 + Math.round(Math.random() * 30),
    // In seconds. The default grows to 20: so long a request would wait before it is told that the database is away.
    backoff: (failures: number) => Math.min(0.05 * 2 ** failures, 0.5),
    onnotice: () => {},
    // See `knowArrays`.
    fetch_types: false,
    connection: { application_name: options.name ?? 'knockon' },
  };
  // Two clients: drizzle() changes the parsers of the one it is given.
  const custom = { ...common, connection: { ...common.connection, plan_cache_mode: 'force_custom_plan' } };
  const db = endWhenCut(prepareRecurring(knowArrays(postgres(url, { ...custom, max: options.connections ?? 8 }))));
  const sql = endWhenCut(knowArrays(postgres(url, { ...common, max: 4 })));
  return {
    db: drizzle({ client: db, schema }),
    sql,
    close: async () => void (await Promise.all([db.end({ timeout: 5 }), sql.end({ timeout: 5 })])),
  };
}
