import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Sql } from 'postgres';
import type { Database, Transaction } from '../../db/client.ts';
import { operations } from '../../db/schema/operations.ts';
import {
  type OperationDriver,
  type OperationProgress,
  type OperationRef,
  type OperationVerb,
  operationWorkflowId,
  type ResetWorkflow,
} from '../../transport/operation.ts';
import { recordAction } from '../access/action-log.ts';
import { type TemporalUi, workflowLink } from '../inspect/temporal-ui.ts';

type OperationState = OperationProgress['state'];

/** An operation as it is shown. */
export interface OperationView {
  id: string;
  verb: OperationVerb;
  input: Record<string, unknown>;
  by: string;
  state: OperationState;
  /** Done, what there was nothing to do for included. */
  done: number;
  skipped: number;
  failed: number;
  /** Null until it has been counted. */
  total: number | null;
  per_second: number | null;
  /** Null while nothing is known, and once it has ended. */
  eta_seconds: number | null;
  /** The first 100 that failed, such as a workflow's or an event's id, and why. */
  failures: { subject: string; reason: string }[];
  /** Why the operation itself failed. */
  error: string | null;
  created_at: string;
  finished_at: string | null;
  /** Null under a transport that has none. */
  workflow: { id: string; url: string | null } | null;
}

const columns = (pg: Sql) => pg`
  id, verb, input, by, state, done, skipped, failed, total, per_second, failures, error,
  created_at, finished_at, active_ms`;

type Row = Omit<OperationView, 'eta_seconds' | 'created_at' | 'finished_at' | 'workflow'> & {
  created_at: Date;
  finished_at: Date | null;
  active_ms: number;
};

const toOperationView = (row: Row, ui: TemporalUi | null): OperationView => ({
  id: row.id,
  verb: row.verb,
  input: row.input,
  by: row.by,
  state: row.state,
  done: row.done,
  skipped: row.skipped,
  failed: row.failed,
  total: row.total,
  per_second: row.per_second,
  eta_seconds: etaOf(row),
  failures: row.failures,
  error: row.error,
  created_at: row.created_at.toISOString(),
  finished_at: row.finished_at?.toISOString() ?? null,
  workflow: ui && workflowLink(ui, operationWorkflowId(row)),
});

/** From how fast it was so far. */
function etaOf({ state, total, done, failed, active_ms }: Row): number | null {
  const ended = done + failed;
  if ((state !== 'running' && state !== 'paused') || total === null || ended === 0) return null;
  return (Math.max(0, total - ended) * active_ms) / ended / 1000;
}

/** @returns null where there is no such operation */
export async function readOperation(
  pg: Sql,
  id: string,
  ui: TemporalUi | null,
): Promise<OperationView | null> {
  const [row] = await pg<Row[]>`select ${columns(pg)} from knockon.operations where id = ${id}`;
  return row ? toOperationView(row, ui) : null;
}

/** Who works on operations, and on workflows. */
export interface OperationHosts {
  /** Null: relays do it by themselves. */
  driver: OperationDriver | null;
  resetWorkflow: ResetWorkflow;
}

/** Operations that should be at work and that nobody has driven for so long. */
export async function openOperations(pg: Sql, quietMs: number): Promise<OperationRef[]> {
  return await pg<OperationRef[]>`
    select id, verb from knockon.operations where state = 'running' and (driven_at is null
      or driven_at < now() - ${quietMs}::float8 * interval '1 ms') order by id`;
}

/**
 * How long nobody else drives an operation after its driver was last at it, in seconds: it may have
 * been killed. A step rarely takes longer.
 */
const LEASE = 10;

/**
 * Claims to drive an operation. Two that do nevertheless, because a step took longer, do nothing
 * twice. @param by names the process
 */
export async function claimOperation(pg: Sql, id: string, by: string): Promise<boolean> {
  const claimed = await pg`
    update knockon.operations set driven_by = ${by}, driven_at = now() where id = ${id}
      and state = 'running'
      and (driven_by is null or driven_by = ${by} or driven_at is null
        or driven_at < now() - ${LEASE} * interval '1 s')`;
  return claimed.count > 0;
}

/** Lets another process drive it at once. */
export async function releaseOperation(pg: Sql, id: string, by: string): Promise<void> {
  await pg`update knockon.operations set driven_by = null where id = ${id} and driven_by = ${by}`;
}

/**
 * Cancels an operation whose workflow was cancelled; one that has ended stays as it is. @returns
 * false where there is no such operation
 */
export async function cancelOperation(pg: Sql, id: string): Promise<boolean> {
  await pg`update knockon.operations set state = 'cancelled', finished_at = now() where id = ${id}
    and state in ('running', 'paused')`;
  return (await pg`select from knockon.operations where id = ${id}`).length > 0;
}

/** Operations, newest first. */
export async function listOperations(
  pg: Sql,
  { limit, before }: { limit: number; before?: string },
  ui: TemporalUi | null,
): Promise<OperationView[]> {
  const rows = await pg<Row[]>`
    select ${columns(pg)} from knockon.operations where ${before ?? null}::uuid is null
      or id < ${before ?? null} order by id desc limit ${limit}`;
  return rows.map((row) => toOperationView(row, ui));
}

export interface NewOperation {
  verb: OperationVerb;
  input: Record<string, unknown>;
  by: string;
  per_second?: number | null;
}

/** Stores what is to be done, and who asked. The process that runs operations finds it there. */
export async function createOperation(
  tx: Transaction,
  given: NewOperation,
  ui: TemporalUi | null,
  reason?: string,
): Promise<OperationView> {
  const made = await insertOperation(tx, given, ui);
  const { verb, input, by, per_second } = given;
  await recordAction(tx, {
    by,
    verb,
    subject: made.id,
    detail: { ...input, ...(per_second && { per_second }) },
    reason,
  });
  return made;
}

/** The same where the caller itself records the action. */
export async function insertOperation(
  tx: Transaction,
  { verb, input, by, per_second = null }: NewOperation,
  ui: TemporalUi | null,
): Promise<OperationView> {
  const [row] = await tx.insert(operations).values({ verb, input, by, per_second }).returning();
  return toOperationView(row!, ui);
}

/** Reads it in a transaction. @returns undefined where there is no such operation */
export async function findOperation(
  tx: Transaction,
  id: string,
  ui: TemporalUi | null,
): Promise<OperationView | undefined> {
  const [row] = await tx.select().from(operations).where(eq(operations.id, id));
  return row && toOperationView(row, ui);
}

const changes = {
  pause: { from: ['running'], to: 'paused' },
  resume: { from: ['paused'], to: 'running' },
  cancel: { from: ['running', 'paused'], to: 'cancelled' },
} as const;

export type OperationChange = keyof typeof changes;

/**
 * Pauses, resumes or cancels an operation. What it has begun is still seen through.
 *
 * @returns whether that was possible; where it was not, it has ended, or is already as it is wanted
 */
export async function changeOperation(
  { db }: Pick<Database, 'db'>,
  id: string,
  change: OperationChange,
  by: string,
  reason?: string,
): Promise<boolean> {
  const { from, to } = changes[change];
  return await db.transaction(async (tx) => {
    const changed = await tx
      .update(operations)
      .set({ state: to, finished_at: to === 'cancelled' ? sql`now()` : null })
      .where(and(eq(operations.id, id), inArray(operations.state, [...from])))
      .returning({ id: operations.id });
    if (changed.length === 0) return false;
    await recordAction(tx, { by, verb: `${change} operation`, subject: id, reason });
    return true;
  });
}
