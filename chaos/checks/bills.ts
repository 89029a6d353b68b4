import { BILL } from '../traffic/bills.ts';
import type { Check } from './check.ts';

interface Logged {
  id: string;
  workspace_id: string;
  key: string;
  seq: number;
  by: string;
  nth: number;
}

/** Events that HTTP and SQL have emitted, against what their emitters know. */
export const emitted: Check = {
  promise: 'every event that was answered or committed is in the log, and none rolled back is',
  async look({ pg, bills }) {
    const rows = await pg<{ id: string; workspace_id: string; key: string }[]>`
      select id, workspace_id, key from knockon.events where type = ${BILL}`;
    const logged = new Map(rows.map((row) => [row.id, row]));
    const missing = bills.committed.flatMap(({ id, workspace, key, by }) => {
      const row = logged.get(id);
      if (row?.workspace_id === workspace.id && row.key === key) return [];
      return [`event ${id} of ${by} ${row ? 'is elsewhere' : 'is not in the log'}`];
    });
    const left = bills.undone
      .filter((id) => logged.has(id))
      .map((id) => `event ${id} was rolled back, and is in the log`);
    const examined = bills.committed.length + bills.undone.length;
    return { examined, wrong: [...missing, ...left] };
  },
};

/** Each emitter works on one thing after another, so its events of a key are in order. */
export const emittedInOrder: Check = {
  promise: "each key's events are in the order in which they were emitted",
  async look({ pg }) {
    const rows = await pg<(Logged & { before: number })[]>`
      with steps as (
        select id, key, seq::float8 as seq, payload->>'by' as by,
          (payload->'nth')::float8 as nth, lag((payload->'nth')::float8) over (
            partition by workspace_id, key, payload->>'by' order by seq) as before
        from knockon.events where type = ${BILL}
      )
      select * from steps where before >= nth`;
    const [count] = await pg<{ n: number }[]>`
      select count(*)::int as n from knockon.events where type = ${BILL}`;
    const wrong = rows.map(
      ({ id, key, by, nth, before }) =>
        `key ${key}: event ${id}, number ${nth} of ${by}, came after its number ${before}`,
    );
    return { examined: count?.n ?? 0, wrong };
  },
};

/** What a keyed effect from a package of its own has seen. */
export const ownEffect: Check = {
  promise: "an application's own ordered effect saw each key's events once each, in their order",
  async look({ pg }) {
    const disorder = await pg<Logged[]>`
      with steps as (
        select event_id as id, key, seq::float8 as seq,
          lag(seq) over (partition by workspace_id, key order by place) as before
        from public.tallies
      )
      select * from steps where before >= seq`;
    const counts = await pg<{ id: string; times: number }[]>`
      select e.id, count(t.place)::int as times
      from knockon.events e left join public.tallies t on t.event_id = e.id
      where e.type = ${BILL} group by e.id having count(t.place) <> 1`;
    const [all] = await pg<{ n: number }[]>`select count(*)::int as n from public.tallies`;
    const wrong = [
      ...disorder.map(({ id, key, seq }) => `key ${key}: event ${id} (seq ${seq}) came too late`),
      ...counts.map(({ id, times }) => `event ${id} was seen ${times} times`),
    ];
    return { examined: all?.n ?? 0, wrong };
  },
};
