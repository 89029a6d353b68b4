import type { Check } from './check.ts';

/** Each workspace's hash chain, as the API verifies it. */
export const audit: Check = {
  promise: 'every audit chain is valid and has one entry an event',
  async look({ pg, client, workspaces }) {
    const wrong: string[] = [];
    let examined = 0;
    for (const { id, key } of workspaces) {
      const { body } = await client.call({ method: 'GET', path: '/v1/audit/verify', key });
      const [row] = await pg<
        { events: number }[]
      >`select count(*)::int as events from knockon.events where workspace_id = ${id}`;
      examined += row?.events ?? 0;
      if (body.valid !== true)
        wrong.push(`the chain of workspace ${id} does not hold: ${JSON.stringify(body.broken_at)}`);
      if (body.entries !== row?.events)
        wrong.push(
          `the chain of workspace ${id} has ${body.entries} entries for ${row?.events} events`,
        );
    }
    return { examined, wrong };
  },
};

interface Step {
  key: string;
  event_id: string;
  seq: number;
  /** The seq that the effect saw before it under this key. */
  before: number;
}

/** `exclusive` keeps each key's order too. */
export const chainOrder: Check = {
  promise: "the audit chain has each key's events in their order",
  async look({ pg }) {
    const rows = await pg<Step[]>`
      with steps as (
        select coalesce(e.key, e.channel_id::text) as key, a.event_id, e.seq::float8 as seq,
          lag(e.seq) over (partition by e.sequence_id order by a.position)::float8 as before
        from knockon.audit_entries a join knockon.events e on e.id = a.event_id
        where e.sequence_id is not null
      )
      select * from steps where before >= seq`;
    const [count] = await pg<{ n: number }[]>`select count(*)::int as n from knockon.audit_entries`;
    return { examined: count?.n ?? 0, wrong: rows.map(outOfOrder) };
  },
};

/** What an effect that is ordered by key has seen: it hides nothing that it sees twice. */
export const keyOrder: Check = {
  promise: "an ordered effect saw every key's events once each, in their order",
  async look({ pg }) {
    const disorder = await pg<Step[]>`
      with steps as (
        select key, event_id, seq::float8 as seq,
          lag(seq) over (partition by key order by place)::float8 as before
        from sightings
      )
      select * from steps where before >= seq`;
    const counts = await pg<{ id: string; times: number }[]>`
      select e.id, count(s.place)::int as times from knockon.events e left join sightings s on s.event_id = e.id
      where e.type like 'message.%' group by e.id having count(s.place) <> 1`;
    const [all] = await pg<{ n: number }[]>`select count(*)::int as n from sightings`;
    return {
      examined: all?.n ?? 0,
      wrong: [
        ...disorder.map(outOfOrder),
        ...counts.map(({ id, times }) => `event ${id} was seen ${times} times`),
      ],
    };
  },
};

const outOfOrder = ({ key, event_id, seq, before }: Step) =>
  `key ${key}: event ${event_id} (seq ${seq}) came after seq ${before}`;
