import type { Sql } from 'postgres';
import type { OperationHandler } from './handler.ts';

/** Projections that can be made anew from what is stored. */
export const REBUILDABLE = ['search', 'analytics', 'cache'] as const;

/** Makes a projection anew beside the one that is read, and swaps them at the end. */
export const rebuild: OperationHandler = {
  async count({ rebuilds }, { input }) {
    return await find(rebuilds, input).count();
  },

  async step({ pg, rebuilds }, { id, input, cursor }, limit) {
    const wanted = find(rebuilds, input);
    const { after, read } = await wanted.fill(
      typeof cursor?.after === 'string' ? cursor.after : null,
      limit,
    );
    if (after === null) await wanted.swap();
    await pg`
      update knockon.operations
        set cursor = ${pg.json({ after: after ?? '' })}, done = done + ${read},
        exhausted = ${after === null}
      where id = ${id} and state = 'running'`;
    return { begun: read };
  },
};

/** The id of the operation that is at it, if there is one. */
export async function isBeingRebuilt(pg: Sql, subscriber: string): Promise<string | null> {
  const [row] = await pg<{ id: string }[]>`
    select id from knockon.operations where verb = 'rebuild' and state in ('running', 'paused')
      and input ->> 'subscriber' = ${subscriber} limit 1`;
  return row?.id ?? null;
}

function find<R>(rebuilds: Record<string, R>, input: Record<string, unknown>): R {
  const found = rebuilds[String(input.subscriber)];
  if (!found)
    throw new Error(`${input.subscriber} can't be rebuilt; ${REBUILDABLE.join(', ')} can`);
  return found;
}
