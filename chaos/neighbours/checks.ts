import type { Sql } from 'postgres';
import { answers } from '../checks/answers.ts';
import { channels } from '../checks/channels.ts';
import type { Check } from '../checks/check.ts';
import { deadLetters, receipts } from '../checks/effects.ts';
import { ledgerBut } from '../checks/ledger.ts';
import { audit, chainOrder } from '../checks/order.ts';
import { analytics, notifications, summaries } from '../checks/read-models.ts';
import { index, searched } from '../checks/search.ts';
import { sequences } from '../checks/sequences.ts';
import { onceEach, stored } from '../checks/stored.ts';
import { deliveries, webhooks } from '../checks/webhooks.ts';
import { openWork } from '../wait-until-idle.ts';
import type { BadReport } from './bad-neighbours.ts';

/**
 * What must hold after a time beside bad neighbours: everything for the good one; for the others
 * all but their own endpoints' part.
 */
export const checksOf = (bad: BadReport[], good: string): Check[] => [
  stored,
  onceEach,
  channels,
  sequences,
  receipts,
  deadLetters,
  ledgerBut(['webhooks']),
  analytics,
  summaries,
  notifications,
  index,
  searched,
  audit,
  chainOrder,
  webhooks,
  deliveries,
  answers,
  ofTheOthers(bad, good),
];

const ofTheOthers = (bad: BadReport[], good: string): Check => ({
  promise:
    "the others' messages are all there, and every effect of theirs has happened but what their endpoints don't take",
  async look({ pg }) {
    const accepted = bad.flatMap((one) => one.accepted);
    const gone = await pg<{ id: string }[]>`
      select a.id from unnest(${accepted}::uuid[]) as a (id)
      where not exists (select from knockon.messages m join knockon.events e on e.message_id = m.id and e.type = 'message.created' where m.id = a.id)`;
    const given = await pg<{ subscriber: string; cause: string; count: number }[]>`
      select d.subscriber, d.cause, count(*)::int from knockon.dead_letters d join knockon.events e on e.id = d.event_id
      where d.subscriber <> 'webhooks' and e.workspace_id <> ${good} group by 1, 2`;
    return {
      examined: accepted.length,
      wrong: [
        ...gone.map(({ id }) => `message ${id} was answered for and is not there`),
        ...given.map(
          ({ subscriber, cause, count }) => `${subscriber} gave up on ${count} events: ${cause}`,
        ),
      ],
    };
  },
});

/**
 * What is still to come: webhooks of the good one alone, for those of the others may never be
 * taken.
 */
export const stillToCome = (good: string) => async (pg: Sql) =>
  openWork(
    await pg<{ name: string; count: number }[]>`
    select 'dispatch' as name, count(*)::int from knockon.outbox where dispatch_id is null
    union all
    select s.name, count(*)::int from knockon.events e join knockon.subscribers s on s.event_types && knockon.wanted_as(e.type)
    where (s.name <> 'webhooks' or e.workspace_id = ${good})
      and not exists (select from knockon.receipts r where r.event_id = e.id and r.subscriber = s.name)
      and not exists (select from knockon.dead_letters d where d.event_id = e.id and d.subscriber = s.name)
    group by s.name order by name`,
  );
