import type { Check } from './check.ts';

interface Counted {
  of: string;
  what: string;
  count: number;
  first: number | null;
  last: number | null;
  told: number;
}

/** Both counters of each channel (of its messages, of its events), and each key's. */
export const sequences: Check = {
  promise: "messages' and events' seq of every channel and key are without gaps",
  async look({ pg }) {
    const rows = await pg<Counted[]>`
      select concat('channel ', c.id) as of, 'messages' as what, count(m.id)::int as count,
        min(m.seq)::float8 as first, max(m.seq)::float8 as last, c.last_seq::float8 as told
      from knockon.channels c left join knockon.messages m on m.channel_id = c.id group by c.id
      union all
      select concat('channel ', c.id), 'events', count(e.id)::int, min(e.seq)::float8,
        max(e.seq)::float8, c.last_event_seq::float8
      from knockon.channels c left join knockon.events e on e.sequence_id = c.id group by c.id
      union all
      select concat('key ', s.key), 'events', count(e.id)::int, min(e.seq)::float8,
        max(e.seq)::float8, s.last_seq::float8
      from knockon.sequences s left join knockon.events e on e.sequence_id = s.id group by s.id`;
    const wrong = rows.filter(({ what, count, first, last, told }) => {
      const start = what === 'events' ? 0 : 1;
      return count > 0
        ? first !== start || last !== start + count - 1 || last !== told
        : told !== start - 1;
    });
    return {
      examined: rows.length,
      wrong: wrong.map(
        (r) =>
          `${r.of}: ${r.count} ${r.what} from ${r.first} to ${r.last}, and its counter says ${r.told}`,
      ),
    };
  },
};
