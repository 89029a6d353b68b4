import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { fits, inPages, type Paged } from '../runtime/pages.ts';
import { findRecipients, type Mentioned, type Text } from './recipients.ts';

type Db = Database['db'];

interface Current extends Text, Paged {
  version: number;
  /** Its event has made its notifications already. */
  notified: boolean;
  /** It may notify people: it is no message from long ago, or says so. */
  notifies: boolean;
}

/**
 * Makes notifications match what the messages say now, in whatever order the events come. New
 * mentions are notified. Unread notifications are withdrawn if the mention or the message is gone.
 *
 * @param ageMs a message that was sent so long before it was stored notifies nobody, unless it says
 * `notify` (default: messages of any age do)
 * @returns the events whose messages mention somebody
 */
export async function notify(
  db: Db,
  events: DomainEvent[],
  ageMs: number | null = null,
): Promise<DomainEvent[]> {
  // Of several edits the last one counts.
  const eventOf = new Map(
    events.flatMap((event) => (event.message_id ? [[event.message_id, event.id] as const] : [])),
  );
  const mentioning = new Set<string>();
  const readPage = (ids: string[]) => currentMessages(db, ids, eventOf, ageMs);
  for await (const messages of inPages([...eventOf.keys()], readPage))
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
  const mentioned = await findRecipients(
    db,
    fresh.filter(({ notifies }) => notifies),
  );
  const mentioning = new Set(mentioned.map(({ message }) => message.id));
  const affected = fresh.filter((message) => message.version > 1 || mentioning.has(message.id));
  if (affected.length > 0) await write(db, affected, mentioned, eventOf);
  for (const message of messages) if (message.notified) mentioning.add(message.id);
  return mentioning;
}

/** The text of a deleted message is empty. */
async function currentMessages(
  db: Db,
  ids: string[],
  eventOf: Map<string, string>,
  ageMs: number | null,
): Promise<Current[]> {
  const rows = await db.execute(sql`
    select id, workspace_id, channel_id, seq, author, version, notified, notifies, bytes,
      ${fits} as fits,
      case when ${fits} then text end as text
    from (
      select m.id, m.workspace_id, m.channel_id, m.seq::float8 as seq, m.author, m.text, m.version,
        octet_length(m.text) as bytes,
        coalesce(m.notify, m.created_at - m.sent_at < ${ageMs}::float8 * interval '1 ms', true)
          as notifies,
        (select true from knockon.notifications n
          where n.message_id = m.id and n.event_id = e.event_id limit 1) is not null as notified
      from unnest(
          ${sql.param(ids)}::uuid[], ${sql.param(ids.map((id) => eventOf.get(id)))}::uuid[]
        ) as e (message_id, event_id)
        cross join lateral (select * from knockon.messages where id = e.message_id offset 0) m
    ) m window w as (order by id) order by id`);
  return rows as unknown as Current[];
}

/**
 * Leaves out a message that was edited since it was read: the event of that edit follows. So an
 * older text never overwrites a newer one.
 */
async function write(
  db: Db,
  messages: Current[],
  mentioned: Mentioned[],
  eventOf: Map<string, string>,
): Promise<void> {
  const column = <T>(list: T[], pick: (item: T) => string | number | undefined) =>
    sql.param(list.map(pick));
  const ids = column(messages, (m) => m.id);
  await db.execute(sql`
    with locked as (
      select m.* from knockon.messages m
      join unnest(${ids}::uuid[], ${column(messages, (m) => m.version)}::int[]) as r (id, version)
        on m.id = r.id and m.version = r.version
      -- The planner then looks messages up by their ids, whatever it thinks of their number.
      where m.id = any(${ids}::uuid[])
      order by m.id for share of m
    ), mentioned as (
      select l.workspace_id, l.channel_id, l.id as message_id, t.event_id, t.recipient from unnest(
        ${column(mentioned, (m) => m.message.id)}::uuid[],
        ${column(mentioned, (m) => eventOf.get(m.message.id))}::uuid[],
        ${column(mentioned, (m) => m.recipient)}::text[]
      ) as t (message_id, event_id, recipient) join locked l on l.id = t.message_id
    ), gone as (
      select n.id, n.email_counted_at is not null as is_begun
      from knockon.notifications n join locked l on n.message_id = l.id
      where n.kind = 'mention' and n.read_at is null and n.withdrawn_at is null
        and not exists (
          select from mentioned m where m.message_id = n.message_id and m.recipient = n.recipient
        )
      for update of n
    ), deleted as (
      delete from knockon.notifications n using gone g
      where n.id = g.id and not g.is_begun
    ), withdrawn as (
      update knockon.notifications n set withdrawn_at = now() from gone g
      where n.id = g.id and g.is_begun
    )
    insert into knockon.notifications as n
      (workspace_id, channel_id, message_id, event_id, recipient, kind)
    select workspace_id, channel_id, message_id, event_id, recipient, 'mention' from mentioned
    order by message_id, recipient
    on conflict (message_id, recipient, kind) do update
      set withdrawn_at = null, event_id = excluded.event_id, created_at = now()
      where n.withdrawn_at is not null`);
}
