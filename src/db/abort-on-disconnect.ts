import type { Sql, TransactionSql } from 'postgres';

type Work = (tx: TransactionSql) => unknown;
/** `begin` of postgres.js: the work is its last argument. */
export type Begin = (...args: unknown[]) => Promise<unknown>;
interface Fate {
  isOver: boolean;
}

/** How long the end of a connection is waited for once a statement has failed with it, in ms. */
const GRACE = 2000;

/**
 * Makes transactions end when their connection ends. postgres.js 3.4 alone goes on. It writes the
 * transaction's next statement, or its rollback, into a closed socket, which ends the process. Or
 * it writes it into another transaction that has the connection by then (porsager/postgres #1208
 * and #1216). The same holds for statements in a transaction after its end.
 */
export function abortOnDisconnect(client: Sql): Sql {
  return Object.assign(client, { begin: untilDisconnected(client.begin.bind(client) as Begin) });
}

/** The same for one `begin`. */
export function untilDisconnected(begin: Begin): Begin {
  return async (...args) => {
    const work = args.pop() as Work;
    const fate: Fate = { isOver: false };
    try {
      return await begin(...args, guard(work, fate));
    } finally {
      fate.isOver = true;
    }
  };
}

/**
 * Where the connection is lost the work never settles, so that nothing more is written; the
 * transaction as a whole has failed.
 */
function guard(work: Work, fate: Fate): Work {
  return async (tx) => {
    try {
      const result = await work(shielded(tx, fate));
      return fate.isOver ? await never() : result;
    } catch (error) {
      if (!fate.isOver && isCut(error)) await new Promise((resolve) => setTimeout(resolve, GRACE));
      if (fate.isOver) await never();
      throw error;
    }
  };
}

function shielded(tx: TransactionSql, fate: Fate): TransactionSql {
  const checked = <T>(run: () => T): T => {
    if (!fate.isOver) return run();
    throw Object.assign(
      new Error('the transaction is over: it has ended, or its connection was lost'),
      { code: 'CONNECTION_CLOSED' },
    );
  };
  return new Proxy(tx, {
    apply: (target, self, args) =>
      checked(() => Reflect.apply(target as unknown as () => unknown, self, args)),
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function' || (name !== 'unsafe' && name !== 'savepoint')) return value;
      return (...args: unknown[]) => {
        if (name === 'savepoint') args.push(guard(args.pop() as Work, fate));
        return checked(() => Reflect.apply(value, target, args) as unknown);
      };
    },
  });
}

/**
 * An error of the connection itself: the server has ended the session, or the socket failed under a
 * statement.
 */
function isCut(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) {
    if (!('code' in e) || typeof e.code !== 'string') continue;
    const isServers = e.name === 'PostgresError';
    if (
      isServers
        ? 'severity' in e && e.severity === 'FATAL'
        : e.code.startsWith('CONNECTION_') || 'query' in e
    )
      return true;
  }
  return false;
}

const never = () => new Promise<never>(() => {});
