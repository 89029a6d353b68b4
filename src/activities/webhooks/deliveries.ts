import { type SQL, sql } from 'drizzle-orm';
import { asynchronousCommit } from '../../db/asynchronous-commit.ts';
import type { Database } from '../../db/client.ts';
import { missWhatWaits } from '../../db/missed.ts';
import type { DomainEvent } from '../../events/index.ts';
import { type CircuitOptions, disabledByItself, failedOnceMore, healed, rests } from './circuit.ts';
import type { ResponseClass } from './classify-response.ts';
import type { HttpAttempt } from './send.ts';

type Db = Database['db'];

/** A delivery that is still to be made. */
export interface OpenDelivery {
  id: string;
  event_id: string;
  endpoint_id: string;
  url: string;
  /** Sealed. */
  secret: string;
  /** The one before it, while that signs too; sealed. */
  previous_secret: string | null;
  /** In ms. */
  age_ms: number;
  /**
   * In how many ms it may be made, where it waits for its endpoint's limit; negative: since when.
   */
  due_in_ms: number | null;
  /** Its endpoint's limit. */
  max_per_second: number | null;
  /** Most requests to it at once from this process; null: as many as to any. */
  max_concurrency: number | null;
  /** Its endpoint is failing, and is tried again in so many ms … */
  probe_in_ms: number | null;
  /** … and this is why. */
  failing_cause: string | null;
  /** It asked for no request for so many ms yet; negative: since when it may be asked again. */
  rest_in_ms: number | null;
}

/**
 * What is still to be sent of these events. The first call for an event opens a delivery for each
 * endpoint that then wants its type; later ones find these, so an endpoint that is made during the
 * retries does not get what came before it. An endpoint that is gone, or wants the type no more, is
 * left out. So is one that is disabled: what it does not get is `missed`, for good.
 *
 * `lateral … offset 0` has each event looked up by the index, whatever the planner believes of
 * tables that have grown since it looked.
 *
 * @param endpointIds only these ones'
 */
export async function openDeliveries(
  db: Db,
  events: DomainEvent[],
  endpointIds?: string[],
): Promise<OpenDelivery[]> {
  const column = (pick: (event: DomainEvent) => string) => sql.param(events.map(pick));
  const only = sql.param(endpointIds ?? null);
  const rows = await db.execute(sql`
    with handled as materialized (
      select * from unnest(${column((e) => e.id)}::uuid[], ${column((e) => e.type)}::text[], ${column((e) => e.workspace_id)}::uuid[])
        with ordinality as t (event_id, type, workspace_id, place)
    ), found as materialized (
      select d.* from handled h cross join lateral (
        select d.id, d.event_id, d.endpoint_id, d.state, d.created_at, d.due_at from deliveries d where d.event_id = h.event_id offset 0
      ) d
    ), opened as (
      insert into deliveries (workspace_id, endpoint_id, event_id, event_type, state)
      select h.workspace_id, n.id, h.event_id, h.type, case when n.disabled_at is null then 'pending' else 'missed' end
      from handled h cross join lateral (
        select n.id, n.disabled_at from endpoints n where n.workspace_id = h.workspace_id and n.event_types && array[h.type, '*'] offset 0
      ) n
      where h.event_id not in (select event_id from found)
      order by h.event_id, n.id
      -- Another call that opens the same ones is waited for, and its rows are seen, which no snapshot would show.
      on conflict (event_id, endpoint_id) do update set state = deliveries.state
      returning id, event_id, endpoint_id, state, created_at, due_at
    ), missed as (
      update deliveries set state = 'missed', due_at = null
      where id = any(array(
        select f.id from found f where (select n.disabled_at from endpoints n where n.id = f.endpoint_id) is not null
      )) and state in ('pending', 'failed')
    ), known as (
      select * from opened union all select * from found
    )
    select k.id, k.event_id, k.endpoint_id, n.url, n.secret, n.max_per_second, n.max_concurrency, n.failing_cause,
      case when n.previous_until > now() then n.previous_secret end as previous_secret,
      extract(epoch from now() - k.created_at)::float8 * 1000 as age_ms,
      extract(epoch from k.due_at - now())::float8 * 1000 as due_in_ms,
      extract(epoch from n.probe_at - now())::float8 * 1000 as probe_in_ms,
      extract(epoch from n.resting_until - now())::float8 * 1000 as rest_in_ms
    from known k join handled h using (event_id) cross join lateral (
      select * from endpoints n where n.id = k.endpoint_id and n.event_types && array[h.type, '*'] and n.disabled_at is null offset 0
    ) n
    where k.state not in ('delivered', 'missed') and (${only}::text[] is null or k.endpoint_id::text = any(${only}::text[]))
    order by h.place, k.endpoint_id`);
  return rows as unknown as OpenDelivery[];
}

