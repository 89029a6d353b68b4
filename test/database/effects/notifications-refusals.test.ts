import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMailer, type Mailer } from '../../../src/activities/notifications/index.ts';
import { MailError } from '../../../src/activities/notifications/mailer.ts';
import { ScriptedMailServer, type Stage } from '../../harness/scripted-mail-server.ts';

let server: ScriptedMailServer;
let mailer: Mailer;
beforeEach(async () => {
  server = await ScriptedMailServer.start();
  mailer = createMailer(server.url, 'Knock-on <us@knockon.example>', {
    connectMs: 300,
    silenceMs: 300,
    mailMs: 1000,
    restMs: 200,
  });
});
afterEach(async () => {
  mailer.close();
  await server.stop();
});

const aMail = (handle = 'bob') => ({
  to: { name: handle, address: `${handle}@example.com` },
  subject: 's',
  text: 't',
  id: handle,
});

/** What came of sending a mail; undefined: it was taken. */
async function refusalOf(handle = 'bob'): Promise<MailError | undefined> {
  try {
    await mailer.send(aMail(handle));
    return undefined;
  } catch (error) {
    if (!(error instanceof MailError)) throw error;
    return error;
  }
}

const OURS = 'mail set-up refused';

describe('an answer that blames our own set-up is ours to mend, one cause, and no fault of the recipient', () => {
  test.each<[Stage, string]>([
    ['RCPT TO', '553 5.7.1 <us@knockon.example>: Sender address rejected: not owned by user us'],
    ['RCPT TO', '553 Sender address rejected: not owned by user'],
    ['RCPT TO', '554 5.7.1 <bob@example.com>: Relay access denied'],
    ['RCPT TO', '550 relaying denied'],
    ['RCPT TO', '550 5.7.1 Unable to relay'],
    ['RCPT TO', '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain'],
    ['RCPT TO', '550 relay not permitted'],
    ['RCPT TO', '550 Relaying to <bob@example.com> prohibited by administrator'],
    ['RCPT TO', '550 You are not allowed to relay through this server'],
    ['RCPT TO', "550 relay1.example.net: we don't relay: no such user here"],
    ['RCPT TO', '553 Sorry, no relaying: unknown user'],
    ['RCPT TO', '550 Sender verify failed: no such user here'],
    ['RCPT TO', '550 Listed at https://www.spamhaus.org/query/ip/192.0.2.1'],
    ['RCPT TO', "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"],
    ['RCPT TO', '454 4.7.1 <bob@example.com>: Relay access denied'],
    ['RCPT TO', '554 5.7.1 quota exceeded'],
    ['RCPT TO', '554 Sending quota exceeded'],
    ['RCPT TO', '550 5.4.5 Daily user sending limit exceeded'],
    ['RCPT TO', '530 5.7.0 Authentication required'],
    ['RCPT TO', '550 5.1.8 Sender domain not found'],
    [
      'RCPT TO',
      '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org',
    ],
    ['MAIL FROM', '530 5.7.0 Must issue a STARTTLS command first'],
    ['RCPT TO', '553 5.7.1 Absenderadresse abgelehnt'],
    ['RCPT TO', '550 5.7.60 SMTP; Client does not have permissions to send as this sender'],
    ['RCPT TO', '550 5.7.27 送信者のドメインはメールを受け取りません'],
    ['message', '550 5.7.20 no passing signature'],
    ['MAIL FROM', '538 Encryption required for requested authentication mechanism'],
    ['MAIL FROM', '553 5.1.8 no such domain'],
    ['MAIL FROM', '550 unknown user'],
    ['MAIL FROM', '554 quota'],
    ['greeting', '554 5.7.1 no SMTP service here'],
    ['EHLO', '550 5.7.1 go away'],
    ['DATA', '550 5.7.26 Unauthenticated email: SPF and DKIM did not pass'],
    ['message', '550 5.7.1 rejected by the DMARC policy of our domain'],
    ['message', '554 5.7.1 message rejected: your IP is on a blocklist'],
    ['RCPT TO', '550 5.1.0 Authentication required'],
    ['RCPT TO', '550 5.1.0 <us@knockon.example> sender rejected'],
    ['RCPT TO', '550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)'],
    ['RCPT TO', '554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied'],
    [
      'message',
      '554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message Cannot submit message',
    ],
    [
      'RCPT TO',
      '554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: Knock-on <us@knockon.example>, us@knockon.example',
    ],
    [
      'message',
      '554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: Knock-on <us@knockon.example>, us@knockon.example',
    ],
    ['RCPT TO', '554 Sending paused for this account.'],
    [
      'message',
      '554 Sending paused for this account. For more information, please check the inbox of the email address associated with your account.',
    ],
    ['message', '554 Message rejected: Sending suspended for this account.'],
    ['message', '554 Message rejected: Configuration set does not exist'],
    [
      'message',
      '554 Access denied: User arn:aws:iam::1:user/us is not authorized to perform ses:SendRawEmail on resource arn:aws:ses:identity',
    ],
    ['message', '550 Your account has been disabled. Please contact support'],
    [
      'RCPT TO',
      '550 Domain knockon.example is not allowed to send: Free accounts are for test purposes only. Please upgrade or add the address to Authorized Recipients',
    ],
    ['RCPT TO', '550 5.7.1 Relaying denied, relay=mail.example.com [192.0.2.1]'],
    ['message', '550 5.1.0 RESOLVER.RST.SendSizeLimit.Sender; message too large for this sender'],
    ['message', '554 5.2.252 SendAsDenied; us@knockon.example not allowed to send as the other'],
  ])('%s: %s', async (stage, answer) => {
    server.refuse(stage, answer);
    const refusal = await refusalOf();
    expect(refusal).toMatchObject({ failure: OURS, final: false });
    expect(refusal?.message).not.toMatch(/@example|bob/);
  });
});

