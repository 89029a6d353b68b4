import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import type { Mail } from './mailer.ts';

/** Most characters of a message that a mail quotes. */
const QUOTED = 500;

/** What may stand before a text's first word. */
const BLANK = ' \t\r\n';

/** A notification that is to be e-mailed, now or later. */
export interface PendingMail {
  notification_id: string;
  event_id: string;
  /** When the grace period ends: RFC 3339, and from now, in ms; both by the database's clock. */
  due: string;
  due_in_ms: number;
}

/** What a mail is made of. */
export interface MailText {
  notification_id: string;
  recipient: string;
  email: string;
  display_name: string | null;
  author: string;
  channel: string;
  /** The beginning of the message, longer than what is quoted. */
  text: string;
}

/**
 * Notifications that are still to be e-mailed: unread, the message not deleted, not e-mailed
 * before, within the quota, to a member with an address who wants it.
 */
const wanted = sql`notifications n
  cross join lateral (select * from members where workspace_id = n.workspace_id and handle = n.recipient offset 0) p
  cross join lateral (select author, text, deleted_at from messages where id = n.message_id offset 0) m
  where n.read_at is null and n.emailed_at is null and n.email_over_quota_at is null and m.deleted_at is null and p.email is not null and p.emails = 'mentions'`;

/**
 * What of these events is still to be e-mailed.
 *
 * @param graceMs how long after the notification; the database's clock decides
 * @param notificationId this one alone
 */
export async function pendingMails(
  db: Database['db'],
  events: DomainEvent[],
  graceMs: number,
  notificationId?: string,
): Promise<PendingMail[]> {
  const column = (pick: (event: DomainEvent) => string | null) => sql.param(events.map(pick));
  const rows = await db.execute(sql`
    select w.id as notification_id, w.event_id,
      to_char(w.due at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as due,
      extract(epoch from w.due - now())::float8 * 1000 as due_in_ms
    from unnest(${column((e) => e.id)}::uuid[], ${column((e) => e.message_id)}::uuid[]) as e (event_id, message_id)
      cross join lateral (
        select n.id, n.event_id, n.created_at + ${graceMs} * interval '1 ms' as due from ${wanted}
          and n.message_id = e.message_id and n.event_id = e.event_id
          and (${notificationId ?? null}::text is null or n.id::text = ${notificationId ?? null})
        offset 0
      ) w
    order by w.id`);
  return rows as unknown as PendingMail[];
}

/** What to write to whom, just before it is sent; null where it is no longer wanted. */
export async function readMail(
  db: Database['db'],
  notificationId: string,
): Promise<MailText | null> {
  const [row] = await db.execute(sql`
    select w.*, c.name as channel from (
      select n.id as notification_id, n.recipient, n.channel_id, p.email, p.display_name, m.author,
        left(ltrim(m.text, ${BLANK}), ${4 * QUOTED}) as text
      from ${wanted} and n.id = ${notificationId}
    ) w join channels c on c.id = w.channel_id`);
  return (row as unknown as MailText | undefined) ?? null;
}

/** How many e-mails a workspace may have sent, and in which time. */
export interface MailQuota {
  mails: number;
  seconds: number;
}

/**
 * Counts an e-mail against its workspace's quota, once, however often it is tried. One that is over
 * the quota is noted, and is not sent.
 *
 * @returns whether it may be sent
 */
export async function isWithinQuota(
  db: Database['db'],
  notificationId: string,
  { mails, seconds }: MailQuota,
): Promise<boolean> {
  const [row] = await db.execute<{ is_within: boolean }>(sql`
    with one as (
      -- As it is once another call that was at it has ended.
      select id, workspace_id, email_counted_at, email_over_quota_at from notifications where id = ${notificationId} for update
    ), counted as (
      insert into mail_quotas as q (workspace_id, began_at, mails) select workspace_id, now(), 1 from one where email_counted_at is null
      on conflict (workspace_id) do update set
        began_at = case when q.began_at <= now() - make_interval(secs => ${seconds}) then now() else q.began_at end,
        -- Beyond the quota they are not counted on.
        mails = case when q.began_at <= now() - make_interval(secs => ${seconds}) then 1 else least(q.mails, ${mails}) + 1 end
      returning mails <= ${mails} as is_within
    ), noted as (
      update notifications n set email_counted_at = now(), email_over_quota_at = case when c.is_within then null else now() end
      from one, counted c where n.id = one.id returning c.is_within
    )
    select coalesce((select is_within from noted), email_over_quota_at is null) as is_within from one`);
  return row?.is_within ?? false;
}

export async function markEmailed(db: Database['db'], notificationId: string): Promise<void> {
  await db.execute(
    sql`update notifications set emailed_at = now() where id = ${notificationId} and emailed_at is null`,
  );
}

/**
 * The mail of a notification. Its id is the notification's, so a crash between sending and noting
 * it repeats the same mail.
 */
export function compose(pending: MailText): Mail {
  const said = `${oneLine(pending.author)} mentioned you in #${oneLine(pending.channel)}`;
  const quote = excerpt(pending.text)
    .split('\n')
    .map((line) => `> ${line}`);
  return {
    to: { name: oneLine(pending.display_name ?? pending.recipient), address: pending.email },
    subject: said,
    text: [
      `${said}:`,
      '',
      ...quote,
      '',
      'You get this mail because you had not read it yet.',
      '',
    ].join('\n'),
    id: `mention.${pending.notification_id}`,
  };
}

const control = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/** For headers: whatever could end the line becomes a space. */
function oneLine(text: string): string {
  return Array.from(text.replace(control, ' ').trim()).slice(0, 100).join('');
}

function excerpt(text: string): string {
  const lines = text.split(/\r\n|[\n\r\u2028\u2029]/u).map((line) => line.replace(control, ' '));
  const letters = Array.from(lines.join('\n').trim());
  return letters.length > QUOTED ? `${letters.slice(0, QUOTED).join('')}…` : letters.join('');
}
