import { type Check, idsOf } from './check.ts';

/** Sums against what a count of the messages gives. */
export const analytics: Check = {
  promise: 'analytics count every living message once: by channel, quarter of an hour and author',
  async look({ pg }) {
    const rows = await pg<
      { channel_id: string; quarter: Date; author: string; there: number; told: number }[]
    >`
      with there as (
        select channel_id, date_bin('15 minutes', sent_at, 'epoch') as quarter, author, count(*)::int as messages
        from knockon.messages where deleted_at is null group by 1, 2, 3
      )
      select channel_id, quarter, author, coalesce(t.messages, 0) as there, coalesce(a.messages, 0) as told
      from there t full join knockon.analytics_quarters a using (channel_id, quarter, author)`;
    const wrong = rows.filter(({ there, told }) => there !== told);
    return {
      examined: rows.length,
      wrong: wrong.map(
        (r) =>
          `channel ${r.channel_id}, ${r.quarter.toISOString()}, ${r.author}: ${r.there} messages, and ${r.told} counted`,
      ),
    };
  },
};

/** Each channel's summary against its messages. */
export const summaries: Check = {
  promise:
    "every channel's summary says how many messages and authors there are, and which is the last message",
  async look({ pg }) {
    const rows = await pg<
      { id: string; there: Record<string, unknown>; told: Record<string, unknown> | null }[]
    >`
      select c.id,
        jsonb_build_object('messages', count(m.id), 'authors', count(distinct m.author),
          'last', (array_agg(m.id order by m.sent_at desc, m.seq desc))[1], 'text', (array_agg(m.text order by m.sent_at desc, m.seq desc))[1]) as there,
        (select jsonb_build_object('messages', s.messages, 'authors', s.authors, 'last', s.last_message -> 'id', 'text', s.last_message -> 'text')
          from knockon.channel_summaries s where s.channel_id = c.id) as told
      from knockon.channels c join knockon.messages m on m.channel_id = c.id and m.deleted_at is null group by c.id`;
    const wrong = rows.filter(({ there, told }) =>
      Object.keys(there).some((name) => there[name] !== told?.[name]),
    );
    return {
      examined: rows.length,
      wrong: wrong.map(
        (r) =>
          `channel ${r.id}: ${JSON.stringify(r.told)} and should be ${JSON.stringify(r.there)}`,
      ),
    };
  },
};

/**
 * Members who are mentioned, against notifications. Nobody reads any of them, so none is kept for
 * having been read.
 */
export const notifications: Check = {
  promise: 'whoever is mentioned in a living message has one notification of it, and nobody else',
  async look({ pg, journal, workspaces }) {
    const mentioning = journal.messages.filter(
      (message) => message.mention !== null && !message.isDeleted,
    );
    const rows = await pg<{ message_id: string; recipient: string; count: number }[]>`
      select message_id, recipient, count(*)::int from knockon.notifications
      where workspace_id = any(${idsOf(workspaces)}) and withdrawn_at is null group by 1, 2`;
    const name = (message: string, recipient: string | null) => `message ${message}, ${recipient}`;
    const expected = new Set(mentioning.map(({ id, mention }) => name(id, mention)));
    const there = new Map(rows.map((row) => [name(row.message_id, row.recipient), row.count]));
    const wrong = [...new Set([...expected, ...there.keys()])].flatMap((which) => {
      const [wanted, count] = [expected.has(which) ? 1 : 0, there.get(which) ?? 0];
      return wanted === count ? [] : [`${which}: ${count} notifications instead of ${wanted}`];
    });
    return { examined: expected.size, wrong };
  },
};
