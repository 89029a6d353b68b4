import type { Client } from '@temporalio/client';
import type { Sql } from 'postgres';

/**
 * The moments of one message's way, in milliseconds since the POST was sent. All clocks are this
 * machine's.
 */
export const moments = [
  'answered (201)',
  'claimed by the dispatcher',
  'workflow started',
  'first workflow task done: six activities scheduled',
  'last activity taken by a worker',
  'first receipt committed',
  'sixth receipt committed',
] as const;
export type Journey = Record<(typeof moments)[number], number>;

/**
 * When the POST was sent, ms since 1970; when it was answered and each effect of it committed, ms
 * after that, in this order.
 */
export interface Times {
  posted: number;
  answered: number;
  effects: number[];
}

export async function journeyOf(
  { pg, client }: { pg: Sql; client: Client },
  eventId: string,
  times: Times,
): Promise<Journey> {
  const [row] = await pg<[{ id: string; claimed: number }]>`
    select d.id, extract(epoch from d.claimed_at)::float8 * 1000 as claimed from knockon.outbox o join knockon.dispatches d on d.id = o.dispatch_id where o.event_id = ${eventId}`;
  const { events } = await client.workflow.getHandle(row.id).fetchHistory();
  const at = (time: { seconds?: unknown; nanos?: number | null } | null | undefined) =>
    Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6 - times.posted;
  const started = events?.find((event) => event.workflowExecutionStartedEventAttributes);
  const scheduled = events?.find((event) => event.activityTaskScheduledEventAttributes);
  const taken = (events ?? [])
    .filter((event) => event.activityTaskStartedEventAttributes)
    .map((event) => at(event.eventTime));
  return {
    'answered (201)': times.answered,
    'claimed by the dispatcher': row.claimed - times.posted,
    'workflow started': at(started?.eventTime),
    'first workflow task done: six activities scheduled': at(scheduled?.eventTime),
    'last activity taken by a worker': Math.max(...taken),
    'first receipt committed': times.effects[0]!,
    'sixth receipt committed': times.effects.at(-1)!,
  };
}