describe('a quota of ours that is used up is waited out, whatever status and words come with it', () => {
  test.each<[Stage, string]>([
    [
      'RCPT TO',
      "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
    ],
    [
      'message',
      "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception with message The message can't be submitted because the sender's submission quota was exceeded",
    ],
    [
      'RCPT TO',
      "550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending email to external recipients (tenant external recipient rate limit)",
    ],
    [
      'RCPT TO',
      '554 5.2.121 The sender has exceeded the limit for the number of messages they can send to this recipient per hour',
    ],
    [
      'RCPT TO',
      '550 Domain knockon.example has exceeded the max emails per hour (500/500 (100%)) allowed. Message discarded.',
    ],
    [
      'RCPT TO',
      '550 Domain knockon.example has exceeded the max defers and failures per hour (5/5 (100%)) allowed. Message discarded.',
    ],
    ['RCPT TO', '554 5.7.1 You have exceeded your quota of recipients per hour'],
    ['RCPT TO', '550 5.7.1 Outgoing mail limit exceeded for this mailbox'],
    [
      'RCPT TO',
      '554 5.7.1 <bob@example.com>: Recipient address rejected: You have exceeded your Outmail quota',
    ],
    [
      'RCPT TO',
      '550 5.4.5 <bob@example.com>: Recipient address rejected: Domain Sending Quota Exceeded',
    ],
    ['RCPT TO', '554 <bob@example.com>: Recipient address rejected: Email Sending Quota Exceeded'],
    ['RCPT TO', '554 5.7.1 <bob@example.com>: Recipient address rejected: Quota exceeded'],
    ['RCPT TO', '550 5.4.6 mail rate exceeded limit'],
    [
      'RCPT TO',
      '550 User us@knockon.example has exceeded its 24-hour sending limit. Messages to 25 recipients out of 25 allowed have been sent.',
    ],
    ['RCPT TO', '550 This IP has sent too many messages this hour. IB504'],
    ['RCPT TO', '550 This IP has sent too many to too many recipients this hour. IB607'],
    ['RCPT TO', '550 This message has exceeded the max number of messages per session'],
    ['RCPT TO', '550 Number recipients per hour exceeded'],
    ['RCPT TO', '550 spam mail rejected: exceeded hour limit'],
    ['RCPT TO', '550 Sender frequency limited'],
    ['RCPT TO', '550 Ip frequency limited'],
    ['RCPT TO', '552 Too many recipients'],
    ['RCPT TO', '550 sorry, too many emails (#5.7.1)'],
    ['RCPT TO', '454 Throttling failure: Daily message quota exceeded.'],
    ['message', '454 Throttling failure: Maximum sending rate exceeded.'],
    ['message', '554 5.7.1 Reached address outgoing limits'],
    ['DATA', '554 5.7.1 <DATA>: Data command rejected: only 10 messages per day'],
    [
      'DATA',
      '554 5.7.1 <DATA>: Data command rejected: limit of 400 rcpts per 24 hours for client us@knockon.example reached',
    ],
    [
      'message',
      '550 5.4.5 Daily SMTP relay limit exceeded for user. For more information on SMTP relay sending limits please contact your administrator',
    ],
  ])('%s: %s', async (stage, answer) => {
    server.refuse(stage, answer);
    const refusal = await refusalOf();
    expect(refusal).toMatchObject({ failure: OURS, final: false });
    expect(refusal?.message).not.toMatch(/@example|bob/);
  });
});

