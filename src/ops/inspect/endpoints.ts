import { and, desc, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import { changeEndpoint, type EndpointChange, type EndpointRow } from '../../db/change-endpoint.ts';
import type { Database, Transaction } from '../../db/client.ts';
import { endpoints } from '../../db/schema/webhooks.ts';
import { workspaces } from '../../db/schema/workspaces.ts';
import { isBefore, matches } from '../../db/statements.ts';
import { recordAction } from '../access/action-log.ts';
import type { DeliveryAttempt } from './deliveries.ts';

export interface EndpointFilter {
  workspace_id?: string;
  state?: 'active' | 'failing' | 'disabled';
  /** Its URL's, with or without the port. */
  host?: string;
}

const inState = {
  active: () => [isNull(endpoints.failing_since), isNull(endpoints.disabled_at)],
  failing: () => [isNotNull(endpoints.failing_since), isNull(endpoints.disabled_at)],
  disabled: () => [isNotNull(endpoints.disabled_at)],
};

/** An endpoint's host as its URL says it, in small letters, with its port where it has one. */
const hostWithPort = sql`lower(substring(${endpoints.url} from '^[^:]+://([^/?#]+)'))`;
const atHost = (host: string) =>
  sql`
    (${hostWithPort} = lower(${host}) or regexp_replace(${hostWithPort}, ':[0-9]+$', '') =
      lower(${host}))`;

/** Endpoints of all workspaces, newest first, each with its workspace's name. */
export async function listEndpoints(
  { db }: Database,
  given: { filter: EndpointFilter; limit: number; before?: string },
) {
  const { workspace_id, state, host } = given.filter;
  return await db
    .select({ endpoint: endpoints, workspace: workspaces.name })
    .from(endpoints)
    .innerJoin(workspaces, eq(workspaces.id, endpoints.workspace_id))
    .where(
      and(
        matches(endpoints.workspace_id, workspace_id),
        ...(state ? inState[state]() : []),
        host ? atHost(host) : undefined,
        isBefore(endpoints.id, given.before),
      ),
    )
    .orderBy(desc(endpoints.id))
    .limit(given.limit);
}

/** @returns undefined where there is no such endpoint */
export async function readEndpoint({ db }: Database, id: string) {
  const [row] = await db
    .select({ endpoint: endpoints, workspace: workspaces.name })
    .from(endpoints)
    .innerJoin(workspaces, eq(workspaces.id, endpoints.workspace_id))
    .where(eq(endpoints.id, id));
  return row;
}

/** A customer's endpoint, as operators are shown it. */
export interface EndpointEntry {
  id: string;
  url: string;
  description: string | null;
  workspace_id: string;
  workspace_name: string;
  event_types: string[];
  state: 'active' | 'failing' | 'disabled';
  disabled: { reason: string; at: string; by: 'endpoint' | 'owner' | 'operator' } | null;
  failures: number;
  failing_since: string | null;
  failing_cause: string | null;
  next_try_at: string | null;
  resting_until: string | null;
  max_per_second: number | null;
  max_concurrency: number | null;
  created_at: string;
}

/** The same by itself. */
export type EndpointInFull = EndpointEntry & EndpointProgress;

/** An endpoint's newest answers, and what has not got there. */
export interface EndpointProgress {
  /** Events that are still to be sent to it. */
  waiting: { count: number; oldest_at: string | null };
  /** Events that were given up: dead letters of this endpoint. */
  given_up: number;
  /** Newest first. */
  answers: EndpointAnswer[];
}

export interface EndpointAnswer extends DeliveryAttempt {
  delivery_id: string;
  event_type: string;
}

const ANSWERS = 10;

/**
 * Nothing waits longer than a week, so older deliveries are not looked at. Answers are those of the
 * newest deliveries, and of the oldest that wait.
 */
export async function endpointProgress({ db }: Database, id: string): Promise<EndpointProgress> {
  const [counted] = await db.execute(sql`
    select count(*)::int as count, min(w.created_at) as oldest_at, (
        select count(*)::int from knockon.dead_letters where subscriber = 'webhooks'
          and target = ${id}
      ) as given_up
    from (${waiting(id)}) w`);
  const rows = await db.execute(sql`
    select a.attempted_at, d.id as delivery_id, d.event_type, a.status, a.latency_ms, a.error,
      a.response_excerpt
    from (
      (select id, event_type from knockon.deliveries where endpoint_id = ${id} order by id desc
        limit ${2 * ANSWERS})
      union (select id, event_type from (${waiting(id)}) w order by id limit ${2 * ANSWERS})
    ) d cross join lateral (
      select * from knockon.delivery_attempts where delivery_id = d.id order by id desc
        limit ${ANSWERS}
    ) a order by a.id desc limit ${ANSWERS}`);
  const { count, oldest_at, given_up } = counted as {
    count: number;
    oldest_at: string | Date | null;
    given_up: number;
  };
  const answers = rows as unknown as (Omit<EndpointAnswer, 'attempted_at'> & {
    attempted_at: string | Date;
  })[];
  return {
    waiting: { count, oldest_at: oldest_at && new Date(oldest_at).toISOString() },
    given_up,
    answers: answers.map((answer) => ({
      ...answer,
      attempted_at: new Date(answer.attempted_at).toISOString(),
    })),
  };
}

/** Deliveries that somebody still tries: those that were given up have a dead letter. */
const waiting = (id: string) => sql`
  select d.* from knockon.deliveries d
  where d.endpoint_id = ${id} and d.id > knockon.uuid_at(now() - interval '7 days')
    and d.state = 'pending' and d.event_id is not null
    and not exists (
      select from knockon.dead_letters l where l.event_id = d.event_id and l.subscriber = 'webhooks'
        and l.target in ('', d.endpoint_id::text)
    )`;

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
 * takes what it is sent, for five seconds at most. One that has a limit gets one. The rest follows
 * by itself. Where nothing waits, the next event is sent at once.
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
  const so: Tried = { tried: 0, delivered: 0, answer: null };
  for (const { id: deliveryId } of rows) {
    const answer = await send(deliveryId);
    if (typeof answer === 'string') continue;
    so.tried += 1;
    so.answer = answer;
    if (answer.error !== null) return so;
    so.delivered += 1;
    if (performance.now() > until) return so;
  }
  // Nobody is there to find out whether it works again: the next event does.
  if (so.tried === 0)
    await database.db
      .update(endpoints)
      .set({ probe_at: sql`now()` })
      .where(and(eq(endpoints.id, id), isNotNull(endpoints.probe_at)));
  return so;
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
