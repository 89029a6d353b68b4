import type { Sql, TransactionSql } from 'postgres';
import { withoutValues } from '../safe-error.ts';
import { type Begin, untilDisconnected } from './abort-on-disconnect.ts';
import type { Places } from './connection-limit.ts';
import { errorCode } from './errors.ts';
import { insideTransaction, nestedUse } from './nested-use.ts';

/** A statement as postgres.js makes it: it is sent once somebody waits for it. */
interface Query {
  handler(query: Query): unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  cancelled: unknown;
}

/** Values of Postgres' settings by their names. */
export type Settings = Record<string, string | number>;

export interface Bounds {
  places: Places;
  /** Of the places, those that transactions may have. */
  transactions: Places;
  /**
   * Called until it has passed, before anything is sent. Resolves with what each transaction must
   * set for itself, if anything.
   */
  meet(): Promise<Settings | undefined>;
  /**
   * Told that Postgres refuses to write on a connection (25006): it is a standby, or was one when
   * the connection was made.
   */
  onReadOnly(): void;
}

const isQuery = (made: unknown): made is Query =>
  typeof made === 'object' && made !== null && 'handler' in made && 'reject' in made;

/** A pool's bounds, and what has been found out of its server. */
interface Use extends Bounds {
  begin: Begin;
  isMet: boolean;
  /** What each transaction begins with, where a session can't be trusted to keep its settings. */
  prelude: string | undefined;
}

/**
 * Has every statement and every transaction wait for a place, for a limited time. Left to itself
 * postgres.js 3.4 queues without bound, and once all connections are in use it sends a statement
 * behind another one, which may be slow.
 */
export function limitUse(client: Sql, bounds: Bounds): Sql {
  const begin = client.begin.bind(client) as Begin;
  const unsafe = client.unsafe.bind(client) as unknown as (...args: unknown[]) => Query;
  const use: Use = { ...bounds, begin: untilDisconnected(begin), isMet: false, prelude: undefined };
  Object.assign(client, {
    // The statement that opens a transaction comes by here too; its place is the transaction's.
    unsafe: (text: string, args?: unknown[], options?: { onexecute?: unknown }) => {
      if (!options?.onexecute) return admit(unsafe(text, args, options), use);
      return unsafe(use.prelude ? `${text}; ${use.prelude}` : text, args, options);
    },
    begin: async (...args: unknown[]) => {
      const nested = nestedUse('a transaction is begun');
      if (nested) throw nested;
      const work = args.pop() as (tx: TransactionSql) => unknown;
      const release = await placeOfTransaction(use);
      try {
        return await begin(...args, (tx: TransactionSql) => insideTransaction(() => work(tx)));
      } catch (error) {
        tellReadOnly(error, use);
        throw withoutValues(error);
      } finally {
        release();
      }
    },
  });
  return new Proxy(client, {
    apply(target, self, args) {
      const made: unknown = Reflect.apply(target, self, args);
      return isQuery(made) ? admit(made, use) : made;
    },
  });
}

async function place(use: Use): Promise<() => void> {
  if (!use.isMet) await meet(use);
  return await use.places.take();
}

/** One of those that transactions may have. */
async function placeOfTransaction(use: Use): Promise<() => void> {
  const end = await use.transactions.take();
  try {
    const release = await place(use);
    return () => {
      release();
      end();
    };
  } catch (error) {
    end();
    throw error;
  }
}

async function meet(use: Use): Promise<void> {
  const settings = await use.meet();
  use.prelude =
    settings &&
    Object.entries(settings)
      .map(([name, value]) => `set local ${name} = '${value}'`)
      .join('; ');
  use.isMet = true;
}

/** Nothing happens before the statement is sent: it may be a part of another one. */
function admit(query: Query, use: Use): Query {
  const { handler } = query;
  query.handler = () => {
    const nested = nestedUse('a statement is sent by the pool');
    if (nested) return query.reject(nested);
    const release = use.isMet ? use.places.takeNow() : undefined;
    if (release) return send(query, handler, release, use);
    return place(use).then(
      (free) => send(query, handler, free, use),
      (error) => query.reject(error),
    );
  };
  return query;
}

function send(query: Query, handler: Query['handler'], release: () => void, use: Use): void {
  // It was cancelled while it waited.
  if (query.cancelled) {
    release();
    return;
  }
  if (use.prelude) {
    void alone(query, use).finally(release);
    return;
  }
  const { resolve, reject } = query;
  query.resolve = (value) => {
    release();
    resolve(value);
  };
  query.reject = (error) => {
    release();
    tellReadOnly(error, use);
    reject(withoutValues(error));
  };
  handler(query);
}

/**
 * A statement in a transaction of its own, with its settings. It is answered once that is
 * committed.
 */
async function alone(query: Query, use: Use): Promise<void> {
  const { resolve, reject } = query;
  try {
    const answer = await use.begin((tx: TransactionSql) => {
      const answered = new Promise((done, failed) =>
        Object.assign(query, { resolve: done, reject: failed }),
      );
      // Any query of the transaction knows how to send one.
      (tx.unsafe('') as unknown as Query).handler(query);
      return answered;
    });
    resolve(answer);
  } catch (error) {
    tellReadOnly(error, use);
    reject(withoutValues(error));
  }
}

function tellReadOnly(error: unknown, { onReadOnly }: Bounds): void {
  if (errorCode(error) === '25006') onReadOnly();
}
