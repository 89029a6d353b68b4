import { and, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import { changeEndpoint, type EndpointChange, type EndpointRow } from '../../db/change-endpoint.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { endpoints } from '../../db/schema/webhooks.ts';
import { recordAction } from '../access/action-log.ts';
import { waiting } from '../inspect/endpoints.ts';

/** What an operator changes of an endpoint. */
export interface EndpointControl {
  id: string;
  by: string;
  change: Pick<EndpointChange, 'max_per_second' | 'max_concurrency' | 'enabled'>;
  reason?: string;
}

/** Changes an endpoint of any workspace, and records who did. @returns false where there is none */
export async function controlEndpoint(
  { db }: Database,
  { id, by, change, reason }: EndpointControl,
): Promise<boolean> {
  return await db.transaction(async (tx) => {
    const disabling = { by: 'operator' as const, reason: reason ?? 'An operator disabled it.' };
    const row = await changeEndpoint(tx, eq(endpoints.id, id), change, disabling);
    if (row) await recordControl(tx, row, { id, by, change, reason });
    return row !== undefined;
  });
}

/** Limits and `enabled` are an entry each, for each has a verb of its own. */
async function recordControl(
  tx: Transaction,
  { workspace_id }: EndpointRow,
  { id, by, change: { enabled, ...limits }, reason }: EndpointControl,
): Promise<void> {
  const said = Object.entries(limits).filter(([, value]) => value !== undefined);
  if (said.length > 0) {
    const values = Object.fromEntries(said.map(([name, value]) => [name, value ?? 'off']));
    const detail = { ...values, workspace_id };
    await recordAction(tx, { by, verb: 'limit endpoint', subject: id, detail, reason });
  }
  if (enabled === undefined) return;
  const verb = enabled ? 'enable endpoint' : 'disable endpoint';
  await recordAction(tx, { by, verb, subject: id, detail: { workspace_id }, reason });
}

/** How long what waits is sent, in ms, and how many at most: a request must end. */
const [SENDING_MS, SENDING_MOST] = [5000, 100];

/** Sends a delivery once more; the endpoint's answer. */
export interface SentNow {
  status: number | null;
  latency_ms: number;
  error: string | null;
}

export interface Tried {
  tried: number;
  delivered: number;
  /** What it answered last; null where nothing waited. */
  answer: SentNow | null;
}

/**
 * Ends an endpoint's rest at once, and sends what waits for it, the oldest first: as long as it
 * takes what it is sent, for five seconds at most. An endpoint with a rate limit gets one delivery.
 * The rest follows by itself. Where nothing waits, the next event is sent at once.
 *
 * @param send makes a delivery once more; a string where there is nothing to be sent any more
 * @returns undefined where there is no such endpoint, or it is disabled
 */
export async function tryEndpoint(
  database: Database,
  send: (deliveryId: string) => Promise<SentNow | string>,
  { id, by }: { id: string; by: string },
): Promise<Tried | undefined> {
  const limited = await endRest(database, id, by);
  if (limited === undefined) return undefined;
  const rows = (await database.db.execute(sql`
    select id from (${waiting(id)}) w order by id
      limit ${limited ? 1 : SENDING_MOST}`)) as unknown as {
    id: string;
  }[];
  const until = performance.now() + SENDING_MS;
  const result: Tried = { tried: 0, delivered: 0, answer: null };
  for (const { id: deliveryId } of rows) {
    const answer = await send(deliveryId);
    if (typeof answer === 'string') continue;
    result.tried += 1;
    result.answer = answer;
    if (answer.error !== null) return result;
    result.delivered += 1;
    if (performance.now() > until) return result;
  }
  // Nobody is there to find out whether it works again: the next event does.
  if (result.tried === 0)
    await database.db
      .update(endpoints)
      .set({ probe_at: sql`now()` })
      .where(and(eq(endpoints.id, id), isNotNull(endpoints.probe_at)));
  return result;
}

/** @returns whether it has a limit; undefined where nothing is sent to it at all */
async function endRest({ db }: Database, id: string, by: string): Promise<boolean | undefined> {
  return await db.transaction(async (tx) => {
    const [row] = await tx
      .update(endpoints)
      .set({ resting_until: null })
      .where(and(eq(endpoints.id, id), isNull(endpoints.disabled_at)))
      .returning();
    if (row)
      await recordAction(tx, {
        by,
        verb: 'try endpoint',
        subject: id,
        detail: { workspace_id: row.workspace_id },
      });
    return row && row.max_per_second !== null;
  });
}
