import { type DomainEvent, defineEffect, sql, type Transaction } from '../../src/index.ts';

const kinds: Record<string, string> = {
  'message.created': 'said',
  'message.updated': 'corrected',
  'message.deleted': 'withdrew',
};

/**
 * Keeps a transcript of each channel: a numbered line for what was said, corrected or withdrawn, as
 * it happened. It needs `ordering: 'key'`: lines are numbered one after another, and a text
 * that was withdrawn must not come back because its deletion was handled before its message.
 */
export const transcripts = defineEffect({
  name: 'transcripts',
  description: 'Keeps a numbered transcript of each channel.',
  on: ['message.created', 'message.updated', 'message.deleted'],
  ordering: 'key',
  onPoison: 'block',
  async transact(tx, events) {
    await addLines(tx, events);
    const withdrawn = events
      .filter((event) => event.type === 'message.deleted')
      .map((event) => String(event.message_id));
    if (withdrawn.length > 0)
      await tx.execute(
        sql`update transcript_lines set text = ''
            where message_id = any(${sql.param(withdrawn)}::uuid[])`,
      );
  },
});

/**
 * In one statement, whatever the number of events and channels; the events come in the order of
 * their channels.
 */
async function addLines(tx: Transaction, events: DomainEvent[]): Promise<void> {
  const column = (pick: (event: DomainEvent) => string | null) => sql.param(events.map(pick));
  await tx.execute(sql`
    insert into transcript_lines (channel_id, line, message_id, said_at, author, text, kind)
    select
      channel_id, last_line + row_number() over (partition by channel_id order by place),
      message_id, said_at::timestamptz, author, text, kind
    from unnest(
      ${column((e) => e.channel_id)}::uuid[],
      ${column((e) => e.message_id)}::uuid[],
      ${column((e) => e.timestamp)}::text[],
      ${column((e) => String(e.payload.author))}::text[],
      ${column((e) => String(e.payload.text ?? ''))}::text[],
      ${column((e) => kinds[e.type] ?? e.type)}::text[]
    ) with ordinality as t (channel_id, message_id, said_at, author, text, kind, place)
    cross join lateral (
      select coalesce(max(line), 0) as last_line
      from transcript_lines l where l.channel_id = t.channel_id
    ) before`);
}
