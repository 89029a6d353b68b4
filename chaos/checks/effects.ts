import { type Check, idsOf } from './check.ts';

/** Receipts against what they have to be, worked out anew from events and subscribers. */
export const receipts: Check = {
  promise: 'every effect has happened for every event it is for, and none for another',
  async look({ pg, workspaces }) {
    const ids = idsOf(workspaces);
    const rows = await pg<
      { subscriber: string; expected: number; missing: number; surplus: number }[]
    >`
      with promised as (
        select e.id as event_id, s.name as subscriber from knockon.events e join knockon.subscribers s on s.event_types && knockon.wanted_as(e.type)
        where e.workspace_id = any(${ids})
      ), had as (
        select r.event_id, r.subscriber from knockon.receipts r left join knockon.events e on e.id = r.event_id
        where e.id is null or e.workspace_id = any(${ids})
      )
      select coalesce(p.subscriber, r.subscriber) as subscriber, count(p.event_id)::int as expected,
        count(*) filter (where r.event_id is null)::int as missing, count(*) filter (where p.event_id is null)::int as surplus
      from promised p full join had r using (event_id, subscriber) group by 1 order by 1`;
    const wrong = rows.flatMap(({ subscriber, missing, surplus }) => [
      ...(missing > 0 ? [`${subscriber} has not happened for ${missing} events`] : []),
      ...(surplus > 0
        ? [`${subscriber} has receipts for ${surplus} events that it is not for`]
        : []),
    ]);
    return { examined: rows.reduce((sum, { expected }) => sum + expected, 0), wrong };
  },
};

export const deadLetters: Check = {
  promise: 'nothing was given up: there are no dead letters',
  async look({ pg, workspaces }) {
    const rows = await pg<
      { subscriber: string; cause: string; count: number; reason: string; event_id: string }[]
    >`
      select subscriber, cause, count(*)::int, min(reason) as reason, min(event_id::text) as event_id
      from knockon.dead_letters d left join knockon.events e on e.id = d.event_id where e.id is null or e.workspace_id = any(${idsOf(workspaces)})
      group by subscriber, cause order by 1, 2`;
    return {
      examined: rows.reduce((sum, { count }) => sum + count, 0),
      wrong: rows.map(
        (r) =>
          `${r.subscriber} gave up on ${r.count} events, such as ${r.event_id}: ${r.cause} (${r.reason})`,
      ),
    };
  },
};
