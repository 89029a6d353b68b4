import { asc, eq, type SQL } from 'drizzle-orm';
import type { Sql } from 'postgres';
import type { Database } from '../db/client.ts';
import { events } from '../db/schema/events.ts';
import { channels } from '../db/schema/messages.ts';
import { dispatches, outbox } from '../db/schema/outbox.ts';
import { workspaces } from '../db/schema/workspaces.ts';
import type { LoggedEvent } from './events.ts';
import { type EventJourney, journeysOf } from './journey.ts';
import type { TemporalUi } from './temporal-ui.ts';

/** What was posted to an endpoint because of an event. */
export interface DeliveryState {
  id: string;
  endpoint_id: string;
  /** Null where the endpoint is deleted. */
  url: string | null;
  state: 'pending' | 'delivered' | 'failed' | 'missed';
  attempts: number;
  /** The last try's HTTP status; null where no answer came, or nothing was tried. */
  status: number | null;
  error: string | null;
  delivered_at: string | null;
}

/** An event as an operator sees it: whose it is, what it says, and all that became of it. */
export interface InspectedEvent extends EventJourney, Omit<LoggedEvent, 'version'> {
  payload: Record<string, unknown>;
  /** What the `webhooks` effect has posted, one an endpoint. */
  deliveries: DeliveryState[];
}

/** The journeys of a message's events, in whatever workspace it is, oldest first. Nothing where there is no such message. */
export const inspectMessage = (database: Database, id: string, ui: TemporalUi | null) => inspect(database, eq(events.message_id, id), ui);

/** @returns undefined where there is no such event */
export const inspectEvent = async (database: Database, id: string, ui: TemporalUi | null) =>
  (await inspect(database, eq(events.id, id), ui))[0];

/** Most events of one message that are shown: it may have been edited ever so often. */
const MOST = 200;

async function inspect({ db, sql }: Database, which: SQL, ui: TemporalUi | null): Promise<InspectedEvent[]> {
  const rows = await db
    .select({ event: events, queued: outbox.event_id, dispatch: dispatches, workspace: workspaces.name, channel: channels.name })
    .from(events)
    .leftJoin(outbox, eq(outbox.event_id, events.id))
    .leftJoin(dispatches, eq(dispatches.id, outbox.dispatch_id))
    .leftJoin(workspaces, eq(workspaces.id, events.workspace_id))
    .leftJoin(channels, eq(channels.id, events.channel_id))
    .where(which)
    .orderBy(asc(events.id))
    .limit(MOST);
  const [journeys, deliveries] = [
    await journeysOf(
      db,
      rows.map(({ event, queued, dispatch }) => ({ ...event, queued, dispatch })),
      ui,
    ),
    await deliveriesOf(
      sql,
      rows.map(({ event }) => event.id),
    ),
  ];
  return rows.map(({ event, workspace, channel }, i) => ({
    ...journeys[i]!,
    workspace_id: event.workspace_id,
    workspace_name: workspace,
    channel_id: event.channel_id,
    channel_name: channel,
    message_id: event.message_id,
    seq: event.seq,
    payload: event.payload,
    deliveries: deliveries.get(event.id) ?? [],
  }));
}

async function deliveriesOf(sql: Sql, ids: string[]): Promise<Map<string, DeliveryState[]>> {
  const rows = await sql<(Omit<DeliveryState, 'delivered_at'> & { event_id: string; delivered_at: Date | null })[]>`
    select d.event_id, d.id, d.endpoint_id, p.url, d.state, d.delivered_at, coalesce(a.n, 0)::int as attempts, last.status, last.error
    from deliveries d left join endpoints p on p.id = d.endpoint_id
    left join lateral (select count(*) as n from delivery_attempts where delivery_id = d.id) a on true
    left join lateral (select status, error from delivery_attempts where delivery_id = d.id order by id desc limit 1) last on true
    where d.event_id = any(${ids}::uuid[]) order by d.id`;
  const found = new Map<string, DeliveryState[]>();
  for (const { event_id, delivered_at, ...row } of rows)
    found.set(event_id, [...(found.get(event_id) ?? []), { ...row, delivered_at: delivered_at?.toISOString() ?? null }]);
  return found;
}
