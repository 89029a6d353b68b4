import type { Check } from './check.ts';

interface Counted {
  channel_id: string;
  what: string;
  count: number;
  first: number | null;
  last: number | null;
  told: number;
}

/** Both counters of each channel: the one of its messages, and the one of its events. */
export const sequences: Check = {
  promise: "messages' and events' seq of every channel are without gaps",
  async look({ pg }) {
    const rows = await pg<Counted[]>`
      select c.id as channel_id, 'messages' as what, count(m.id)::int as count, min(m.seq)::float8 as first, max(m.seq)::float8 as last, c.last_seq::float8 as told
      from knockon.channels c left join knockon.messages m on m.channel_id = c.id group by c.id
      union all
      select c.id, 'events', count(e.id)::int, min(e.seq)::float8, max(e.seq)::float8, c.last_event_seq::float8
      from knockon.channels c left join knockon.events e on e.channel_id = c.id group by c.id`;
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
          `channel ${r.channel_id}: ${r.count} ${r.what} from ${r.first} to ${r.last}, and its counter says ${r.told}`,
      ),
    };
  },
};