describe('an answer about the recipient is final', () => {
  test.each<[Stage, string]>([
    [
      'RCPT TO',
      '550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown in virtual mailbox table',
    ],
    ['RCPT TO', '550 5.1.1 No such user'],
    ['RCPT TO', '550 no such user'],
    ['RCPT TO', '550 bob'],
    ['RCPT TO', '550 5.1.10 the domain takes no mail'],
    ['RCPT TO', '553 5.1.2 no such domain'],
    ['RCPT TO', '552 5.2.2 mailbox full'],
    ['RCPT TO', '552 5.2.2 <bob@example.com>: user is over quota'],
    ['RCPT TO', '554 5.2.1 mailbox disabled'],
    ['RCPT TO', '550 5.4.1 Recipient address rejected: Access denied'],
    ['RCPT TO', '550 <relay@example.com>: no such user'],
    ['RCPT TO', '556 that domain takes no mail'],
    ['RCPT TO', '550 5.7.17 the mailbox has another owner'],
    ['RCPT TO', '550 5.1.1 Kein solcher Empfänger'],
    ['RCPT TO', '553 5.3.0 <bob@example.com>... Addressee unknown, relay=mail.example.com'],
    ['RCPT TO', '550 5.1.1 <bob@example.com>... User unknown, relay=[192.0.2.1]'],
    ['RCPT TO', '550 Unknown user, relay=mail.example.com'],
    ['RCPT TO', "554 delivery error: dd This user doesn't have an example.com account"],
    ['RCPT TO', '550 5.7.1 RESOLVER.RST.AuthRequired; authentication required'],
    ['message', '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found'],
    ['RCPT TO', '550 5.1.1 <bob@example.com>: Recipient address rejected: unverified address'],
    ['RCPT TO', '550 You are not allowed to send mail to this list'],
    ['message', '552 5.3.4 Message size exceeds fixed limit'],
    [
      'RCPT TO',
      '550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown in relay recipient table',
    ],
    [
      'RCPT TO',
      '550 <bob@example.com>: Recipient address rejected: User unknown in relay recipient table',
    ],
    ['RCPT TO', '550 5.4.1 Recipient address rejected: user unknown in relay recipient table'],
    ['RCPT TO', '550 5.0.0 <bob@example.com> User unknown; rejecting (relay)'],
    ['RCPT TO', '550 mail-relay.example.com: no such user here'],
    ['RCPT TO', '550 No such user here [relay3.example.net]'],
    ['RCPT TO', '550 RELAY.EXAMPLE.COM: mailbox does not exist'],
    ['RCPT TO', '550 User unknown (login.example.com)'],
    ['RCPT TO', '550 Unknown user. See https://tls.example.com/errors'],
    ['RCPT TO', '550 No such user - sender should contact postmaster'],
    ['RCPT TO', '550 5.1.0 Unknown recipient at relay; the sender must not try again'],
    ['RCPT TO', '550 5.2.1 This mailbox has been blocked due to inactivity'],
    ['RCPT TO', '550 5.7.133 SenderNotAuthenticatedForGroup; authentication required'],
    ['RCPT TO', '550 5.7.124 Sender not in allowed-senders list'],
    ['RCPT TO', '550 Account blocked'],
    ['RCPT TO', '550 5.1.0 Address rejected'],
    ['RCPT TO', '554 5.7.1 <bob@example.com>: Recipient address rejected: Access denied'],
    ['RCPT TO', '550 5.2.2 user quota exceeded'],
    ['RCPT TO', '552 5.2.2 Mailbox size limit exceeded'],
    ['RCPT TO', '552 5.1.1 <bob@example.com> recipient rejected - extended quota violation'],
    ['RCPT TO', '552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]'],
    [
      'RCPT TO',
      '554 5.2.2 <bob@example.com>: Recipient address rejected: Quota exceeded (mailbox for user is full)',
    ],
    [
      'RCPT TO',
      '552 5.2.2 The email account that you tried to reach is over quota. Please direct the recipient to the pages of help',
    ],
    [
      'RCPT TO',
      '550 <bob@example.com>: Requested mail action aborted: exceeded storage allocation, Quota exceeded',
    ],
    ['RCPT TO', '554 5.7.1 The mailbox is over quota'],
    ['RCPT TO', '552 sorry, mailbox bob@example.com is over quota temporarily (#5.1.1)'],
    ['message', '522 5.2.0 Delivery failed: Over quota'],
    [
      'message',
      '550 5.2.2 STOREDRV.Deliver: mailbox full. The following information should help identify the cause: MapiExceptionShutoffQuotaExceeded',
    ],
    ['message', '552 5.2.3 Message length exceeds limit set by recipient'],
    ['message', '552 5.2.2 mailbox full'],
  ])('%s: %s', async (stage, answer) => {
    server.refuse(stage, answer);
    const refusal = await refusalOf();
    expect(refusal).toMatchObject({ failure: `SMTP ${answer.slice(0, 3)}`, final: true });
    expect(refusal?.message).not.toMatch(/@example|bob/);
  });
});

