import pMap from 'p-map';
import type { DomainEvent } from '../../events/index.ts';
import type { OpenOutcome } from '../../transport/dispatch.ts';
import { dead, defineEffect, later, type OutsideCall, retry } from '../runtime/effect.ts';
import { MailError, type Mailer } from './mailer.ts';
import { compose, markEmailed, type PendingMail, pendingMails } from './mails.ts';
import { notify } from './notify.ts';

export { createMailer, type Mailer } from './mailer.ts';

export interface NotificationDependencies {
  /** Null: nobody is e-mailed. */
  mailer: Pick<Mailer, 'send'> | null;
  /** How long a notification may stay unread before it is e-mailed, in ms from when it was made. Retries don't start it again. */
  graceMs: number;
}

/** What one call spends on sending, in ms. Mails it has not begun by then get calls of their own. */
const SENDING = 40_000;

/**
 * Notifies whom a message mentions, at once; and e-mails who has not read it when the grace period is over. A recipient is a
 * target: one whose mail is not taken fails and is retried alone.
 */
export const notifications = (deps: NotificationDependencies) =>
  defineEffect({
    name: 'notifications',
    description: 'Tells people that they were mentioned: in the app at once, by e-mail if they have not read it after a while.',
    on: ['message.created', 'message.updated', 'message.deleted'],
    timeout: '90s',
    retry: { attempts: 20, initial: '5s', backoff: 2, max: '1h' },
    async perform(events, call) {
      const mentioning = call.target === undefined ? await notify(call.db, events) : events;
      if (!deps.mailer || mentioning.length === 0) return [];
      const pending = await pendingMails(call.db, mentioning, deps.graceMs, call.target);
      return await settle(events, pending, call, deps.mailer);
    },
  });

async function settle(
  events: DomainEvent[],
  pending: PendingMail[],
  call: OutsideCall,
  mailer: Pick<Mailer, 'send'>,
): Promise<OpenOutcome[]> {
  if (pending.length === 0) return [];
  const waiting = new Map<string, Date>();
  for (const { event_id, due, is_due } of pending) if (!is_due) waiting.set(event_id, new Date(due));
  const byId = new Map(events.map((event) => [event.id, event]));
  const until = performance.now() + SENDING;
  const sent = await pMap(
    pending.filter((mail) => !waiting.has(mail.event_id)),
    async (mail) => {
      const event = byId.get(mail.event_id);
      return event ? await send({ mail, event, call, mailer, until }) : [];
    },
    { concurrency: 5 },
  );
  const waits = [...waiting].flatMap(([id, due]) => {
    const event = byId.get(id);
    return event ? [later(event, due)] : [];
  });
  return [...waits, ...sent.flat()];
}

interface Sending {
  mail: PendingMail;
  event: DomainEvent;
  call: OutsideCall;
  mailer: Pick<Mailer, 'send'>;
  until: number;
}

/** Sends one mail, then notes it: a crash in between sends it once more, under the same Message-ID. */
async function send({ mail, event, call, mailer, until }: Sending): Promise<OpenOutcome[]> {
  const which = { event, target: mail.recipient };
  if (call.signal.aborted || performance.now() > until) return [later(which, new Date())];
  try {
    await mailer.send(compose(mail));
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    const reason = `the mail to ${mail.recipient} was not taken: ${error.message}`;
    return [error.final ? dead(which, reason, { cause: error.failure }) : retry(which, reason, { cause: error.failure })];
  }
  await markEmailed(call.db, mail.notification_id);
  return [];
}
