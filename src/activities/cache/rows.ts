import { sql } from 'drizzle-orm';
import type { Transaction } from '../../db/client.ts';
import type { Message } from '../../messages/message.ts';
import { type ChannelSummary, toSummary } from './summary.ts';

/** What an event changes. */
export interface Delta {
  workspace_id: string;
  channel_id: string;
  author: string;
  /** The message's. */
  seq: number;
  /** The message's, RFC 3339; `-infinity` where it is none. */
  sent_at: string;
  messages: 1 | 0 | -1;
}

/** A channel whose summary is locked until the transaction ends. */
export interface LockedChannel {
  channel_id: string;
  /** How many more authors have messages now than before. */
  authors: number;
  /** No message after this one can be the last, as far as the events so far tell. */
  top_at: string;
  top_seq: number;
}

/**
 * Adds the deltas to the sums of channels and authors. Locks channels in the order of their ids to
 * avoid deadlocks. A channel's lock also covers its authors.
 */
export async function addDeltas(tx: Transaction, deltas: Delta[]): Promise<LockedChannel[]> {
  const column = (pick: (delta: Delta) => string | number) => sql.param(deltas.map(pick));
  const rows = await tx.execute(sql`
    with input as materialized (
      select channel_id, workspace_id, author, sent_at::timestamptz, seq, messages
      from unnest(
        ${column((d) => d.channel_id)}::uuid[], ${column((d) => d.workspace_id)}::uuid[],
        ${column((d) => d.author)}::text[], ${column((d) => d.sent_at)}::text[],
        ${column((d) => d.seq)}::bigint[], ${column((d) => d.messages)}::int[]
      ) as t (channel_id, workspace_id, author, sent_at, seq, messages)
    ), sums as materialized (
      select channel_id, author, sum(messages) as messages from input group by channel_id, author
    ), locked as (
      insert into knockon.channel_summaries as s (channel_id, workspace_id, messages)
      select channel_id, workspace_id, sum(messages) from input
      group by channel_id, workspace_id order by channel_id
      on conflict (channel_id) do update set messages = s.messages + excluded.messages
      returning channel_id, last_activity_at as last_at, (last_message ->> 'seq')::bigint as last_seq
    ), authors as (
      insert into knockon.channel_authors as a (channel_id, author, messages)
      select channel_id, author, messages from sums join locked using (channel_id)
      where messages <> 0 order by channel_id, author
      on conflict (channel_id, author) do update set messages = a.messages + excluded.messages
      returning channel_id, author, messages
    )
    select channel_id, t.sent_at::text as top_at, t.seq::float8 as top_seq,
      coalesce(a.change, 0)::int as authors
    from (
      select distinct on (channel_id) channel_id, sent_at, seq from (
        select channel_id, sent_at, seq from input
        union all select channel_id, last_at, last_seq from locked where last_seq is not null
      ) any_of order by channel_id, sent_at desc, seq desc
    ) t
      left join (
        select a.channel_id,
          sum((a.messages > 0)::int - (a.messages - s.messages > 0)::int) as change
        from authors a join sums s on s.channel_id = a.channel_id and s.author = a.author
        group by a.channel_id
      ) a using (channel_id)`);
  return rows as unknown as LockedChannel[];
}

/** Writes the locked channels' summaries and returns them. */
export async function writeSummaries(
  tx: Transaction,
  channels: LockedChannel[],
  last: Map<string, Message>,
): Promise<ChannelSummary[]> {
  const column = (pick: (channel: LockedChannel) => string | number | null) =>
    sql.param(channels.map(pick));
  const lastOf = ({ channel_id }: LockedChannel) => last.get(channel_id);
  const json = (message: Message | undefined) => (message ? JSON.stringify(message) : null);
  const rows = await tx.execute(sql`
    update knockon.channel_summaries s
    set authors = s.authors + t.authors, last_message = t.last_message::jsonb,
      last_activity_at = t.sent_at::timestamptz
    from unnest(
      ${column((c) => c.channel_id)}::uuid[], ${column((c) => c.authors)}::int[],
      ${column((c) => json(lastOf(c)))}::text[],
      ${column((c) => lastOf(c)?.sent_at ?? null)}::text[]
    ) as t (channel_id, authors, last_message, sent_at)
    where s.channel_id = t.channel_id
    returning s.channel_id, s.messages, s.authors, s.last_message`);
  return (rows as unknown as Parameters<typeof toSummary>[0][]).map(toSummary);
}
