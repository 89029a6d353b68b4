import { setTimeout as wait } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { safeReason } from '../../safe-error.ts';
import type { OperationProgress, OperationVerb } from '../../transport/operation.ts';
import { isTransportAway } from '../../transport/temporal/grpc.ts';
import { backfill } from './backfill.ts';
import type { OpenOperation, OperationDependencies, OperationHandler } from './handler.ts';
import { type DispatchProgress, failOrphans, readProgress } from './progress.ts';
import { rebuild } from './rebuild.ts';
import { replay } from './replay.ts';
import { reset } from './reset.ts';
import { retire } from './retire.ts';
import { retry } from './retry.ts';

const handlers: Record<OperationVerb, OperationHandler> = {
  retry,
  reset,
  replay,
  backfill,
  rebuild,
  retire,
};

/** Most that is begun at once; of a paced operation half of what a second may have. */
const PAGE = 250;

/** How long to wait for calls under way, in ms: ever longer while nothing happens. */
const IDLE = { first: 25, longest: 1000 };

/** How long an operation is left alone that others work on, in ms. */
const RESTING = 5000;

/**
 * After so long without progress, in ms, an operation asks the transport whether its dispatches
 * are still running.
 */
const QUIET = 30_000;

/**
 * Runs an operation until it has ended, is paused, or the time is up. All its state is in the
 * database: the process may be killed at any moment, and two at once do nothing twice.
 *
 * @param forMs how long it may take, in ms
 * @returns null where there is no such operation
 * @throws where Postgres is away
 */
export async function runOperation(
  deps: OperationDependencies,
  id: string,
  signal: AbortSignal,
  forMs: number,
): Promise<OperationProgress | null> {
  const until = Date.now() + forMs;
  const run = new OperationRun(deps, signal);
  for (;;) {
    const operation = await begin(deps.pg, id);
    if (!operation) return null;
    if (operation.state !== 'running' || signal.aborted || Date.now() > until || run.isResting)
      return toProgress(operation, run.waitMs);
    await run.step(operation);
  }
}

const toProgress = (
  { state, done, failed, total, error }: OpenOperation,
  waitMs: number,
): OperationProgress => ({
  state,
  done,
  failed,
  total,
  error,
  wait_ms: state === 'paused' ? 3_600_000 : waitMs,
});

/**
 * Reads the operation, and counts the time since it was last read as time at work, unless it was
 * long.
 */
async function begin(pg: Sql, id: string): Promise<OpenOperation | undefined> {
  const [operation] = await pg<OpenOperation[]>`
    update knockon.operations set driven_at = now(),
      active_ms = active_ms + case when state = 'running'
        and driven_at > now() - interval '10 s' then extract(epoch from now() - driven_at) * 1000
          else 0 end
    where id = ${id} returning *`;
  return operation;
}

class OperationRun {
  readonly #deps: OperationDependencies;
  readonly #signal: AbortSignal;
  #idle = IDLE.first;
  #nextAt = 0;
  #changedAt = Date.now();
  #failures = 0;
  /** Nothing can be done for a while: a retry is due later, others do it, or Temporal is away. */
  isResting = false;
  waitMs = 0;

  constructor(deps: OperationDependencies, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  async step(operation: OpenOperation): Promise<void> {
    try {
      if (operation.total === null) await count(this.#deps, operation);
      else await this.#goOn(operation);
      this.#failures = 0;
    } catch (error) {
      this.#deps.log.warn({ err: error, operation: operation.id }, 'a step of an operation failed');
      if (isTransportAway(error)) return this.#leave();
      this.#failures += 1;
      if (this.#failures >= 5) await fail(this.#deps.pg, operation.id, safeReason(error));
      else await this.#rest(500 * 2 ** this.#failures);
    }
  }

  async #goOn(operation: OpenOperation): Promise<void> {
    const progress = await readProgress(this.#deps.pg, operation.id);
    if (progress.ended > 0) this.#stir();
    const room =
      typeof operation.input.ordered === 'number' ? progress.open === 0 : progress.busy < PAGE;
    if (!operation.exhausted && room && Date.now() >= this.#nextAt)
      return await this.#take(operation);
    if (operation.exhausted && progress.open === 0)
      return await finish(this.#deps.pg, operation.id);
    await this.#wait(operation, progress);
  }

  async #take(operation: OpenOperation): Promise<void> {
    const { per_second } = operation;
    const limit =
      per_second === null ? PAGE : Math.min(PAGE, Math.max(1, Math.floor(per_second / 2)));
    const { begun, pause, rest } = await handlers[operation.verb].step(
      this.#deps,
      operation,
      limit,
    );
    if (pause) await this.#rest(300);
    if (rest) this.#leave();
    if (per_second !== null)
      this.#nextAt = Math.max(Date.now(), this.#nextAt) + (begun / per_second) * 1000;
    this.#stir();
  }

  async #wait(operation: OpenOperation, { open, busy }: DispatchProgress): Promise<void> {
    if (Date.now() - this.#changedAt > QUIET) {
      await failOrphans(this.#deps, operation.id);
      this.#changedAt = Date.now();
    }
    const isTried = operation.exhausted && open > 0 && busy === 0;
    if (isTried && this.#idle >= IDLE.longest) this.#leave();
    await this.#rest(
      Math.min(
        this.#idle,
        Math.max(5, operation.exhausted ? IDLE.longest : this.#nextAt - Date.now()),
      ),
    );
    this.#idle = Math.min(this.#idle * 2, IDLE.longest);
  }

  /** Ends this stretch; the next one begins a while later. */
  #leave(): void {
    this.isResting = true;
    this.waitMs = RESTING;
  }

  #stir(): void {
    this.#idle = IDLE.first;
    this.#changedAt = Date.now();
  }

  async #rest(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#signal }).catch(() => {});
  }
}

async function count(deps: OperationDependencies, operation: OpenOperation): Promise<void> {
  const total = await handlers[operation.verb].count(deps, operation);
  await deps.pg`update knockon.operations set total = ${total} where id = ${operation.id}`;
}

/**
 * What was skipped as already done is in `done`; a total that was counted while others were at work
 * may be off by some.
 */
async function finish(pg: Sql, id: string): Promise<void> {
  await pg`update knockon.operations set state = 'done', total = done + failed, finished_at = now()
    where id = ${id} and state = 'running'`;
}

async function fail(pg: Sql, id: string, reason: string): Promise<void> {
  await pg`update knockon.operations set state = 'failed', error = ${reason}, finished_at = now()
    where id = ${id} and state = 'running'`;
}
