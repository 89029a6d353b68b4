import { eq, getTableColumns, getViewSelectedFields, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { shownEvents as events } from '../../db/schema/events.ts';
import { channels } from '../../db/schema/messages.ts';
import { deliveries as deliveryTable, endpoints } from '../../db/schema/webhooks.ts';
import { workspaces } from '../../db/schema/workspaces.ts';
import { among } from '../../db/statements.ts';
import { groupBy } from '../../group-by.ts';
import { attemptsOf, type DeliveryAttempt, deliveryState } from './deliveries.ts';
import { type InspectedEffect, inspectEffects, type SeeCalls } from './effects.ts';
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
  /** The newest, oldest first. */
  tries: DeliveryAttempt[];
}

/** An event as an operator sees it: whose it is, what it says, and all that became of it. */
export interface InspectedEvent
  extends Omit<EventJourney, 'effects'>,
    Omit<LoggedEvent, 'version'> {
  effects: InspectedEffect[];
  payload: Record<string, unknown>;
  /** What the `webhooks` effect has posted, one an endpoint. */
  deliveries: DeliveryState[];
}

/** Whom it is asked: Postgres, and the transport for the calls it has made. */
export interface Inspecting {
  database: Database;
  ui: TemporalUi | null;
  seeCalls: SeeCalls | undefined;
}

/**
 * The journeys of a message's events, in whatever workspace it is, oldest first. Nothing where
 * there is no such message.
 */
export const inspectMessage = (inspecting: Inspecting, id: string) =>
  inspect(inspecting, eq(events.message_id, id));

/** @returns undefined where there is no such event */
export const inspectEvent = async (inspecting: Inspecting, id: string) =>
  (await inspect(inspecting, eq(events.id, id)))[0];

/** Most events of one message that are shown: it may have been edited ever so often. */
const MOST = 200;

/**
 * In the order of ids, in a way that no index says: without statistics a planner reads all ids in
 * their order until it has met those of one message.
 */
const byId = sql`${events.id}::text collate "C"`;

async function inspect(
  { database: { db }, ui, seeCalls }: Inspecting,
  which: SQL,
): Promise<InspectedEvent[]> {
  const rows = await db
    .select({
      event: getViewSelectedFields(events),
      workspace: workspaces.name,
      channel: channels.name,
    })
    .from(events)
    .leftJoin(workspaces, eq(workspaces.id, events.workspace_id))
    .leftJoin(channels, eq(channels.id, events.channel_id))
    .where(which)
    .orderBy(byId)
    .limit(MOST);
  const found = rows.map(({ event }) => event);
  const ids = found.map(({ id }) => id);
  const journeys = await inspectEffects(db, await journeysOf(db, found, ui), seeCalls);
  const deliveries = await deliveriesOf(db, ids);
  return rows.map(({ event, workspace, channel }, i) => ({
    ...journeys[i]!,
    workspace_id: event.workspace_id,
    workspace_name: workspace,
    channel_id: event.channel_id,
    channel_name: channel,
    message_id: event.message_id,
    key: event.key ?? event.channel_id,
    seq: event.seq,
    payload: event.payload,
    deliveries: deliveries.get(event.id) ?? [],
  }));
}

/** Most tries of one delivery that are shown. */
const MOST_TRIES = 20;

async function deliveriesOf(
  db: Database['db'],
  ids: string[],
): Promise<Map<string | null, DeliveryState[]>> {
  const rows = await db
    .select({ ...getTableColumns(deliveryTable), url: endpoints.url, state: deliveryState })
    .from(deliveryTable)
    .leftJoin(endpoints, eq(endpoints.id, deliveryTable.endpoint_id))
    .where(among(deliveryTable.event_id, ids));
  // Not by Postgres: a planner that was told nothing of the table would read it by that order, from
  // end to end.
  rows.sort((a, b) => (a.id < b.id ? -1 : 1));
  const tries = await attemptsOf(
    { db },
    rows.map(({ id }) => id),
  );
  const shown = ({
    id,
    endpoint_id,
    url,
    state,
    delivered_at,
  }: (typeof rows)[number]): DeliveryState => {
    const own = tries.get(id) ?? [];
    const { status = null, error = null } = own.at(-1) ?? {};
    const given = { id, endpoint_id, url, state, attempts: own.length, status, error };
    return {
      ...given,
      delivered_at: delivered_at?.toISOString() ?? null,
      tries: own.slice(-MOST_TRIES),
    };
  };
  const grouped = groupBy(rows, ({ event_id }) => event_id);
  return new Map([...grouped].map(([id, some]) => [id, some.map(shown)]));
}
