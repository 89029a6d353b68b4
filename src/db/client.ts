import { setTimeout as wait } from 'node:timers/promises';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';
import { abortOnDisconnect } from './abort-on-disconnect.ts';
import { knowArrays } from './arrays.ts';
import { limitUse } from './limited.ts';
import { openClient } from './open.ts';
import { Places } from './places.ts';
import { prepareRecurring } from './prepared.ts';
import * as schema from './schema/index.ts';
import { askServer, type Server, UnsupportedPostgresError } from './server.ts';
import { throwWithoutParameters } from './statement-error.ts';

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
 * @returns false where a pooler is in between, which hands on no notifications: it must be looked
 * every now and then instead
 */
export type Listen = (channel: string, onNotify: (payload?: string) => void) => Promise<boolean>;

export interface DatabaseOptions {
  /** A URL by which no pooler is in between, for listening (default: the database's own). */
  directUrl?: string;
  /** Most connections of `db` (default 8); `pg` takes up to 4 beside them. */
  connections?: number;
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
  'DATABASE_URL leads through a pooler, which hands on no notifications: what is new is looked for every second. To be told at once set KNOCKON_DATABASE_DIRECT_URL to a way around it';

/** How much longer than a statement may take an answer may be on its way, in ms. */
const ON_ITS_WAY = 1000;

/**
 * A transaction that lies idle for so long, in ms, is ended by Postgres: its holder is gone, or
 * hangs.
 */
const IDLE_IN_TRANSACTION = 60_000;

/** Most statements and transactions that wait for a connection of a pool. */
const MOST_WAITING = 1000;

/** What has answered at each URL, once it has: the pools of a process ask once. */
const met = new Map<string, Promise<Server>>();
/**
 * @param url `postgres://user:password@host:port/database`, or with several hosts
 * (`@one:5432,two:5432/`)
 */
export function connectDatabase(url: string, options: DatabaseOptions = {}): Database {
  const { connections = 8, name = 'knockon', statementMs = 20_000, lockMs = statementMs } = options;
  const common = {
    connect_timeout: 5,
    idle_timeout: 30,
    keep_alive: 10,
    // Connections take turns, so that a poll a second keeps all of them from being idle; and a
    // backend's memory only ever grows. An old one is not replaced before somebody needs it: after
    // a rush few are left.
    max_lifetime: 45 + Math.round(Math.random() * 30),
    // In seconds. The default grows to 20: so long a request would wait before it is told that the
    // database is away.
    backoff: (failures: number) => Math.min(0.05 * 2 ** failures, 0.5),
    onnotice: () => {},
    // See `knowArrays`.
    fetch_types: false,
    connection: { application_name: name },
  };
  const limits = {
    statement_timeout: statementMs,
    lock_timeout: lockMs,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION,
  };
  const client = (at: string, max: number) =>
    openClient(at, { ...common, max }, statementMs + ON_ITS_WAY);
  /** What answers there; it is asked again where it did not. */
  const meet = (at: string): Promise<Server> => {
    const known = met.get(at);
    if (known) return known;
    const { client: asking } = client(at, 1);
    const asked = askServer(asking).finally(() => void asking.end({ timeout: 1 }));
    met.set(at, asked);
    asked.catch(() => met.delete(at));
    return asked;
  };
  const open = (max: number, at = url) => {
    const places = new Places({
      places: max,
      waitMs: options.waitMs ?? 5000,
      mostWaiting: MOST_WAITING,
    });
    const { client: opened, sockets } = client(at, max);
    const settle = ({ pooled, prepares }: Server) => {
      // A pooler refuses what it doesn't know at the beginning of a connection.
      if (!pooled) Object.assign(opened.options.connection, limits);
      opened.options.prepare = prepares;
      return pooled ? limits : undefined;
    };
    return limitUse(knowArrays(opened), {
      places,
      onReadOnly: () => sockets.replaceAll(),
      meet: async () => settle(await meet(at)),
    });
  };
  // Two clients: drizzle() changes the parsers of the one it is given.
  const db = abortOnDisconnect(prepareRecurring(open(connections)));
  const pg = abortOnDisconnect(open(4));
  const direct = options.directUrl ?? url;
  const listening = direct === url ? pg : open(1, direct);
  const clients = new Set([db, pg, listening]);
  return {
    db: drizzle({ client: db, schema }),
    pg,
    async listen(channel, onNotify) {
      if ((await meet(direct)).pooled) return false;
      await listening.listen(channel, onNotify, () => onNotify());
      return true;
    },
    close: async () => void (await Promise.all([...clients].map((one) => one.end({ timeout: 5 })))),
  };
}

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
