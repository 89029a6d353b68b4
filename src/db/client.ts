import { setTimeout as wait } from 'node:timers/promises';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';
import { abortOnDisconnect } from './abort-on-disconnect.ts';
import { knowArrays } from './arrays.ts';
import { Places } from './connection-limit.ts';
import { limitUse } from './limit-pool.ts';
import { openClient } from './open.ts';
import { prepareRecurring } from './prepared.ts';
import * as schema from './schema/index.ts';
import { meetServer, type Server, UnsupportedPostgresError } from './server.ts';
import { KEEPALIVE } from './sockets.ts';
import { throwWithoutParameters } from './statement-error.ts';
import { SESSION_SETTINGS, TRANSACTION_SETTINGS } from './value-settings.ts';

throwWithoutParameters();

type Drizzle = PostgresJsDatabase<typeof schema>;

/** A transaction, as `database.db.transaction` hands it out. */
export type Transaction = Parameters<Parameters<Drizzle['transaction']>[0]>[0];

/**
 * Postgres twice: `db` (drizzle) for what is read and edited, `pg` (prepared statements) for what
 * every event passes.
 */
export interface Database {
  db: Drizzle;
  pg: postgres.Sql;
  listen: Listen;
  /** Waits up to 5 s for running queries, then ends the connections. */
  close(): Promise<void>;
}

/**
 * Calls with what is notified on a channel, and with nothing whenever the connection is new and
 * something may have been missed.
 *
 * @returns false where a pooler is in between, which hands on no notifications: the caller must
 * poll instead
 */
export type Listen = (channel: string, onNotify: (payload?: string) => void) => Promise<boolean>;

export interface DatabaseOptions {
  /** A URL by which no pooler is in between, for listening (default: the database's own). */
  directUrl?: string;
  /** Most connections of `db` (default 8); `pg` takes up to 4 beside them. */
  connections?: number;
  /**
   * Most transactions at once on a client (default: one a connection). A statement by itself waits
   * for none of them then: some hold their connection for seconds.
   */
  transactions?: number;
  /** Shown as `application_name` in pg_stat_activity. */
  name?: string;
  /**
   * Longest a statement may take, in ms (default 20,000). Postgres ends it then (57014). A
   * connection that is silent for a little longer is taken for dead.
   */
  statementMs?: number;
  /** Longest a statement may wait for a lock, in ms (default: as long as it may take). */
  lockMs?: number;
  /** Longest a statement or transaction may wait for a connection, in ms (default 5,000). */
  waitMs?: number;
}

/** What is told where nobody can listen. */
export const NO_LISTENING =
  'DATABASE_URL leads through a pooler, which hands on no notifications. Knock-on polls every ' +
  'second instead. To be told at once set KNOCKON_DATABASE_DIRECT_URL to a way around it';

/** Longest that a statement takes, in ms, unless `statementMs` says otherwise. */
const STATEMENT = 20_000;

/** How much longer than a statement may take an answer may be on its way, in ms. */
const ON_ITS_WAY = 1000;

/**
 * A transaction that lies idle for so long, in ms, is ended by Postgres: its holder is gone, or
 * hangs.
 */
const IDLE_IN_TRANSACTION = 60_000;

/** Most statements and transactions that wait for a connection of a pool. */
const MOST_WAITING = 1000;

/**
 * @param url `postgres://user:password@host:port/database`, or with several hosts
 * (`@one:5432,two:5432/`)
 */
export function connectDatabase(url: string, options: DatabaseOptions = {}): Database {
  const { connections = 8, directUrl = url } = options;
  // Two clients: drizzle() changes the parsers of the one it is given.
  const db = abortOnDisconnect(prepareRecurring(openPool(url, connections, options)));
  const pg = abortOnDisconnect(openPool(url, 4, options));
  const listening = directUrl === url ? pg : openPool(directUrl, 1, options);
  const clients = new Set([db, pg, listening]);
  return {
    db: drizzle({ client: db, schema }),
    pg,
    async listen(channel, onNotify) {
      if ((await serverAt(directUrl, options)).pooled) return false;
      await listening.listen(channel, onNotify, () => onNotify());
      return true;
    },
    close: async () => void (await Promise.all([...clients].map((one) => one.end({ timeout: 5 })))),
  };
}

/** A client whose connections have our settings and limits. Statements wait for one in turn. */
function openPool(url: string, max: number, options: DatabaseOptions): postgres.Sql {
  const waits = { waitMs: options.waitMs ?? 5000, mostWaiting: MOST_WAITING };
  const { client, sockets } = openConnections(url, max, options);
  const limits = limitsOf(options);
  return limitUse(knowArrays(client), {
    places: new Places({ places: max, ...waits }),
    transactions: new Places({ places: Math.min(options.transactions ?? max, max), ...waits }),
    onReadOnly: () => sockets.replaceAll(),
    meet: async () => {
      const { pooled, prepares } = await serverAt(url, options);
      // A pooler refuses settings that it does not know when a connection begins.
      const session = { ...SESSION_SETTINGS, ...limits, ...KEEPALIVE };
      if (!pooled) Object.assign(client.options.connection, session);
      client.options.prepare = prepares;
      return pooled ? { ...TRANSACTION_SETTINGS, ...limits } : undefined;
    },
  });
}

/** What answered at each URL. The pools of a process ask once. */
const servers = new Map<string, Promise<Server>>();

/** What answers at a URL. It is asked again if it did not answer. */
function serverAt(url: string, options: DatabaseOptions): Promise<Server> {
  const known = servers.get(url);
  if (known) return known;
  const { client } = openConnections(url, 1, options);
  const asked = meetServer(client).finally(() => void client.end({ timeout: 1 }));
  servers.set(url, asked);
  asked.catch(() => servers.delete(url));
  return asked;
}

function openConnections(url: string, max: number, options: DatabaseOptions) {
  const { statementMs = STATEMENT, name = 'knockon' } = options;
  const settings = {
    max,
    connect_timeout: 5,
    idle_timeout: 30,
    keep_alive: 10,
    // Connections take turns, so a poll each second keeps all of them busy. A backend's memory only
    // grows. An old connection is replaced when somebody needs it, so few are left after a rush.
    max_lifetime: 45 + Math.round(Math.random() * 30),
    // In seconds. The default grows to 20. A request would wait that long to hear that the database
    // is away.
    backoff: (failures: number) => Math.min(0.05 * 2 ** failures, 0.5),
    onnotice: () => {},
    // See `knowArrays`.
    fetch_types: false,
    connection: { application_name: name },
  };
  return openClient(url, settings, statementMs + ON_ITS_WAY);
}

const limitsOf = ({ statementMs = STATEMENT, lockMs = statementMs }: DatabaseOptions) => ({
  statement_timeout: statementMs,
  lock_timeout: lockMs,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION,
});

/**
 * Looks until the server answers, then whether Knock-on works with it. What else a process does may
 * begin meanwhile.
 *
 * @throws UnsupportedPostgresError
 */
export async function refuseOldPostgres(url: string, signal: AbortSignal): Promise<void> {
  const { pg, close } = connectDatabase(url, {
    connections: 1,
    name: 'knockon, looking at the version',
  });
  try {
    while (!signal.aborted) {
      const error = await pg`select 1`.then(
        () => undefined,
        (failed) => failed as Error,
      );
      if (!error) return;
      if (error instanceof UnsupportedPostgresError) throw error;
      await wait(1000, undefined, { signal }).catch(() => {});
    }
  } finally {
    await close();
  }
}
