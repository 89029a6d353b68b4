import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import pMap from 'p-map';
import type { Logger } from 'pino';
import { rebuildAnalytics } from '../activities/analytics/rebuild.ts';
import { rebuildCache } from '../activities/cache/rebuild.ts';
import { summaryStore } from '../activities/cache/summaries.ts';
import { rebuildSearch } from '../activities/search/rebuild.ts';
import { connectDatabase, type Database } from '../db/client.ts';
import type { OperationDependencies } from '../ops/operations/handler.ts';
import {
  cancelOperation,
  claimOperation,
  openOperations,
  releaseOperation,
} from '../ops/operations/operations.ts';
import { runOperation } from '../ops/operations/runner.ts';
import type { Config } from '../settings/config.ts';
import type { OperationDriver, OperationProgress, OperationRef } from '../transport/operation.ts';
import type { ShutdownStack } from './process/process.ts';
import { repeat } from './process/repeat.ts';
import type { ChosenTransport } from './transport.ts';

/**
 * How long one stretch of work on an operation takes, in ms: what the histories of operations grow
 * by.
 */
const STRETCH = 20_000;

/** The same where others wait for their turn. */
const ALONE = 2000;

/**
 * How often to look for operations that no process runs, in ms: often where there are no workflows
 * to do it.
 */
const LOOK = { workflows: 5000, none: 500 };

/** A running operation of which nothing was heard for so long, in ms, has lost its workflow. */
const LOST = 60_000;

/**
 * Operations that a process runs at once, where it does it itself; the others wait for their turn.
 */
const AT_ONCE = 4;

interface Wiring {
  config: Config;
  database: Database;
  chosen: Pick<ChosenTransport, 'transport' | 'recovery' | 'resetWorkflow'>;
  log: Logger;
  started: ShutdownStack;
}

/** Longest statements of operations, in ms: counting a long history, and making an index anew. */
const STATEMENT = { operation: 120_000, rebuild: 15 * 60_000 };

/**
 * What operations need, of this process. They have connections of their own: what takes long must
 * be in nobody's way.
 */
export async function operationDependencies({
  config,
  chosen,
  log,
  started,
}: Wiring): Promise<OperationDependencies> {
  const open = (name: string, statementMs: number) =>
    started.add(connectDatabase(config.DATABASE_URL, { connections: 3, name, statementMs }), (d) =>
      d.close(),
    );
  const { pg, db } = open('knockon operations', STATEMENT.operation);
  const database = open('knockon rebuilds', STATEMENT.rebuild);
  const summaries = started.add(await summaryStore(database.db, config.REDIS_URL), (s) =>
    s.close(),
  );
  const { transport, recovery, resetWorkflow } = chosen;
  const rebuilds = {
    search: rebuildSearch(database),
    analytics: rebuildAnalytics(database),
    cache: rebuildCache(database, summaries),
  };
  return { pg, db, transport, recovery, resetWorkflow, rebuilds, log };
}

/**
 * The activities of an operation's workflow. `heartbeat` is called every few seconds, `signal` says
 * when to stop.
 */
export function operationActivities(
  deps: OperationDependencies,
  context: () => { heartbeat(): void; cancellationSignal: AbortSignal },
) {
  return {
    async driveOperation(operation: OperationRef): Promise<OperationProgress> {
      const { heartbeat, cancellationSignal } = context();
      const heart = setInterval(heartbeat, 3000);
      try {
        const progress = await runOperation(deps, operation.id, cancellationSignal, STRETCH);
        return progress ?? unknownOperation(operation);
      } finally {
        clearInterval(heart);
      }
    },
    async cancelOperation(operation: OperationRef): Promise<void> {
      if (!(await cancelOperation(deps.pg, operation.id))) unknownOperation(operation);
    },
  };
}

/**
 * Temporal makes the call again, until a worker takes it that knows the operation.
 *
 * @throws always
 */
function unknownOperation({ id, verb }: OperationRef): never {
  const why =
    `The ${verb} ${id} is not in this worker's database. Nothing was done. Either another ` +
    'deployment uses the same Temporal namespace';
  const message =
    `${why} (set KNOCKON_DEPLOYMENT of one of the two), or the operation was deleted (then ` +
    'terminate this workflow).';
  throw ApplicationFailure.create({ type: 'UnknownOperationError', message });
}

/**
 * Makes sure that every operation runs: starts those whose workflow was not started or is no more;
 * where the transport has no workflows, runs them itself.
 */
export async function startOperations(
  wiring: Wiring & { driver: OperationDriver | null },
): Promise<void> {
  const { driver, database, log, started } = wiring;
  if (!driver) return runHere(wiring);
  const pass = async () => {
    for (const operation of await openOperations(database.pg, LOST)) await driver.start(operation);
  };
  started.add(
    repeat({ what: 'start operations that no process runs', everyMs: LOOK.workflows, log }, pass),
    (loop) => loop.stop(),
  );
}

async function runHere(wiring: Wiring): Promise<void> {
  const { database, log, started } = wiring;
  const me = randomUUID();
  const deps = await operationDependencies(wiring);
  const stopping = new AbortController();
  const drive = (operation: OperationRef) => runUnlessClaimed(deps, operation, me, stopping.signal);
  const pass = async () => {
    try {
      await pMap(await openOperations(database.pg, 0), drive, { concurrency: AT_ONCE });
    } catch (error) {
      log.warn({ err: error }, 'could not run operations; trying again later');
    }
  };
  // Not by `repeat`: at the end each operation is waited for, so that its claim is given back.
  const loop = async () => {
    while (!stopping.signal.aborted) {
      await pass();
      await wait(LOOK.none, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const running = loop();
  started.add(stopping, async (s) => {
    s.abort();
    await running;
  });
}

/**
 * Unless another process is at it. No connection is held meanwhile: operations have few, and each
 * step asks for one.
 */
async function runUnlessClaimed(
  deps: OperationDependencies,
  { id }: OperationRef,
  me: string,
  signal: AbortSignal,
): Promise<void> {
  if (!(await claimOperation(deps.pg, id, me))) return;
  await runOperation(deps, id, signal, ALONE);
  if (signal.aborted) await releaseOperation(deps.pg, id, me);
}
