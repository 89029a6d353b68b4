import type { Sql, TransactionSql } from 'postgres';
import { withoutValues } from '../safe-error.ts';
import { errorCode } from './errors.ts';
import { insideTransaction, nestedUse } from './nested-use.ts';
import type { Places } from './places.ts';

/** A statement as postgres.js makes it: it is sent once somebody waits for it. */
interface Query {
  handler(query: Query): unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  cancelled: unknown;
}

export interface Bounds {
  places: Places;
  /** Told that Postgres refuses to write on a connection (25006): it is a standby, or was one when the connection was made. */
  onReadOnly(): void;
}

const isQuery = (made: unknown): made is Query => typeof made === 'object' && made !== null && 'handler' in made && 'reject' in made;

/**
 * Has every statement and every transaction wait for a place, for a limited time. Left to itself postgres.js 3.4 queues without bound,
 * and once all connections are in use it sends a statement behind another one, which may be slow.
 */
export function limitUse(client: Sql, bounds: Bounds): Sql {
  const begin = client.begin.bind(client) as (...args: unknown[]) => Promise<unknown>;
  const unsafe = client.unsafe.bind(client) as unknown as (...args: unknown[]) => Query;
  Object.assign(client, {
    // The statement that opens a transaction comes by here too; its place is the transaction's.
    unsafe: (text: string, args?: unknown[], options?: { onexecute?: unknown }) => {
      const query = unsafe(text, args, options);
      return options?.onexecute ? query : admit(query, bounds);
    },
    begin: async (...args: unknown[]) => {
      const nested = nestedUse('a transaction is begun');
      if (nested) throw nested;
      const work = args.pop() as (tx: TransactionSql) => unknown;
      const release = await bounds.places.take();
      try {
        return await begin(...args, (tx: TransactionSql) => insideTransaction(() => work(tx)));
      } catch (error) {
        tellReadOnly(error, bounds);
        throw withoutValues(error);
      } finally {
        release();
      }
    },
  });
  return new Proxy(client, {
    apply(target, self, args) {
      const made: unknown = Reflect.apply(target, self, args);
      return isQuery(made) ? admit(made, bounds) : made;
    },
  });
}

/** Nothing happens before the statement is sent: it may be a part of another one. */
function admit(query: Query, bounds: Bounds): Query {
  const { handler } = query;
  query.handler = () => {
    const nested = nestedUse('a statement is sent by the pool');
    if (nested) return query.reject(nested);
    const release = bounds.places.takeNow();
    if (release) return send(query, handler, release, bounds);
    return bounds.places.take().then(
      (free) => send(query, handler, free, bounds),
      (error) => query.reject(error),
    );
  };
  return query;
}

function send(query: Query, handler: Query['handler'], release: () => void, bounds: Bounds): void {
  // It was cancelled while it waited.
  if (query.cancelled) {
    release();
    return;
  }
  const { resolve, reject } = query;
  query.resolve = (value) => {
    release();
    resolve(value);
  };
  query.reject = (error) => {
    release();
    tellReadOnly(error, bounds);
    reject(withoutValues(error));
  };
  handler(query);
}

function tellReadOnly(error: unknown, { onReadOnly }: Bounds): void {
  if (errorCode(error) === '25006') onReadOnly();
}
