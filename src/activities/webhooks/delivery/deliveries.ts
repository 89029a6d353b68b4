import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../db/client.ts';
import { hasDeadLetter } from '../../../db/missed-deliveries.ts';
import type { DomainEvent } from '../../../events/index.ts';

/** A delivery that is still to be made. */
export interface OpenDelivery {
  id: string;
  event_id: string;
  endpoint_id: string;
  url: string;
  /** Sealed. */
  secret: string;
  /** Sealed. Null unless it still signs too. */
  previous_secret: string | null;
  /** Since it was opened, or since the dispatch began that retries it, in ms. */
  age_ms: number;
  /** Time until its promised rate slot, in ms; negative if that is past. Null without a promise. */
  due_in_ms: number | null;
  /** The endpoint's rate limit. */
  max_per_second: number | null;
  /** Most requests to the endpoint at once from this process; null: the default. */
  max_concurrency: number | null;
  /** Time until the endpoint's next probe, in ms. Null unless its circuit is open. */
  probe_in_ms: number | null;
  /** How long the endpoint's circuit has been open, in ms; null if it is closed. */
  failing_ms: number | null;
  /** Why the endpoint fails. */
  failing_cause: string | null;
  /** Time for which the endpoint wants no request, in ms; negative if that is past. */
  rest_in_ms: number | null;
  /** It could not become `missed` yet: somebody else holds its row. */
  is_disabled: boolean;
}

/**
 * Finds what is still to be sent of these events. The first call for an event opens a delivery for
 * each endpoint that wants its type. Later calls find those, so an endpoint that is created during
 * retries gets nothing older than itself.
 *
 * Left out are endpoints that are deleted or no longer want the type. Deliveries to a disabled
 * endpoint become `missed`, for good. Those that were given up stay as they are, unless this
 * dispatch retries them. One whose row is locked is returned.
 *
 * `lateral … offset 0` makes the planner look each event up by the index, whatever its statistics
 * say.
 *
 * @param options.targets only for these endpoints
 * @param options.dispatchId the dispatch that calls for them
 */
export async function openDeliveries(
  db: Database['db'],
  events: DomainEvent[],
  { targets, dispatchId = null }: { targets?: string[]; dispatchId?: string | null } = {},
): Promise<OpenDelivery[]> {
  const column = (pick: (event: DomainEvent) => string) => sql.param(events.map(pick));
  const only = sql.param(targets ?? null);
  const isAsked = (endpointId: SQL) =>
    sql`(${only}::text[] is null or ${endpointId}::text = any(${only}::text[]))`;
  const rows = await db.execute(sql`
    with handled as materialized (
      select * from unnest(
        ${column((e) => e.id)}::uuid[], ${column((e) => e.type)}::text[],
        ${column((e) => e.workspace_id)}::uuid[]
      ) with ordinality as t (event_id, type, workspace_id, place)
    ), found as materialized (
      select d.* from handled h cross join lateral (
        select d.id, d.event_id, d.endpoint_id, d.state, d.created_at, d.due_at
        from knockon.deliveries d where d.event_id = h.event_id offset 0
      ) d
    ), opened as (
      insert into knockon.deliveries (workspace_id, endpoint_id, event_id, event_type, state)
      select h.workspace_id, n.id, h.event_id, h.type,
        case when n.disabled_at is null then 'pending' else 'missed' end
      from handled h cross join lateral (
        select n.id, n.disabled_at from knockon.endpoints n
        where n.workspace_id = h.workspace_id and n.event_types && knockon.wanted_as(h.type)
        offset 0
      ) n
      where h.event_id not in (select event_id from found)
      order by h.event_id, n.id
      -- Waits for another call that opens the same rows and returns them. No snapshot would.
      on conflict (event_id, endpoint_id) do update set state = deliveries.state
      returning id, event_id, endpoint_id, state, created_at, due_at
    ), ${missed(sql`${isAsked(sql`d.endpoint_id`)} and not ${hasDeadLetter(dispatchId)}`)}
    , known as (
      select * from opened union all select * from found
    )
    select k.id, k.event_id, k.endpoint_id, n.url, n.secret, n.max_per_second, n.max_concurrency,
      n.failing_cause, n.disabled_at is not null as is_disabled,
      case when n.previous_until > now() then n.previous_secret end as previous_secret,
      extract(epoch from now() - greatest(k.created_at, knockon.uuid_time(${dispatchId}::uuid)))
        ::float8 * 1000 as age_ms,
      extract(epoch from k.due_at - now())::float8 * 1000 as due_in_ms,
      extract(epoch from n.probe_at - now())::float8 * 1000 as probe_in_ms,
      extract(epoch from now() - n.failing_since)::float8 * 1000 as failing_ms,
      extract(epoch from n.resting_until - now())::float8 * 1000 as rest_in_ms
    from known k join handled h using (event_id) cross join lateral (
      select * from knockon.endpoints n
      where n.id = k.endpoint_id and n.event_types && knockon.wanted_as(h.type)
      offset 0
    ) n
    where k.state not in ('delivered', 'missed')
      and ${isAsked(sql`k.endpoint_id`)}
      and (n.disabled_at is null
        or k.id in (select id from to_miss except select id from missed))
    order by h.place, k.endpoint_id`);
  return rows as unknown as OpenDelivery[];
}

/** Of deliveries `d` that were found, those to a disabled endpoint become missed. */
const missed = (condition: SQL): SQL => sql`to_miss as materialized (
    select d.id from found d
    where (select n.disabled_at from knockon.endpoints n where n.id = d.endpoint_id) is not null
      and d.state in ('pending', 'failed') and ${condition}
  ), missed as (
    update knockon.deliveries set state = 'missed', due_at = null where id = any(array(
      select id from knockon.deliveries where id = any(array(select id from to_miss))
        and state in ('pending', 'failed') for no key update skip locked
    )) returning id
  )`;

/**
 * Opens the delivery of a test event, which is in no log.
 *
 * @returns its id
 * @throws Error if Postgres returns no row
 */
export async function openTest(
  db: Database['db'],
  endpoint: { id: string; workspace_id: string },
): Promise<string> {
  const [row] = await db.execute(sql`
    insert into knockon.deliveries (workspace_id, endpoint_id, event_id, event_type)
    values (${endpoint.workspace_id}, ${endpoint.id}, null, 'endpoint.test') returning id`);
  if (!row) throw new Error('an insert returned no row');
  return String(row.id);
}
