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
  messages: 1 | 0 | -1;
}

/** A channel whose summary this transaction holds until it ends. */
export interface Held {
  channel_id: string;
  /** How many more authors have messages now than before. */
  authors: number;
  /** No message above this one can be the last, as far as the events seen so far tell. */
  top_seq: number;
}

/**
 * Adds the deltas to the channels' and the authors' sums. Channels are held in the order of their
 * ids, so that two groups can't wait for each other; who holds a channel holds its authors.
 */
export async function addDeltas(tx: Transaction, deltas: Delta[]): Promise<Held[]> {
  const column = (pick: (delta: Delta) => string | number) => sql.param(deltas.map(pick));
  const rows = await tx.execute(sql`
    with input as materialized (
      select channel_id, workspace_id, author, sum(messages) as messages, max(seq) as top_seq from unnest(
        ${column((d) => d.channel_id)}::uuid[], ${column((d) => d.workspace_id)}::uuid[], ${column((d) => d.author)}::text[],
        ${column((d) => d.seq)}::bigint[], ${column((d) => d.messages)}::int[]
      ) as t (channel_id, workspace_id, author, seq, messages) group by channel_id, workspace_id, author
    ), held as (
      insert into channel_summaries as s (channel_id, workspace_id, messages)
      select channel_id, workspace_id, sum(messages) from input group by channel_id, workspace_id order by channel_id
      on conflict (channel_id) do update set messages = s.messages + excluded.messages
      returning channel_id, (last_message ->> 'seq')::bigint as last_seq
    ), authors as (
      insert into channel_authors as a (channel_id, author, messages)
      select channel_id, author, messages from input join held using (channel_id) where messages <> 0 order by channel_id, author
      on conflict (channel_id, author) do update set messages = a.messages + excluded.messages
      returning channel_id, author, messages
    )
    select channel_id, greatest(h.last_seq, i.top_seq)::float8 as top_seq, coalesce(a.change, 0)::int as authors
    from held h
      join (select channel_id, max(top_seq) as top_seq from input group by channel_id) i using (channel_id)
      left join (
        select a.channel_id, sum((a.messages > 0)::int - (a.messages - i.messages > 0)::int) as change
        from authors a join input i on i.channel_id = a.channel_id and i.author = a.author group by a.channel_id
      ) a using (channel_id)`);
  return rows as unknown as Held[];
}

/** Writes the held channels' summaries and returns them. */
export async function writeSummaries(
  tx: Transaction,
  held: Held[],
  last: Map<string, Message>,
): Promise<ChannelSummary[]> {
  const column = (pick: (channel: Held) => string | number | null) => sql.param(held.map(pick));
  const json = (message: Message | undefined) => (message ? JSON.stringify(message) : null);
  const rows = await tx.execute(sql`
    update channel_summaries s
    set authors = s.authors + t.authors, last_message = t.last_message::jsonb, last_activity_at = t.sent_at::timestamptz
    from unnest(
      ${column((h) => h.channel_id)}::uuid[], ${column((h) => h.authors)}::int[], ${column((h) => json(last.get(h.channel_id)))}::text[],
      ${column((h) => last.get(h.channel_id)?.sent_at ?? null)}::text[]
    ) as t (channel_id, authors, last_message, sent_at)
    where s.channel_id = t.channel_id
    returning s.channel_id, s.messages, s.authors, s.last_message`);
  return (rows as unknown as Parameters<typeof toSummary>[0][]).map(toSummary);
}
