import { asc, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { deliveryAttempts, deliveries as table } from '../../db/schema/webhooks.ts';
import { IS_RETRIED } from '../status/effect-status.ts';

/** The subscriber that makes deliveries. */
const WEBHOOKS = 'webhooks';

/** Whether somebody tries the dead letter `l` again at this moment. */
export const isRetried = sql.raw(IS_RETRIED) as SQL<boolean>;

/**
 * A delivery is given up: it has a dead letter, of its own or with its whole event, or somebody has
 * decided that it won't happen.
 */
const isGivenUp = sql`(exists (
    select from (select * from knockon.dead_letters where event_id = ${table.event_id} offset 0) l
    where l.subscriber = ${WEBHOOKS} and l.target in (${table.endpoint_id}::text, '')
      and not ${isRetried}
  ) or exists (select from knockon.discards x where x.event_id = ${table.event_id}
    and x.subscriber = ${WEBHOOKS}))`;

type DeliveryShown = (typeof table.$inferSelect)['state'];

/**
 * A delivery's state as it is shown. Its row stays `pending` when its attempts are used up, for an
 * operator can retry it. Until then it is shown as `failed`.
 */
export const deliveryState = sql<DeliveryShown>`
  case when ${table.state} = 'pending' and ${isGivenUp} then 'failed' else ${table.state} end`;

/** Deliveries that are in this state, as it is shown. */
export function isInState(state: DeliveryShown): SQL {
  if (state === 'pending') return sql`(${table.state} = 'pending' and not ${isGivenUp})`;
  if (state === 'failed')
    return sql`(${table.state} = 'failed' or (${table.state} = 'pending' and ${isGivenUp}))`;
  return sql`${table.state} = ${state}`;
}

/** One attempt of a delivery. Where both are told `attempts` counts them and `tries` lists them. */
export interface DeliveryAttempt {
  attempted_at: string;
  /** The answer's HTTP status; null where none came. */
  status: number | null;
  latency_ms: number;
  error: string | null;
  /** The beginning of the answer. */
  response_excerpt: string | null;
}

/** The attempts of these deliveries, oldest first. */
export async function attemptsOf(
  { db }: Pick<Database, 'db'>,
  ids: string[],
): Promise<Map<string, DeliveryAttempt[]>> {
  const found = new Map<string, DeliveryAttempt[]>(ids.map((id) => [id, []]));
  if (ids.length === 0) return found;
  // Each delivery's by the index, and these by their ids, whatever the planner thinks of their
  // number.
  const those = sql`array(
    select a.id from unnest(${sql.param(ids)}::uuid[]) as t (id) cross join lateral (
      select id from knockon.delivery_attempts where delivery_id = t.id offset 0
    ) a)`;
  const rows = await db
    .select()
    .from(deliveryAttempts)
    .where(sql`${deliveryAttempts.id} = any(${those})`)
    .orderBy(asc(deliveryAttempts.id));
  for (const { id: _, delivery_id, attempted_at, ...row } of rows)
    found.get(delivery_id)?.push({ attempted_at: attempted_at.toISOString(), ...row });
  return found;
}
