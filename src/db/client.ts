import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';
import { knowArrays } from './arrays.ts';
import { endWhenCut } from './cut.ts';
import { limitUse } from './limited.ts';
import { openClient } from './open.ts';
import { Places } from './places.ts';
import { prepareRecurring } from './prepared.ts';
import * as schema from './schema/index.ts';
import { throwWithoutParameters } from './statement-error.ts';

throwWithoutParameters();

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

export interface DatabaseOptions {
  /** Most connections of `db` (default 8); `sql` takes up to 4 beside them. */
  connections?: number;
  /** Shown as `application_name` in pg_stat_activity. */
  name?: string;
  /**
   * Longest a statement may take, in ms (default 20,000). Postgres ends it then (57014). A connection that is silent for a little longer
   * is taken for dead.
   */
  statementMs?: number;
  /** Longest a statement may wait for a lock, in ms (default: as long as it may take). */
  lockMs?: number;
  /** Longest a statement or transaction may wait for a connection, in ms (default 5,000). */
  waitMs?: number;
}

/** How much longer than a statement may take an answer may be on its way, in ms. */
const ON_ITS_WAY = 1000;

/** A transaction that lies idle for so long, in ms, is ended by Postgres: its holder is gone, or hangs. */
const IDLE_IN_TRANSACTION = 60_000;

/** Most statements and transactions that wait for a connection of a pool. */
const MOST_WAITING = 1000;

/** @param url `postgres://user:password@host:port/database`, or with several hosts (`@one:5432,two:5432/`) */
export function connectDatabase(url: string, options: DatabaseOptions = {}): Database {
  const { connections = 8, name = 'knockon', statementMs = 20_000, lockMs = statementMs } = options;
  const common = {
    connect_timeout: 5,
    idle_timeout: 30,
    keep_alive: 10,
    // Connections take turns, so that a poll a second keeps all of them from being idle; and a backend's memory only ever grows. An old
    // one is not replaced before somebody needs it: after a rush few are left.
    max_lifetime: 45 + Math.round(Math.random() * 30),
    // In seconds. The default grows to 20: so long a request would wait before it is told that the database is away.
    backoff: (failures: number) => Math.min(0.05 * 2 ** failures, 0.5),
    onnotice: () => {},
    // See `knowArrays`.
    fetch_types: false,
    connection: {
      application_name: name,
      statement_timeout: statementMs,
      lock_timeout: lockMs,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION,
    },
  };
  const open = (max: number) => {
    const places = new Places({ places: max, waitMs: options.waitMs ?? 5000, mostWaiting: MOST_WAITING });
    const { client, sockets } = openClient(url, { ...common, max }, statementMs + ON_ITS_WAY);
    return limitUse(knowArrays(client), { places, onReadOnly: () => sockets.replaceAll() });
  };
  // Two clients: drizzle() changes the parsers of the one it is given.
  const db = endWhenCut(prepareRecurring(open(connections)));
  const sql = endWhenCut(open(4));
  return {
    db: drizzle({ client: db, schema }),
    sql,
    close: async () => void (await Promise.all([db.end({ timeout: 5 }), sql.end({ timeout: 5 })])),
  };
}
