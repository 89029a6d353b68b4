import { addressOf } from '../traffic/workspace.ts';
import type { Check } from './check.ts';

/**
 * Nobody reads what they are notified of, so each notification that stays is e-mailed. One that was
 * withdrawn is kept for the sake of its mail, which came or was about to.
 */
export const mails: Check = {
  promise:
    'whoever did not read of a mention had its mail, always with the same Message-ID, and no other mail was sent',
  async look({ pg, mailbox }) {
    const rows = await pg<{ id: string; recipient: string; emailed: boolean }[]>`
      select id, recipient, emailed_at is not null as emailed from knockon.notifications
      where withdrawn_at is null or emailed_at is not null`;
    const came = new Map(
      [...mailbox.mails].map(([which, times]) => [notificationOf(which), times]),
    );
    const wrong = rows.flatMap(({ id, recipient, emailed }) => {
      const isThere = came.has(`${id} ${addressOf(recipient)}`);
      return isThere && emailed
        ? []
        : [
            `notification ${id} of ${recipient}: ${isThere ? 'its mail came and is not noted' : 'no mail came'}`,
          ];
    });
    if (came.size < mailbox.mails.size)
      wrong.push(`${mailbox.mails.size - came.size} mails came under another Message-ID once more`);
    const gone = await pg<
      { n: number }[]
    >`select count(*)::int as n from knockon.messages where deleted_at is not null`;
    // A mail may have been sent just before its message was deleted: one at most for each.
    const surplus = came.size - rows.length;
    if (surplus > (gone[0]?.n ?? 0))
      wrong.push(`${surplus} mails came of which there are no notifications`);
    return { examined: rows.length, wrong };
  },
};

/** `<mention.ID@host> ada@example.com` → `ID ada@example.com` */
const notificationOf = (which: string) => which.replace(/^<mention\.([^@>]+)[^>]*>/, '$1');
