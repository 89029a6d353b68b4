import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { DomainEvent } from '../../events/index.ts';
import { isolated, withoutFormatting } from '../../text/formatting.ts';
import type { Mail } from './mailer.ts';

/** Most characters that a mail quotes of a message. */
const QUOTED = 500;

/** Blanks that are cut off before the first word. */
const BLANK = ' \t\r\n';

/** A notification that is to be e-mailed, now or later. */
export interface PendingMail {
  notification_id: string;
  event_id: string;
  /** When the grace period ends, by the database's clock: RFC 3339. */
  due: string;
  /** The same, from now, in ms. */
  due_in_ms: number;
}

/** The content of a mail. */
export interface MailText {
  notification_id: string;
  recipient: string;
  email: string;
  display_name: string | null;
  author: string;
  channel: string;
  /** The beginning of the message, longer than the quote. */
  text: string;
}

/**
 * Notifications that are still to be e-mailed: unread, not e-mailed before, not over the quota. The
 * message is not deleted. The member has an address and wants mails.
 */
const wanted = sql`knockon.notifications n
  cross join lateral (
    select * from knockon.members where workspace_id = n.workspace_id
      and handle = n.recipient offset 0
  ) p
  cross join lateral (
    select author, text, deleted_at from knockon.messages where id = n.message_id offset 0
  ) m
  where n.read_at is null and n.emailed_at is null and n.email_over_quota_at is null
    and n.withdrawn_at is null and m.deleted_at is null and p.email is not null
    and p.emails = 'mentions'`;

/**
 * Finds the mails that are still to be sent for these events.
 *
 * @param graceMs how long after its notification a mail is due, by the database's clock
 * @param notificationId only this one
 */
export async function pendingMails(
  db: Database['db'],
  events: DomainEvent[],
  graceMs: number,
  notificationId?: string,
): Promise<PendingMail[]> {
  const column = (pick: (event: DomainEvent) => string | null) => sql.param(events.map(pick));
  const only = notificationId ?? null;
  const rows = await db.execute(sql`
    select w.id as notification_id, w.event_id,
      to_char(w.due at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as due,
      extract(epoch from w.due - now())::float8 * 1000 as due_in_ms
    from unnest(
        ${column((e) => e.id)}::uuid[], ${column((e) => e.message_id)}::uuid[]
      ) as e (event_id, message_id)
      cross join lateral (
        select n.id, n.event_id, n.created_at + ${graceMs} * interval '1 ms' as due from ${wanted}
          and n.message_id = e.message_id and n.event_id = e.event_id
          and (${only}::text is null or n.id::text = ${only})
        offset 0
      ) w
    order by w.id`);
  return rows as unknown as PendingMail[];
}

/** Reads a mail just before it is sent. Null if it is no longer wanted. */
export async function readMail(
  db: Database['db'],
  notificationId: string,
): Promise<MailText | null> {
  const [row] = await db.execute(sql`
    select w.*, c.name as channel from (
      select n.id as notification_id, n.recipient, n.channel_id, p.email, p.display_name, m.author,
        left(ltrim(m.text, ${BLANK}), ${4 * QUOTED}) as text
      from ${wanted} and n.id = ${notificationId}
    ) w join knockon.channels c on c.id = w.channel_id`);
  return (row as unknown as MailText | undefined) ?? null;
}

/** Most e-mails to a workspace within a time. */
export interface MailQuota {
  mails: number;
  seconds: number;
}

/**
 * Counts an e-mail against its workspace's quota, once for all attempts. A mail over the quota is
 * marked as such and not sent. From then on the notification is kept even if it is withdrawn: a
 * person gets one mail of a message.
 *
 * @returns whether it may be sent
 */
export async function beginMail(
  db: Database['db'],
  notificationId: string,
  quota: MailQuota | null,
): Promise<boolean> {
  if (quota) return await isWithinQuota(db, notificationId, quota);
  const rows = await db.execute(sql`
    update knockon.notifications set email_counted_at = coalesce(email_counted_at, now())
    where id = ${notificationId} and withdrawn_at is null and email_over_quota_at is null
    returning id`);
  return rows.length > 0;
}

async function isWithinQuota(
  db: Database['db'],
  notificationId: string,
  { mails, seconds }: MailQuota,
): Promise<boolean> {
  const isOver = sql`q.began_at <= now() - make_interval(secs => ${seconds})`;
  const [row] = await db.execute<{ is_within: boolean }>(sql`
    with one as (
      -- Waits for another call with the same mail, and sees what that has written.
      select id, workspace_id, email_counted_at, email_over_quota_at
      from knockon.notifications where id = ${notificationId} for update
    ), counted as (
      insert into knockon.mail_quotas as q (workspace_id, began_at, mails)
      select workspace_id, now(), 1 from one where email_counted_at is null
      on conflict (workspace_id) do update set
        began_at = case when ${isOver} then now() else q.began_at end,
        -- Mails over the quota count as one.
        mails = case when ${isOver} then 1 else least(q.mails, ${mails}) + 1 end
      returning mails <= ${mails} as is_within
    ), noted as (
      update knockon.notifications n set email_counted_at = now(),
        email_over_quota_at = case when c.is_within then null else now() end
      from one, counted c where n.id = one.id returning c.is_within
    )
    select coalesce((select is_within from noted), email_over_quota_at is null) as is_within
    from one`);
  return row?.is_within ?? false;
}

export async function markEmailed(db: Database['db'], notificationId: string): Promise<void> {
  await db.execute(sql`
    update knockon.notifications set emailed_at = now()
    where id = ${notificationId} and emailed_at is null`);
}

/**
 * The mail of a notification. Its id is the notification's, so a crash between sending and marking
 * it repeats the same mail.
 */
export function compose(pending: MailText): Mail {
  const author = isolated(oneLine(pending.author));
  const subject = `${author} mentioned you in #${isolated(oneLine(pending.channel))}`;
  const quote = excerpt(pending.text)
    .split('\n')
    .map((line) => `> ${line}`);
  return {
    to: { name: oneLine(pending.display_name ?? pending.recipient), address: pending.email },
    subject,
    text: [
      `${subject}:`,
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

/** For headers: anything that could end the line becomes a space. */
function oneLine(text: string): string {
  const plain = withoutFormatting(text.replace(/[\t-\r\x85\u2028\u2029]+/gu, ' '));
  return Array.from(plain.replace(control, ' ').trim()).slice(0, 100).join('');
}

function excerpt(text: string): string {
  const lines = withoutFormatting(text)
    .split(/\r\n|[\n-\r\x85\u2028\u2029]/u)
    .map((line) => line.replace(control, ' '));
  const letters = Array.from(lines.join('\n').trim());
  return letters.length > QUOTED ? `${letters.slice(0, QUOTED).join('')}…` : letters.join('');
}
