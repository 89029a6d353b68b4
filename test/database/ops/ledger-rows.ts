import type { Database } from '../../../src/db/client.ts';
import { claim, markStarted } from '../../../src/outbox/claim.ts';
import type { Recovery } from '../../../src/transport/transport.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';

/**
 * Posts messages and dispatches them to these subscribers, with nobody to do them. @returns the
 * dispatches and their events, oldest first
 */
export async function dispatchMessages(database: Database, count: number, ...names: string[]) {
  await subscribe(database, ...names.map((name) => ({ name })));
  const where = await aChannel(database);
  const writer = aWriter(database);
  await Promise.all(Array.from({ length: count }, () => writer.post(aMessage(where))));
  const dispatches = await claim(database.pg, 2000);
  for (const { id } of dispatches) await markStarted(database.pg, id, 'run');
  const rows =
    await database.pg`select event_id from knockon.outbox where dispatch_id = any(${dispatches.map(({ id }) => id)}) order by event_id`;
  return {
    dispatches: dispatches.map(({ id }) => id),
    events: rows.map(({ event_id }) => String(event_id)),
    ...where,
  };
}

/** Receipts, as an effect writes them. */
export async function writeReceipts(
  { pg }: Database,
  name: string,
  events: string[],
): Promise<void> {
  await pg`insert into knockon.receipts (event_id, subscriber) select id, ${name} from unnest(${events}::uuid[]) as t (id)`;
}

export async function writeDeadLetters(
  { pg }: Database,
  name: string,
  dispatch: string,
  events: string[],
): Promise<void> {
  await pg`
    insert into knockon.dead_letters (event_id, subscriber, target, dispatch_id, cause, reason)
    select id, ${name}, target, ${dispatch}, 'cause', 'reason' from unnest(${events}::uuid[]) as t (id) cross join unnest(array['a', 'b']) as x (target)`;
}

/** A transport that is at work on nothing, or on all. */
export const runsNothing: Recovery['running'] = async () => new Set();
export const runsEverything: Recovery['running'] = async (dispatches) =>
  new Set(dispatches.map(({ id }) => id));
