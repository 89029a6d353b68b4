import pMap from 'p-map';
import type { DomainEvent } from '../../events/index.ts';
import { groupBy } from '../../group-by.ts';
import type { OpenOutcome } from '../../transport/dispatch.ts';
import { defineEffect, type OutsideCall } from '../runtime/effect.ts';
import { dead, laterIn, retry } from '../runtime/outcomes.ts';
import { MailError, type Mailer } from './mailer.ts';
import {
  beginMail,
  compose,
  type MailQuota,
  markEmailed,
  type PendingMail,
  pendingMails,
  readMail,
} from './mails.ts';
import { notify } from './notify.ts';

export { createMailer, type Mailer } from './mailer.ts';

export interface NotificationDependencies {
  /** Null: no e-mails are sent. */
  mailer: Pick<Mailer, 'send'> | null;
  /** Age at which an unread notification is e-mailed, in ms. Retries don't add to it. */
  graceMs: number;
  /** Most e-mails to a workspace. Default: no limit. */
  quota?: MailQuota | null;
  /** Age, in ms, from which a new message notifies nobody. Default: messages of any age do. */
  ageMs?: number | null;
}

/** How long one call begins mails, in ms. Later ones get calls of their own. */
const SENDING = 30_000;

/** Calls of a process that send mails at once. A slow mail server must not delay the app's list. */
const MAILING = 3;

/** When further calls come again, in ms. */
const CROWDED = 2000;

/**
 * Notifies the people whom a message mentions, at once. After the grace period, e-mails those who
 * have not read it. A recipient is a target: a mail that is not accepted is retried alone.
 */
export const notifications = (deps: NotificationDependencies) => {
  let mailing = 0;
  return defineEffect({
    name: 'notifications',
    description:
      'Tells people that they were mentioned: in the app at once, by e-mail if it stays unread.',
    on: ['message.created', 'message.updated', 'message.deleted'],
    timeout: '90s',
    retry: { attempts: 20, initial: '5s', backoff: 2, max: '1h' },
    async perform(events, call) {
      const mentioning =
        call.target === undefined ? await notify(call.db, events, deps.ageMs ?? null) : events;
      if (!deps.mailer || mentioning.length === 0) return [];
      const pending = await pendingMails(call.db, mentioning, deps.graceMs, call.target);
      const sending = {
        call,
        mailer: deps.mailer,
        quota: deps.quota ?? null,
        until: performance.now() + SENDING,
      };
      const eventsById = new Map(mentioning.map((event) => [event.id, event]));
      const mails = pending.map((mail) => ({ mail, event: eventsById.get(mail.event_id)! }));
      const due = mails.filter(({ mail }) => mail.due_in_ms <= 0);
      const waits = mails.filter(({ mail }) => mail.due_in_ms > 0).map(waitUntilDue);
      if (due.length === 0) return mergeWaits(waits, call);
      if (mailing >= MAILING)
        return mergeWaits([...waits, ...due.map((one) => waitFor(one, CROWDED))], call);
      mailing += 1;
      try {
        const sent = await pMap(due, (one) => send(one, sending), { concurrency: 5 });
        return mergeWaits([...waits, ...sent.flat()], call);
      } finally {
        mailing -= 1;
      }
    },
  });
};

interface EventMail {
  mail: PendingMail;
  event: DomainEvent;
}

interface Sending {
  call: OutsideCall;
  mailer: Pick<Mailer, 'send'>;
  quota: MailQuota | null;
  until: number;
}

/** Targets stand in Temporal's histories, so the notification's id is used and no handle. */
const targetOf = ({ mail, event }: EventMail) => ({ event, target: mail.notification_id });

/** Uses up no attempt. In whole seconds, so that mails of the same second share a call. */
const waitFor = (one: EventMail, ms: number, reason?: string): OpenOutcome =>
  laterIn(targetOf(one), Math.ceil(ms / 1000) * 1000, reason);

/** Both the moment and the time until then are by the database's clock. */
function waitUntilDue(one: EventMail): OpenOutcome {
  return {
    event_id: one.event.id,
    target: one.mail.notification_id,
    state: 'later',
    until: one.mail.due,
    in_ms: Math.ceil(one.mail.due_in_ms),
  };
}

/**
 * If all mails of an event merely wait, answers the event as a whole, for the earliest moment.
 * Events that wait for the same moment then share one timer and one call.
 */
function mergeWaits(outcomes: OpenOutcome[], { target }: OutsideCall): OpenOutcome[] {
  if (target !== undefined) return outcomes;
  const byEvent = groupBy(outcomes, ({ event_id }) => event_id);
  return [...byEvent.values()].flatMap((own) => {
    const waits = own
      .filter((outcome) => outcome.state === 'later')
      .sort((a, b) => (a.in_ms ?? 0) - (b.in_ms ?? 0));
    const [first] = waits;
    return first && waits.length === own.length ? [{ ...first, target: undefined }] : own;
  });
}

/** Sends one mail, then marks it. A crash in between sends it again, under the same Message-ID. */
async function send(
  one: EventMail,
  { call, mailer, quota, until }: Sending,
): Promise<OpenOutcome[]> {
  if (call.signal.aborted || performance.now() > until) return [waitFor(one, 0)];
  const { notification_id } = one.mail;
  const text = await readMail(call.db, notification_id);
  // It was read or withdrawn meanwhile.
  if (!text) return [];
  // Over the quota it stays a notification in the app, which says so.
  if (!(await beginMail(call.db, notification_id, quota))) return [];
  try {
    await mailer.send(compose(text), call.signal);
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    return [outcomeOf(one, error)];
  }
  await markEmailed(call.db, notification_id);
  return [];
}

/** The reason stands in Temporal's histories, so it names nobody. */
function outcomeOf(one: EventMail, { message, failure, final, inMs }: MailError): OpenOutcome {
  if (inMs !== undefined) return waitFor(one, inMs, message);
  const outcome = final ? dead : retry;
  return outcome(targetOf(one), message, { cause: failure });
}
