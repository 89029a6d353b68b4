import type { Sql } from 'postgres';
import { NIL_UUID } from '../db/statements.ts';
import type { DispatchRef, Recovery } from '../transport/transport.ts';

/** Dispatches that are asked about at once. */
const PAGE_ROWS = 1000;

/**
 * Started dispatches that are neither settled nor running, oldest first. What is open in them when
 * it is read afterwards is missing.
 *
 * @param running asks the transport
 * @param quietMs only those that nobody has claimed or started again for so long
 * @throws where the transport can't be asked
 */
export async function findOrphans(
  pg: Sql,
  running: Recovery['running'],
  quietMs = 0,
): Promise<DispatchRef[]> {
  const lost: DispatchRef[] = [];
  let after = NIL_UUID;
  for (;;) {
    const page = await openDispatches(pg, after, quietMs);
    if (page.length === 0) return lost;
    const alive = await running(page);
    lost.push(...page.filter(({ id }) => !alive.has(id)));
    after = page.at(-1)?.id ?? after;
  }
}

async function openDispatches(pg: Sql, after: string, quietMs: number): Promise<DispatchRef[]> {
  return await pg<DispatchRef[]>`
    select id, restarts from knockon.dispatches
    where settled_at is null and started_at is not null and id > ${after}
      and greatest(claimed_at, restarted_at) <= now() - ${quietMs}::float8 * interval '1 ms'
    order by id limit ${PAGE_ROWS}`;
}