/** Opens the delivery of a test event, which is in no log. */
export async function openTest(
  db: Db,
  endpoint: { id: string; workspace_id: string },
): Promise<string> {
  const [row] = await db.execute(sql`
    insert into deliveries (workspace_id, endpoint_id, event_id, event_type)
    values (${endpoint.workspace_id}, ${endpoint.id}, null, 'endpoint.test') returning id`);
  if (!row) throw new Error('an insert returned no row');
  return String(row.id);
}

/** What was tried, and what came of it. */
export interface Try {
  deliveryId: string;
  endpointId: string;
  url: string;
  attempt: HttpAttempt;
  verdict: ResponseClass;
  circuit: CircuitOptions;
  /** The endpoint was failing, and this was to see whether it works again. */
  isProbe?: boolean;
  /**
   * There is no other try after this one, and its failure is not held against the endpoint: a test.
   */
  isTest?: boolean;
}

/** How an endpoint stands once a try is recorded. */
export interface EndpointHealth {
  /** It is failing, and tried again in so many ms; else null. */
  probe_in_ms: number | null;
  /** It asked for no request for so many ms. */
  rest_in_ms: number | null;
  is_disabled: boolean;
}

/**
 * Logs a try and what it means for the delivery and its endpoint. What was once delivered stays so.
 * That one has failed and is made again need not be on the disk at once.
 */
export async function recordAttempt(db: Db, made: Try): Promise<EndpointHealth> {
  const { deliveryId, endpointId, attempt, verdict, isTest } = made;
  const state = { delivered: 'delivered', retry: 'pending', dead: 'failed', gone: 'missed' }[
    verdict.state
  ];
  const isAside = verdict.state === 'retry' && isTest === true;
  const columns = sql`extract(epoch from probe_at - now())::float8 * 1000 as probe_in_ms,
    extract(epoch from resting_until - now())::float8 * 1000 as rest_in_ms, disabled_at is not null as is_disabled`;
  const [row] = await db.execute(sql`
    with ${verdict.state === 'retry' ? sql`lazy as materialized (${asynchronousCommit}), ` : sql``}logged as (
      insert into delivery_attempts (delivery_id, status, latency_ms, error, response_excerpt)
      select ${deliveryId}::uuid, ${attempt.status}::int, ${attempt.latencyMs}::int, ${errorText(attempt, verdict)}::text, ${attempt.excerpt}::text
      ${verdict.state === 'retry' ? sql`from lazy` : sql``}
    ), settled as (
      update deliveries set due_at = null, delivered_at = case when ${state} = 'delivered' then now() end,
        -- A test has no event that could be missed; what was missed is so until it is delivered. A try aside leaves an event to its own tries.
        state = case when ${isAside} then case when event_id is null then 'failed' else state end
          when ${state} = 'missed' and event_id is null then 'failed' when ${state} = 'failed' and state = 'missed' then state else ${state} end
      where id = ${deliveryId} and state <> 'delivered'
    ), changed as (${bearing(made)} returning probe_at, resting_until, disabled_at)
    select ${columns} from (
      select * from changed union all
      select probe_at, resting_until, disabled_at from endpoints where id = ${endpointId} and not exists (select from changed)
    ) e`);
  if (verdict.state === 'gone') await missWhatWaits(db, endpointId);
  return (
    (row as unknown as EndpointHealth | undefined) ?? {
      probe_in_ms: null,
      rest_in_ms: null,
      is_disabled: false,
    }
  );
}

/**
 * What it means for the endpoint. One that refuses for good has answered; a worker's own trouble
 * says nothing.
 */
function bearing({
  endpointId,
  url,
  attempt,
  verdict,
  circuit,
  isProbe = false,
  isTest,
}: Try): SQL {
  if (verdict.state === 'gone') return disabledByItself(endpointId, url);
  if (verdict.state !== 'retry') return healed(endpointId);
  const { cause, after_ms: restMs = 0 } = verdict;
  if (restMs > 0 && !isProbe) return rests(endpointId, cause, restMs);
  if (isTest || attempt.failure?.ours)
    return sql`update endpoints set failures = failures where false`;
  return failedOnceMore(endpointId, cause, circuit, { isProbe, restMs });
}

/** What stands in the log of tries: the cause, and what is known beyond it. */
export function errorText({ failure }: HttpAttempt, verdict: ResponseClass): string | null {
  if (verdict.state === 'delivered') return null;
  return failure ? `${failure.cause}: ${failure.detail}`.replaceAll('\0', '') : verdict.cause;
}
