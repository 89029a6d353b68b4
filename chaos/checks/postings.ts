import { SUBSCRIBERS } from '../http-service/subscribers.ts';
import { type Check, idsOf } from './check.ts';

/** The table of the service that HTTP subscribers are, against the log. */
export const posted: Check = {
  promise: 'every HTTP subscriber has each of its events in its own table, and no other',
  async look({ pg, workspaces }) {
    const wrong: string[] = [];
    let examined = 0;
    for (const { name, matching } of SUBSCRIBERS) {
      const [row] = await pg<{ expected: number; missing: number; surplus: number }[]>`
        with expected as (
          select id as event_id from knockon.events
          where workspace_id = any(${idsOf(workspaces)}) and type ~ ${matching}
        ), had as (
          select event_id from public.postings where subscriber = ${name}
        )
        select count(e.event_id)::int as expected,
          count(*) filter (where h.event_id is null)::int as missing,
          count(*) filter (where e.event_id is null)::int as surplus
        from expected e full join had h using (event_id)`;
      const { expected = 0, missing = 0, surplus = 0 } = row ?? {};
      examined += expected;
      if (missing > 0) wrong.push(`${name} never got ${missing} of its events`);
      if (surplus > 0) wrong.push(`${name} got ${surplus} events that are not its`);
    }
    return { examined, wrong };
  },
};

/** As the service saw each event first. */
export const postedInOrder: Check = {
  promise: "an ordered HTTP subscriber got each key's events in their order",
  async look({ pg }) {
    const names = SUBSCRIBERS.filter(({ ordering }) => ordering === 'key').map(({ name }) => name);
    const rows = await pg<{ event_id: string; key: string; seq: number; before: number }[]>`
      with steps as (
        select event_id, key, seq::float8 as seq, lag(seq) over (
          partition by subscriber, workspace_id, key order by place)::float8 as before
        from public.postings where subscriber = any(${names})
      )
      select * from steps where before >= seq`;
    const [count] = await pg<{ n: number }[]>`
      select count(*)::int as n from public.postings where subscriber = any(${names})`;
    const wrong = rows.map(
      ({ event_id, key, seq, before }) =>
        `key ${key}: event ${event_id} (seq ${seq}) came after seq ${before}`,
    );
    return { examined: count?.n ?? 0, wrong };
  },
};
