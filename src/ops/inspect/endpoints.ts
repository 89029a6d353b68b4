import { and, desc, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { endpoints } from '../../db/schema/webhooks.ts';
import { workspaces } from '../../db/schema/workspaces.ts';
import { isBefore, matches } from '../../db/statements.ts';
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
export const waiting = (id: string) => sql`
  select d.* from knockon.deliveries d
  where d.endpoint_id = ${id} and d.id > knockon.uuid_at(now() - interval '7 days')
    and d.state = 'pending' and d.event_id is not null
    and not exists (
      select from knockon.dead_letters l where l.event_id = d.event_id and l.subscriber = 'webhooks'
        and l.target in ('', d.endpoint_id::text)
    )`;
