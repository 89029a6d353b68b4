import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { fits, inPages, type Paged } from '../runtime/pages.ts';
import { findRecipients, type Mentioned, type Text } from './recipients.ts';

type Db = Database['db'];

interface Current extends Text, Paged {
  version: number;
  /** Its event has brought its notifications already. */
  notified: boolean;
}

/**
 * Makes the notifications of these events' messages fit what the messages say now, whichever event
 * comes first: who is newly mentioned is notified; who no longer is, or whose message is deleted,
 * and has not read it, is not any more.
 *
 * @returns the events whose messages mention somebody
 */
export async function notify(db: Db, events: DomainEvent[]): Promise<DomainEvent[]> {
  // Of several edits in a group the last one counts.
  const eventOf = new Map(
    events.flatMap((event) => (event.message_id ? [[event.message_id, event.id] as const] : [])),
  );
  const mentioning = new Set<string>();
  for await (const messages of inPages([...eventOf.keys()], (ids) =>
    currentMessages(db, ids, eventOf),
  ))
    for (const id of await notifyOf(db, messages, eventOf)) mentioning.add(id);
  return events.filter((event) => mentioning.has(event.message_id ?? ''));
}

/** @returns the messages that mention somebody */
async function notifyOf(
  db: Db,
  messages: Current[],
  eventOf: Map<string, string>,
): Promise<Set<string>> {
  const fresh = messages.filter((message) => !message.notified);
  const mentioned = await findRecipients(db, fresh);
  const mentioning = new Set(mentioned.map(({ message }) => message.id));
  const concerned = fresh.filter((message) => message.version > 1 || mentioning.has(message.id));
  if (concerned.length > 0) await write(db, concerned, mentioned, eventOf);
  for (const message of messages) if (message.notified) mentioning.add(message.id);
  return mentioning;
}

/** The text of a deleted message is empty. */
async function currentMessages(
  db: Db,
  ids: string[],
  eventOf: Map<string, string>,
): Promise<Current[]> {
  const rows = await db.execute(sql`
    select id, workspace_id, channel_id, seq, author, version, notified, bytes, ${fits} as fits, case when ${fits} then text end as text
    from (
      select m.id, m.workspace_id, m.channel_id, m.seq::float8 as seq, m.author, m.text, m.version, octet_length(m.text) as bytes,
        (select true from notifications n where n.message_id = m.id and n.event_id = e.event_id limit 1) is not null as notified
      from unnest(${sql.param(ids)}::uuid[], ${sql.param(ids.map((id) => eventOf.get(id)))}::uuid[]) as e (message_id, event_id)
        cross join lateral (select * from messages where id = e.message_id offset 0) m
    ) m window w as (order by id) order by id`);
  return rows as unknown as Current[];
}

/**
 * A message that was edited since it was read is left to the event of that edit: an older text
 * never overwrites a newer one.
 */
async function write(
  db: Db,
  messages: Current[],
  mentioned: Mentioned[],
  eventOf: Map<string, string>,
): Promise<void> {
  const column = <T>(list: T[], pick: (item: T) => string | number | undefined) =>
    sql.param(list.map(pick));
  await db.execute(sql`
    with held as (
      select m.* from messages m
      join unnest(${column(messages, (m) => m.id)}::uuid[], ${column(messages, (m) => m.version)}::int[]) as r (id, version)
        on m.id = r.id and m.version = r.version
      -- Once more, so that they are looked up by their ids whatever the planner thinks of their number.
      where m.id = any(${column(messages, (m) => m.id)}::uuid[])
      order by m.id for share of m
    ), mentioned as (
      select h.workspace_id, h.channel_id, h.id as message_id, t.event_id, t.recipient from unnest(
        ${column(mentioned, (m) => m.message.id)}::uuid[], ${column(mentioned, (m) => eventOf.get(m.message.id))}::uuid[],
        ${column(mentioned, (m) => m.recipient)}::text[]
      ) as t (message_id, event_id, recipient) join held h on h.id = t.message_id
    ), withdrawn as (
      delete from notifications n using held h
      where n.message_id = h.id and n.kind = 'mention' and n.read_at is null
        and not exists (select from mentioned m where m.message_id = n.message_id and m.recipient = n.recipient)
    )
    insert into notifications (workspace_id, channel_id, message_id, event_id, recipient, kind)
    select workspace_id, channel_id, message_id, event_id, recipient, 'mention' from mentioned order by message_id, recipient
    on conflict (message_id, recipient, kind) do nothing`);
}