test.each<[Stage, string, string]>([
  ['RCPT TO', '450 4.2.0 Greylisted, please try again', 'SMTP 450'],
  ['RCPT TO', '451 4.7.1 relay1.example.net: Greylisted, try again in 300 s', 'SMTP 451'],
  ['RCPT TO', '452 4.2.2 mailbox full', 'SMTP 452'],
  ['RCPT TO', '554 transaction failed', 'SMTP 554'],
  ['message', '451 4.3.0 local error', 'SMTP 451'],
  ['MAIL FROM', '451 4.3.0 try later', 'SMTP 451'],
  ['greeting', '421 too busy', 'SMTP 421'],
  [
    'RCPT TO',
    '450 4.2.1 The recipient has exceeded message rate limit. Try again later.',
    'SMTP 450',
  ],
  [
    'RCPT TO',
    '554 5.2.122 The recipient has exceeded their limit for the number of messages they can receive per hour',
    'SMTP 554',
  ],
  [
    'RCPT TO',
    '550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered',
    'SMTP 550',
  ],
])(
  'what passes by itself, or is not clear, is tried again: %s: %s',
  async (stage, answer, failure) => {
    server.refuse(stage, answer);
    expect(await refusalOf()).toMatchObject({ failure, final: false });
  },
);

describe('a server that takes nothing is left alone', () => {
  test('and tried by one mail at a time, which uses up no try; once it is mended all mails go', async () => {
    server.refuse('MAIL FROM', '530 5.7.0 Must issue a STARTTLS command first');
    expect(await refusalOf()).toMatchObject({ failure: OURS, inMs: undefined });
    const asked = server.connections;
    const others = await Promise.all(
      Array.from({ length: 20 }, (_, i) => refusalOf(`waiting-${i}`)),
    );
    for (const other of others)
      expect(other).toMatchObject({ failure: OURS, final: false, inMs: expect.any(Number) });
    expect(server.connections).toBe(asked);

    await expect
      .poll(
        async () =>
          (await Promise.all([refusalOf(), refusalOf(), refusalOf()])).filter(
            (one) => (one?.inMs ?? 0) > 200,
          ).length,
      )
      .toBe(3);
    expect(server.asked).toEqual([]);

    server.mend();
    await expect.poll(() => refusalOf()).toBeUndefined();
    expect(await Promise.all([refusalOf('ann'), refusalOf('cid'), refusalOf('dan')])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('but not for one recipient of whom it says so', async () => {
    server.answer = (stage, line) => {
      if (stage === 'RCPT TO' && line.includes('bob')) return '554 5.7.1 Relay access denied';
      return { greeting: '220 hi', EHLO: '250 hi', DATA: '354 go on' }[stage as string] ?? '250 Ok';
    };
    for (let i = 0; i < 5; i += 1) {
      expect(await refusalOf('bob')).toMatchObject({ failure: OURS, inMs: undefined });
      expect(await refusalOf('ann')).toBeUndefined();
    }
  });
});

describe('a server that falls silent holds a mail no longer than its limit, and what comes after it not at all', () => {
  test.each<Stage>(['greeting', 'EHLO', 'MAIL FROM', 'RCPT TO', 'DATA', 'message'])(
    '%s',
    async (stage) => {
      server.refuse(stage, 'silence');
      const began = performance.now();
      expect(await refusalOf()).toMatchObject({ failure: 'SMTP timeout', final: false });
      expect(performance.now() - began).toBeLessThan(5000);
      expect(await refusalOf('ann')).toMatchObject({
        failure: 'SMTP timeout',
        inMs: expect.any(Number),
      });

      server.mend();
      await expect.poll(() => refusalOf()).toBeUndefined();
    },
  );

  test('nor one that answers a little at a time', async () => {
    server.refuse('RCPT TO', Array.from({ length: 3 }, () => '250-wait').join('\r\n'));
    expect(await refusalOf()).toMatchObject({ failure: 'SMTP timeout', final: false });
  });

  test('a connection that was kept and has died is replaced, and the mail goes', async () => {
    expect(await refusalOf()).toBeUndefined();
    server.cut();
    expect(await refusalOf('ann')).toBeUndefined();
    expect(server.connections).toBe(2);
  });
});

describe('an address beyond ASCII', () => {
  const send = () => mailer.send({ ...aMail(), to: { name: '', address: '用户@münchen.example' } });
  const announce = (extensions: string[]) => {
    const lines = ['mail.example.com', ...extensions];
    const last = lines.length - 1;
    const ehlo = lines.map((line, i) => `250${i === last ? ' ' : '-'}${line}`).join('\r\n');
    server.refuse('EHLO', ehlo);
  };

  test('goes to a server that announces SMTPUTF8, as it is', async () => {
    announce(['8BITMIME', 'SMTPUTF8', 'SIZE 1000000']);
    await send();
    await send();
    expect(server.taken).toBe(2);
    expect(server.asked).toEqual(['用户@münchen.example', '用户@münchen.example']);
    expect(server.senders.every((line) => / SMTPUTF8\b/.test(line))).toBe(true);
    // Asked once, then on the connection that is kept.
    expect(server.connections).toBe(2);
  });

  test('is never told to one that does not, and is a dead letter that says so', async () => {
    announce(['8BITMIME', 'SIZE 1000000']);
    for (let i = 0; i < 2; i += 1)
      await expect(send()).rejects.toMatchObject({
        failure: 'SMTPUTF8 missing',
        final: true,
        message: expect.stringContaining('needs SMTPUTF8'),
      });
    expect(server.asked).toEqual([]);
    expect(server.connections).toBe(1);
    expect(await refusalOf()).toBeUndefined();
  });

  test('waits for one that can not be asked', async () => {
    server.refuse('EHLO', 'silence');
    await expect(send()).rejects.toMatchObject({ failure: 'SMTP timeout', final: false });
    announce(['SMTPUTF8']);
    await expect
      .poll(() =>
        send().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });
});

test('a domain in any script is asked for in ASCII', async () => {
  await mailer.send({
    ...aMail(),
    to: { name: '', address: 'bob@münchen.example' },
  });
  expect(server.asked.join()).toContain('bob@xn--mnchen-3ya.example');
});
