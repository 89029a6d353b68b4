import { sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { createPauses } from '../../pauses.ts';
import { findMentions, type Mention } from './mentions.ts';

/** A message, as far as its mentions need it. */
export interface Text {
  id: string;
  workspace_id: string;
  channel_id: string;
  seq: number;
  author: string;
  text: string;
}

/** A person to notify. */
export interface Mentioned {
  message: Text;
  recipient: string;
}

/** Mentions in one query. A text may have 50 of 8 readings each, and a call 2,000 texts. */
const MENTIONS_AT_ONCE = 1000;

/**
 * Finds the people whom messages mention. Known are the workspace's members and everybody who has
 * written in the channel before. Their exact spelling comes first, then any other case. An unknown
 * `@name` is taken as written. Authors do not notify themselves.
 */
export async function findRecipients(
  db: Database['db'] | Transaction,
  texts: Text[],
): Promise<Mentioned[]> {
  const mentions: { message: Text; mention: Mention }[] = [];
  const pause = createPauses();
  for (const message of texts) {
    for (const mention of findMentions(message.text)) mentions.push({ message, mention });
    await pause();
  }
  const known = new Map<string, Spelling>();
  for (let i = 0; i < mentions.length; i += MENTIONS_AT_ONCE)
    for (const [name, spelling] of await spellings(db, mentions.slice(i, i + MENTIONS_AT_ONCE)))
      known.set(name, spelling);
  const found = new Map<string, Mentioned>();
  for (const { message, mention } of mentions) {
    const recipient = recipientOf(message, mention, known);
    if (recipient !== null && recipient !== message.author)
      found.set(`${message.id} ${recipient}`, { message, recipient });
  }
  return [...found.values()];
}

type Spelling = { exact: boolean; spelling: string };

/** The first reading that is somebody's exact spelling, else in any case, else the fallback. */
function recipientOf(
  message: Text,
  { readings, fallback }: Mention,
  known: Map<string, Spelling>,
): string | null {
  const found = readings.flatMap((reading) => known.get(`${message.id} ${reading}`) ?? []);
  return (found.find(({ exact }) => exact) ?? found[0])?.spelling ?? fallback;
}

/**
 * Looks up in one query how known people spell these names, by message and name. The author counts
 * as known, so that authors do not notify themselves in another case.
 */
async function spellings(
  db: Database['db'] | Transaction,
  mentions: { message: Text; mention: Mention }[],
): Promise<Map<string, Spelling>> {
  const asked = mentions.flatMap(({ message, mention }) =>
    mention.readings.map((name) => ({ ...message, name })),
  );
  const column = (pick: (name: (typeof asked)[number]) => string | number) =>
    sql.param(asked.map(pick));
  const rows = await db.execute<{ id: string; name: string; exact: boolean; spelling: string }>(sql`
    with asked as (
      select *, lower(name) as folded from unnest(
        ${column((a) => a.id)}::uuid[], ${column((a) => a.workspace_id)}::uuid[],
        ${column((a) => a.channel_id)}::uuid[], ${column((a) => a.seq)}::bigint[],
        ${column((a) => a.author)}::text[], ${column((a) => a.name)}::text[]
      ) as t (id, workspace_id, channel_id, seq, author, name)
    ), known as (
      select a.id, a.name,
        a.name = a.author
          or exists (
            select from knockon.members m where m.workspace_id = a.workspace_id
              and m.handle = a.name
          )
          or exists (
            select from knockon.messages m where m.channel_id = a.channel_id
              and lower(m.author) = a.folded and m.author = a.name and m.seq < a.seq
          ) as exact,
        case when a.folded = lower(a.author) then a.author end as own,
        (select min(m.handle) from knockon.members m
          where m.workspace_id = a.workspace_id and lower(m.handle) = a.folded) as member,
        (select m.author from knockon.messages m
          where m.channel_id = a.channel_id and lower(m.author) = a.folded and m.seq < a.seq
          order by m.seq limit 1) as author
      from asked a
    )
    select id, name, exact,
      case when exact then name else coalesce(own, member, author) end as spelling
    from known where exact or coalesce(own, member, author) is not null`);
  return new Map(rows.map((row) => [`${row.id} ${row.name}`, row]));
}
