import {
  cidrs,
  duration,
  durationOrOff,
  nameServers,
  optionalUrl,
  quota,
  textOr,
  whole,
  withPassword,
} from './setting.ts';

export const effects = {
  KNOCKON_CONCURRENCY: whole(8, 1, 1000, {
    readBy: ['worker effects'],
    means: 'Calls of one effect at once in one worker process.',
  }),
  KNOCKON_STATEMENT_TIMEOUT: duration(
    '20s',
    {
      readBy: ['worker effects'],
      means: 'The longest time of one SQL statement of an effect.',
      more:
        'A connection that is silent for longer counts as dead. ' +
        'Raise it if an effect of yours needs more.',
    },
    { least: '1s' },
  ),
};

export const webhooks = {
  KNOCKON_WEBHOOK_ALLOW: cidrs({
    readBy: ['api', 'worker effects'],
    means: 'Private networks that webhooks may reach, as CIDRs.',
  }),
  KNOCKON_WEBHOOK_DENY: cidrs({
    readBy: ['api', 'worker effects'],
    means: 'Networks that webhooks may not reach, as CIDRs.',
    more:
      'It holds for public and for allowed networks too. ' +
      'Name addresses of your own here that outsiders must not ask.',
  }),
  KNOCKON_WEBHOOK_NAME_SERVERS: nameServers({
    readBy: ['api', 'worker effects'],
    means: 'Name servers for webhooks, such as 10.0.0.53.',
    more: "Unset: the machine's name servers.",
  }),
  KNOCKON_WEBHOOK_TIMEOUT: duration(
    '10s',
    {
      readBy: ['api', 'worker effects'],
      means: "The longest wait for an endpoint's answer.",
    },
    { least: '1s', most: '5m' },
  ),
  KNOCKON_WEBHOOK_CONCURRENCY: whole(512, 1, 10_000, {
    readBy: ['worker effects'],
    means: 'Requests to endpoints at once in one worker process.',
    more: 'They are shared by workspace, then by endpoint.',
  }),
  KNOCKON_WEBHOOK_ATTEMPTS: whole(12, 1, 100, {
    readBy: ['worker effects'],
    means: 'Tries before a webhook is a dead letter.',
    more: 'They are 5 s, 15 s, 45 s … 6 h apart, each ± 20 %. The twelfth comes after 22.6 h.',
  }),
  KNOCKON_WEBHOOK_FAILURES: whole(10, 0, 1000, {
    readBy: ['worker effects'],
    means: "Consecutive failures that open an endpoint's circuit; 0: never.",
    more: 'While the circuit is open, one delivery at a time tries whether the endpoint works.',
  }),
  KNOCKON_WEBHOOK_PROBE: duration(
    '30s',
    {
      readBy: ['worker effects'],
      means: 'How long an endpoint rests after its circuit opened.',
      more: 'Later it rests as long as it has been failing, up to 15 minutes.',
    },
    { least: '1s' },
  ),
};

export const notifications = {
  SMTP_URL: withPassword(
    optionalUrl(['smtp:', 'smtps:'], 'smtp://user:password@mail.example.com:587', {
      readBy: ['worker effects'],
      means: 'The server that sends e-mails. Unset: nobody is e-mailed.',
    }),
  ),
  MAIL_FROM: textOr(
    'Knock-on <notifications@knockon.example>',
    'must be an address, with or without a name',
    { readBy: ['worker effects'], means: 'The sender of e-mails.' },
    (text) => /^(?:[^<>\p{Cc}]*<[^<>\s@]+@[^<>\s@]+>|[^<>\s@]+@[^<>\s@]+)$/u.test(text.trim()),
  ),
  KNOCKON_NOTIFY_AGE: durationOrOff(
    '24h',
    {
      readBy: ['worker effects'],
      means: 'The age from which a new message notifies nobody, or "off".',
      more:
        'A message that was sent (`sent_at`) so long before it was stored is history. ' +
        'With `"notify": true` it notifies all the same. `off`: messages of any age notify.',
    },
    { most: '100y' },
  ),
  KNOCKON_EMAIL_GRACE: duration('5m', {
    readBy: ['worker effects'],
    means: 'How long a notification may stay unread before it is e-mailed.',
  }),
  KNOCKON_EMAIL_QUOTA: quota('500/1h', 'e-mails', '"500/1h"', {
    readBy: ['worker effects'],
    means: 'E-mails that a workspace may send, or "off".',
    more:
      'A notification over the quota stays in the app and says that it was not e-mailed. ' +
      '`off`: any number.',
  }),
};
