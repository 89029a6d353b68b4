import { eq } from 'drizzle-orm';
import type { Sql } from 'postgres';
import type { Database } from '../../db/client.ts';
import { actions } from '../../db/schema/operators.ts';
import { ResetError, type ResetWorkflow } from '../../transport/operation.ts';
import { isTransportAway } from '../../transport/temporal/grpc.ts';
import { recordAction } from '../access/action-log.ts';
import { type DeadLetterSelection, deadLetters } from '../inspect/dead-letters.ts';
import { dispatchOf } from '../inspect/events.ts';
import type { OperationHandler } from './handler.ts';
import { resetCircuits } from './redispatch.ts';

/** Stands in histories, so it names nobody. */
const REASON = 'reset by an operator; `knockon log` says by whom';

/** Failed workflows that are named, or those that gave up the dead letters that fit. */
export type ResetInput = DeadLetterSelection | { workflow_ids: string[] };

/**
 * Resets failed workflows to their first task, by Temporal's own means: each calls its effects
 * again, and receipts leave only what was not done. Which ones is written down first, so that an
 * operation that is broken off goes on where it was.
 */
export const reset: OperationHandler = {
  async count({ pg }, { id, input }) {
    const subjects =
      'workflow_ids' in input
        ? pg`select unnest(${input.workflow_ids as string[]}::text[]) as subject`
        : pg`select distinct l.dispatch_id::text as subject from knockon.dead_letters l
          join knockon.events e on e.id = l.event_id
            where ${deadLetters(pg, input as DeadLetterSelection)}
              and l.created_at <= (select created_at from knockon.operations where id = ${id})`;
    const [row] = await pg<{ n: number }[]>`
      with written as (
        insert into knockon.operation_items (operation_id, subject) select ${id}, subject
          from (${subjects}) s on conflict do nothing
      )
      select count(*)::int as n from (${subjects}) s`;
    return row?.n ?? 0;
  },

  async step({ pg, resetWorkflow }, { id }, limit) {
    if (!resetWorkflow)
      throw new Error(
        'there are no workflows to be reset under KNOCKON_TRANSPORT=pg-boss; retry the dead ' +
          'letters instead',
      );
    const items = await pg<{ subject: string }[]>`
      select subject from knockon.operation_items where operation_id = ${id} and done_at is null
        order by subject limit ${Math.min(limit, 5)}`;
    for (const { subject } of items) {
      await resetCircuitsOf(pg, subject);
      const failure = await resetWorkflow(subject, REASON).then(
        () => null,
        (error: Error) => {
          if (isTransportAway(error)) throw error;
          return error.message;
        },
      );
      await pg`
        with marked as (update knockon.operation_items set done_at = now()
          where operation_id = ${id}
          and subject = ${subject} and done_at is null returning subject)
        update knockon.operations set done = done + ${failure === null ? 1 : 0},
          failed = failed + ${failure === null ? 0 : 1},
          failures = case when ${failure}::text is not null and jsonb_array_length(failures) < 100
            then failures || jsonb_build_object('subject', ${subject}::text, 'reason',
              ${failure}::text) else failures end
        where id = ${id} and exists (select from marked)`;
    }
    if (items.length === 0)
      await pg`update knockon.operations set exhausted = true where id = ${id}`;
    return { begun: items.length };
  },
};

async function resetCircuitsOf(pg: Sql, workflowId: string): Promise<void> {
  const dispatchId = dispatchOf(workflowId) ?? '';
  const rows = await pg<
    { event_id: string }[]
  >`select event_id from knockon.dead_letters where dispatch_id::text = ${dispatchId}
    and subscriber = 'webhooks'`;
  await resetCircuits(
    pg,
    rows.map((row) => row.event_id),
  );
}

/**
 * The new run, or why there is none. `absent`: no such workflow. `conflict`: it is running, or has
 * no first task.
 */
export type ResetAnswer = { runId: string } | { refused: 'absent' | 'conflict'; why: string };

/**
 * Resets one workflow at once, whatever it is about.
 *
 * @throws where Postgres or the transport is away
 */
export async function resetOne(
  { database, resetWorkflow }: { database: Database; resetWorkflow: NonNullable<ResetWorkflow> },
  id: string,
  by: string,
): Promise<ResetAnswer> {
  await resetCircuitsOf(database.pg, id);
  // Written down first: what can't be is not done.
  const entry = await recordAction(database.db, { by, verb: 'reset', subject: id });
  try {
    return { runId: await resetWorkflow(id, REASON) };
  } catch (error) {
    if (!(error instanceof ResetError)) throw error;
    await database.db.delete(actions).where(eq(actions.id, entry));
    return { refused: error.kind, why: `It can't be reset: ${error.message}.` };
  }
}
