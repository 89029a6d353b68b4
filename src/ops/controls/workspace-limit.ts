import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { workspaceLimits } from '../../db/schema/limits.ts';
import { recordAction } from '../access/action-log.ts';
import { SubscriberUnknownError } from './controls.ts';

/** What one workspace may take of a subscriber at most; null: it says nothing. */
export interface WorkspaceLimitValues {
  /** Calls at once that have events of it, of all workers together. */
  concurrency: number | null;
  /** Events a second. */
  per_second: number | null;
}

/** What is left out stays as it is. */
export interface WorkspaceLimit extends Partial<WorkspaceLimitValues> {
  name: string;
  by: string;
  /** Default: every workspace that has no limit of its own. */
  workspace_id?: string;
}

/** Thrown where a limit can't be kept, or is of nobody. It says what to do. */
export class WorkspaceLimitError extends Error {
  override name = 'WorkspaceLimitError';
  readonly path: 'workspace_id' | 'name';
  constructor(path: 'workspace_id' | 'name', message: string) {
    super(message);
    this.path = path;
  }
}

/**
 * Limits what one workspace may take of a subscriber, or every one. What is beyond waits and uses
 * up no tries. Workers hear of it within two seconds. Those that wait already come when they were
 * told to.
 *
 * @throws SubscriberUnknownError, WorkspaceLimitError
 */
export async function limitWorkspaces(
  { db }: Pick<Database, 'db'>,
  given: WorkspaceLimit,
): Promise<void> {
  await db.transaction((tx) => setWorkspaceLimit(tx, given));
}

/** The same within a transaction. @throws SubscriberUnknownError, WorkspaceLimitError */
export async function setWorkspaceLimit(
  tx: Transaction,
  { name, by, workspace_id, concurrency, per_second }: WorkspaceLimit,
): Promise<void> {
  const values = {
    ...(concurrency !== undefined && { concurrency }),
    ...(per_second !== undefined && { per_second }),
  };
  await assertLimitable(tx, name, workspace_id);
  const changed = { ...values, changed_by: by, changed_at: sql`now()` };
  await tx
    .insert(workspaceLimits)
    .values({ subscriber: name, workspace_id: workspace_id ?? null, ...changed })
    .onConflictDoUpdate({
      target: [workspaceLimits.subscriber, workspaceLimits.workspace_id],
      set: changed,
    });
  await tx.execute(sql`
    delete from knockon.workspace_limits
    where subscriber = ${name} and concurrency is null and per_second is null`);
  await endQueues(tx, name, workspace_id);
  const told = Object.entries(values).map(([key, value]) => [key, value ?? 'off']);
  await recordAction(tx, {
    by,
    verb: 'limit workspaces',
    subject: name,
    detail: { ...Object.fromEntries(told), ...(workspace_id && { workspace_id }) },
  });
}

/** What comes anew need not wait for those that were put off by the limit before. */
async function endQueues(tx: Transaction, name: string, workspaceId?: string): Promise<void> {
  await tx.execute(sql`
    with those as (
      select workspace_id from knockon.workspace_turns where subscriber = ${name}
        and ${workspaceId === undefined ? sql`true` : sql`workspace_id = ${workspaceId}`}
      order by workspace_id for update
    )
    update knockon.workspace_turns t set queued_until = now() from those
    where t.subscriber = ${name} and t.workspace_id = those.workspace_id`);
}

/** @throws SubscriberUnknownError, WorkspaceLimitError */
async function assertLimitable(
  tx: Transaction,
  name: string,
  workspaceId: string | undefined,
): Promise<void> {
  const found = await tx.query.subscribers.findFirst({
    where: (s, { eq }) => eq(s.name, name),
    columns: { host: true },
  });
  if (!found) throw new SubscriberUnknownError(name);
  if (found.host === 'worker')
    throw new WorkspaceLimitError(
      'name',
      `${name} is a Temporal worker of its own, which takes its calls itself: limit its ` +
        'workspaces there, or the whole of it by `per_second`',
    );
  if (workspaceId === undefined) return;
  const workspace = await tx.query.workspaces.findFirst({
    where: (w, { eq }) => eq(w.id, workspaceId),
    columns: { id: true },
  });
  if (!workspace) throw new WorkspaceLimitError('workspace_id', 'there is no such workspace');
}
