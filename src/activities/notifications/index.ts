import pMap from 'p-map';
import type { DomainEvent } from '../../events/index.ts';
import type { OpenOutcome } from '../../transport/dispatch.ts';
import { dead, defineEffect, laterIn, type OutsideCall, retry } from '../runtime/effect.ts';
import { MailError, type Mailer } from './mailer.ts';
import {
  compose,
  isWithinQuota,
  type MailQuota,
  markEmailed,
  type PendingMail,
  pendingMails,
  readMail,
} from './mails.ts';
import { notify } from './notify.ts';

export { createMailer, type Mailer } from './mailer.ts';

export interface NotificationDependencies {
  /** Null: nobody is e-mailed. */
  mailer: Pick<Mailer, 'send'> | null;
  /**
   * How long a notification may stay unread before it is e-mailed, in ms from when it was made.
   * Retries don't start it again.
   */
  graceMs: number;
  /** E-mails a workspace; default: any number. */
  quota?: MailQuota | null;
}

/**
 * What one call spends on sending, in ms. Mails it has not begun by then get calls of their own.
 */
const SENDING = 30_000;

/**
 * Calls of a process that send mails at once. The others come again: a slow mail server must not
 * hold up who is notified in the app.
 */
const MAILING = 3;

/** After how long they come again, in ms. */
const CROWDED = 2000;

/**
 * Notifies whom a message mentions, at once; and e-mails who has not read it when the grace period
 * is over. A recipient is a target: one whose mail is not taken fails and is retried alone.
 */
export const notifications = (deps: NotificationDependencies) => {
  let mailing = 0;
  return defineEffect({
    name: 'notifications',
    description:
      'Tells people that they were mentioned: in the app at once, by e-mail if they have not read it after a while.',
    on: ['message.created', 'message.updated', 'message.deleted'],
    timeout: '90s',
    retry: { attempts: 20, initial: '5s', backoff: 2, max: '1h' },
    async perform(events, call) {
      const mentioning = call.target === undefined ? await notify(call.db, events) : events;
      if (!deps.mailer || mentioning.length === 0) return [];
      const pending = await pendingMails(call.db, mentioning, deps.graceMs, call.target);
      const post = {
        call,
        mailer: deps.mailer,
        quota: deps.quota ?? null,
        until: performance.now() + SENDING,
      };
      const byId = new Map(mentioning.map((event) => [event.id, event]));
      const mails = pending.flatMap(
        (mail) => ({ mail, event: byId.get(mail.event_id) ?? [] }) as Mailing | [],
      );
      const due = mails.filter(({ mail }) => mail.due_in_ms <= 0);
      const waits = mails.filter(({ mail }) => mail.due_in_ms > 0).map(untilDue);
      if (due.length === 0) return together(waits, call);
      if (mailing >= MAILING)
        return together([...waits, ...due.map((one) => waiting(one, CROWDED))], call);
      mailing += 1;
      try {
        const sent = await pMap(due, (one) => send(one, post), { concurrency: 5 });
        return together([...waits, ...sent.flat()], call);
      } finally {
        mailing -= 1;
      }
    },
  });
};

interface Mailing {
  mail: PendingMail;
  event: DomainEvent;
}

interface Post {
  call: OutsideCall;
  mailer: Pick<Mailer, 'send'>;
  quota: MailQuota | null;
  until: number;
}

/** By the notification: a handle is a person's, and targets stand in histories. */
const targetOf = ({ mail, event }: Mailing) => ({ event, target: mail.notification_id });

/** Uses up no try. In whole seconds: what waits for the same one is called again together. */
const waiting = (one: Mailing, ms: number, reason?: string): OpenOutcome =>
  laterIn(targetOf(one), Math.ceil(ms / 1000) * 1000, reason);

/** `until` is said by the database's clock, as it stands there; how long that is, it says too. */
function untilDue(one: Mailing): OpenOutcome {
  return {
    event_id: one.event.id,
    target: one.mail.notification_id,
    state: 'later',
    until: one.mail.due,
    in_ms: Math.ceil(one.mail.due_in_ms),
  };
}

/**
 * An event of which all mails merely wait is answered as a whole, for the first of these moments:
 * events that wait for the same one then cost one timer and one call together.
 */
function together(outcomes: OpenOutcome[], { target }: OutsideCall): OpenOutcome[] {
  if (target !== undefined) return outcomes;
  const events = new Map<string, OpenOutcome[]>();
  for (const outcome of outcomes)
    events.set(outcome.event_id, [...(events.get(outcome.event_id) ?? []), outcome]);
  return [...events.values()].flatMap((own) => {
    const waits = own
      .filter((outcome) => outcome.state === 'later')
      .sort((a, b) => (a.in_ms ?? 0) - (b.in_ms ?? 0));
    const [first] = waits;
    return first && waits.length === own.length ? [{ ...first, target: undefined }] : own;
  });
}

/**
 * Sends one mail, then notes it: a crash in between sends it once more, under the same Message-ID.
 */
async function send(one: Mailing, { call, mailer, quota, until }: Post): Promise<OpenOutcome[]> {
  if (call.signal.aborted || performance.now() > until) return [waiting(one, 0)];
  const text = await readMail(call.db, one.mail.notification_id);
  // Read meanwhile, or withdrawn.
  if (!text) return [];
  // It stays a notification in the app, which says so.
  if (quota && !(await isWithinQuota(call.db, one.mail.notification_id, quota))) return [];
  try {
    await mailer.send(compose(text), call.signal);
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    return [outcomeOf(one, error)];
  }
  await markEmailed(call.db, one.mail.notification_id);
  return [];
}

/** Its reason stands in histories, so it names nobody. */
function outcomeOf(one: Mailing, { message, failure, final, inMs }: MailError): OpenOutcome {
  if (inMs !== undefined) return waiting(one, inMs, message);
  return final
    ? dead(targetOf(one), message, { cause: failure })
    : retry(targetOf(one), message, { cause: failure });
}
