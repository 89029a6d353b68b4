import type { Logger } from 'pino';
import type { JSONValue, Sql, TransactionSql } from 'postgres';
import { waitForLock } from '../../db/advisory-locks.ts';
import type { Database } from '../../db/client.ts';
import type { OperationProgress, OperationVerb, ResetWorkflow } from '../../transport/operation.ts';
import type { Recovery, Transport } from '../../transport/transport.ts';
import { REDISPATCH_LOCK, type Redispatched, redispatch, startAll } from './redispatch.ts';

/** Makes a projection anew beside the one that is read, and takes its place at the end. */
export interface Rebuild {
  /** How much is to be read, for the progress. Called first, and prepares what is filled. */
  count(): Promise<number>;
  /**
   * Fills some of it.
   *
   * @param after what the last call returned; null at first
   * @returns null where there is no more; how many it read in `read`
   */
  fill(after: string | null, limit: number): Promise<{ after: string | null; read: number }>;
  /**
   * Catches up with what has changed meanwhile and takes the place of what was read until then, in
   * one transaction.
   */
  swap(): Promise<void>;
}

/** What operations need from elsewhere. */
export interface OperationDependencies {
  pg: Sql;
  /** The same connections. */
  db: Database['db'];
  transport: Transport;
  recovery: Recovery;
  resetWorkflow: ResetWorkflow;
  /** By subscriber. */
  rebuilds: Record<string, Rebuild>;
  log: Pick<Logger, 'info' | 'warn'>;
}

/** An operation as its verb gets it. */
export interface OpenOperation {
  id: string;
  verb: OperationVerb;
  input: Record<string, unknown>;
  state: OperationProgress['state'];
  by: string;
  total: number | null;
  done: number;
  failed: number;
  cursor: Record<string, unknown> | null;
  exhausted: boolean;
  per_second: number | null;
  error: string | null;
  created_at: Date;
}

/** Long work of one kind, done bit by bit. */
export interface OperationHandler {
  /**
   * How much there is to do. Before anything else; may be called again where its answer got lost.
   */
  count(deps: OperationDependencies, operation: OpenOperation): Promise<number>;
  /** Does some of it, `limit` at most, and writes down with it how far it has come. */
  step(deps: OperationDependencies, operation: OpenOperation, limit: number): Promise<Step>;
}

export interface Step {
  /** How much was begun, for the pace. */
  begun: number;
  /** There is nothing to be done for a moment. */
  pause?: boolean;
  /** Others do the work: no process needs to look for some seconds. */
  rest?: boolean;
}

/** A bit of an operation whose work is dispatched. */
export interface RedispatchPage {
  send: Redispatched[];
  /** What was looked at and needs nothing. */
  skipped: number;
  cursor: { [key: string]: JSONValue };
  /** There is no more. */
  exhausted: boolean;
  pause?: boolean;
}

/**
 * Takes the next page and dispatches it: the dispatches and the operation's place are written
 * together, so a crash neither leaves a page out nor takes it twice. One page at a time, of all
 * operations together: what one has taken the next one sees.
 */
export async function dispatchPage(
  deps: OperationDependencies,
  { id }: OpenOperation,
  page: (tx: TransactionSql, cursor: Record<string, unknown> | null) => Promise<RedispatchPage>,
): Promise<Step> {
  const { claimed, pause } = await deps.pg.begin(async (tx) => {
    await waitForLock(tx, REDISPATCH_LOCK);
    const [operation] = await tx<{ cursor: Record<string, unknown> | null }[]>`
      select cursor from knockon.operations where id = ${id} and state = 'running' and not exhausted
        for update`;
    if (!operation) return { claimed: [] };
    const { send, skipped, cursor, exhausted, pause } = await page(tx, operation.cursor);
    const claimed = await redispatch(tx, id, send);
    await tx`
      update knockon.operations set cursor = ${tx.json(cursor)}, done = done + ${skipped},
        skipped = skipped + ${skipped}, exhausted = ${exhausted}
      where id = ${id}`;
    return { claimed, pause };
  });
  await startAll(deps, claimed);
  return { begun: claimed.reduce((n, { size }) => n + size, 0), pause };
}
