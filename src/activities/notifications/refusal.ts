import { blamedBy, blamedByCode } from './refusal-table.ts';
import { SmtpUtf8MissingError } from './smtp-utf8.ts';

/** Why a mail was not accepted, as far as nodemailer's error tells. */
export interface Refusal {
  /**
   * - `final`: this recipient or mail is refused for good.
   * - `ours`: our sender, login or server set-up is refused. The operator must mend that.
   * - `away`: the server can't be reached, or accepts nothing for the moment.
   * - `unsure`: none of these for certain, or it passes by itself.
   */
  kind: 'final' | 'ours' | 'away' | 'unsure';
  /** The same for all failures of one kind. */
  cause: string;
  /** For people. It leaves out the server's own words, which may contain an address. */
  reason: string;
  /** It came before any recipient was named, so it holds for every mail. */
  forAll: boolean;
}

interface SmtpError {
  message?: string;
  /** nodemailer's: `EAUTH`, `EENVELOPE`, … */
  code?: string;
  /** The command that was answered; `CONN` and `API` are none. */
  command?: string;
  responseCode?: number;
  response?: string;
}

/** One cause for all mails, however the server words it. */
const OUR_SET_UP = 'mail set-up refused';

const QUOTA_USED_UP = 'our quota is used up';

/**
 * What services for sending say of our account, or of an address that we have not shown to be ours.
 */
const NOT_APPROVED = new RegExp(
  [
    String.raw`\b(?:email address|domain|identity) is (?:not verified|unverified)|identities failed`,
    String.raw`\bsending (?:is |has been )?(?:paused|suspended|disabled)`,
    String.raw`\byour (?:account|organization|domain)\b[^.;]{0,30}\b(?:disabled|suspended|not active)`,
    // That we may not send to one recipient is of that one.
    String.raw`\bnot allowed to send\b(?! (?:\w+ )?to\b)`,
    'not authorized to perform|configuration set ',
  ].join('|'),
  'i',
);

/** That it does not relay: the word alone is of its host, or of a table of recipients. */
const RELAY = new RegExp(
  [
    String.raw`\brelay(?:ing)?\b(?!=| recipient)[^.;:]{0,40}\b(?:denied|refused|rejected|prohibited|forbidden|disabled|disallowed|restricted|not|requires)\b`,
    String.raw`\b(?:unable|permitted|allowed|authori[sz]ed|authenticate|required|refus\w+)(?: (?:to|for))? relay`,
    String.raw`(?:\bnot?|n[’']t|\bcannot|\bopen) relay`,
    'rcpthosts',
  ].join('|'),
  'i',
);

/** What is wrong with us, by what servers say of it. The first match counts. */
const OURS: [pattern: RegExp, trouble: string][] = [
  [RELAY, 'it does not relay for us'],
  [/starttls|\btls\b|encrypt/i, 'it requires TLS'],
  [/authenticat|\bauth\b|log ?in\b|credential/i, 'it requires a login'],
  [/not owned|\bsender\b|mail from|from address|send ?as/i, 'it refuses our sender'],
  [/\bspf\b|\bdkim\b|dmarc/i, 'our sender fails SPF, DKIM or DMARC'],
  [
    /block ?list|black ?list|deny ?list|spamhaus|dnsbl|\brbl\b|reputation|(?<!\b(?:mailbox|account|user)\b[^.;]{0,20})\bblocked\b|\bbanned\b/i,
    'we are on a blocklist',
  ],
  [/\bhelo\b|\behlo\b|client host rejected/i, "it refuses our host's name or address"],
  [NOT_APPROVED, 'our account or sender is not approved for sending'],
  [/quota|rate|limit|too many/i, QUOTA_USED_UP],
];

/** What servers say of our quota, also with the status of a mailbox. */
const OUR_QUOTA = [
  /\b(?:sending|outgoing|outbound|relay|daily|hourly|hour)\b[^.;]{0,30}\b(?:quota|limit|rate)/i,
  /\bper (?:\d+ )?(?:minute|hour|day|month|session)/i,
  /\btoo many (?:\w+ )?(?:e?mails|messages|recipients)\b/i,
  /\byou(?:'ve| have)? (?:exceeded|reached)\b/i,
  /\bmail rate\b|frequency limited|submission ?quota|throttling/i,
];

/** What they say of a mailbox that is full, or gets too much. */
const FULL = /\bfull\b|over ?quota|storage|\bsize\b|receiv/i;

/** It gets too much for now. */
const RECEIVES_TOO_MUCH = /\breceiv[^.;]{0,30}\b(?:rate|per hour)\b/i;

/**
 * Statuses of an address or a mailbox, and Exchange's of who may write to it. They are of the
 * recipient whatever words come with them, unless these are of our quota.
 */
const OF_MAILBOX = /^5\.(?:[12]\.[1-9]\d*|7\.1\d\d)$/;

/** That there is no such recipient. */
const NO_SUCH_RECIPIENT =
  /\b(?:no such|unknown|invalid|non-?existent) (?:\w+ )?(?:user|recipient|mailbox|account|address|person)\b|\b(?:user|recipient|mailbox|account|addressee)(?: \w+)? (?:unknown|not found|(?:does|did) ?n[o']t exist|unavailable)/i;

/** What no server says of a recipient, whatever comes with it. */
const SURELY_OURS = new RegExp(
  String.raw`${RELAY.source}|\bsender (?:\w+ )?(?:verif|reject|denied|refused|block|unknown|invalid)|\b(?:unknown|invalid) sender|not owned|authentication required|must (?:authenticate|issue)`,
  'i',
);

/** What servers say of a recipient. */
const RECIPIENTS =
  /no such|unknown|n[o']t exist|not found|mailbox|recipient|inactive|disabled user|over ?quota|user doesn't have/i;

/** Exchange's words for an address, or for who may write to it. The sender's own limit is ours. */
const OF_RESOLVED = /\bRESOLVER\.(?:ADR|RST)\.(?!SendSizeLimit)/;

/** Reads an error that nodemailer threw. */
export function readRefusal(error: unknown): Refusal {
  if (error instanceof SmtpUtf8MissingError)
    return ofOne(
      'final',
      'SMTPUTF8 missing',
      'the address needs SMTPUTF8, which the mail server does not announce',
    );
  const { code = '', command = '', responseCode, message = '' } = (error ?? {}) as SmtpError;
  if (code === 'EAUTH' || code === 'ENOAUTH' || code === 'EOAUTH2')
    return ours('SMTP login refused', `the login is refused${said(error)}`, true);
  if (responseCode === undefined) return unanswered(code, message);
  const forAll = !/^(RCPT TO|DATA)$/.test(command);
  if (responseCode === 421 || (forAll && responseCode < 500))
    return {
      kind: 'away',
      cause: `SMTP ${responseCode}`,
      reason: `the mail server takes nothing for the moment${said(error)}`,
      forAll: true,
    };
  if (forAll) return ours(OUR_SET_UP, `the mail server refuses us${said(error)}`, true);
  return readAnswer(error as SmtpError, responseCode);
}

/** For an error without an answer: the connection failed, or nodemailer itself refused. */
function unanswered(code: string, message: string): Refusal {
  if (code === 'EENVELOPE' && !message.startsWith('Invalid sender'))
    return ofOne('final', 'address malformed', 'the address of the mail is malformed');
  if (code === 'EENVELOPE') return ours(OUR_SET_UP, 'MAIL_FROM is malformed', true);
  if (code === 'EMESSAGE')
    return ours(OUR_SET_UP, 'the mail server takes no mail of this size', true);
  if (code === 'ETLS' || code === 'EREQUIRETLS')
    return ours(OUR_SET_UP, 'there is no TLS with the mail server', true);
  const isSlow = code === 'ETIMEDOUT' || code === 'EABORT';
  const what = isSlow
    ? 'the mail server did not answer in time'
    : 'the mail server was not reached, or ended the connection';
  return {
    kind: 'away',
    cause: isSlow ? 'SMTP timeout' : 'SMTP unreachable',
    reason: what,
    forAll: true,
  };
}

/** For an answer to a recipient, or to the mail itself. */
function readAnswer(error: SmtpError, code: number): Refusal {
  const text = withoutNames(error.response ?? '');
  const status = statusOf(text);
  const ourTrouble = troubleWithUs(code, status, text);
  if (ourTrouble !== undefined) {
    const what = ourTrouble && `: ${ourTrouble}`;
    return ours(OUR_SET_UP, `the mail server refuses us${said(error)}${what}`, false);
  }
  const isOfMailbox = error.command === 'RCPT TO' && code >= 550 && code <= 553;
  const isOfRecipientItself = [blamedBy(status), blamedByCode(code)].includes('recipient');
  const isFinal =
    code >= 500 &&
    !RECEIVES_TOO_MUCH.test(text) &&
    (isOfRecipientItself || RECIPIENTS.test(text) || OF_RESOLVED.test(text) || isOfMailbox);
  const reason = isFinal
    ? 'the recipient or the mail is refused for good'
    : 'the mail was not taken';
  return ofOne(isFinal ? 'final' : 'unsure', `SMTP ${code}`, `${reason}${said(error)}`);
}

/** What of us is refused: empty if the server does not tell, undefined if it is not of us. */
function troubleWithUs(code: number, status: string, text: string): string | undefined {
  if (OF_RESOLVED.test(text)) return undefined;
  const isFull = FULL.test(text) || status.endsWith('.2.2');
  if (!isFull && OUR_QUOTA.some((pattern) => pattern.test(text))) return QUOTA_USED_UP;
  const trouble = OURS.find(([pattern]) => pattern.test(text))?.[1];
  const isOurs =
    blamedByCode(code) === 'us' ||
    ((trouble !== undefined || (code >= 500 && blamedBy(status) === 'us')) &&
      !isOfRecipient(status, text, trouble));
  // Temporary refusals such as greylisting speak of senders too.
  const isLasting = code >= 500 || RELAY.test(text) || /starttls|authenticat|not owned/i.test(text);
  return isOurs && isLasting ? (trouble ?? '') : undefined;
}

/** The refusal is of the recipient, though its words fit us too: a full mailbox has a quota. */
function isOfRecipient(status: string, text: string, trouble: string | undefined): boolean {
  const isQuota = trouble === QUOTA_USED_UP;
  if (NO_SUCH_RECIPIENT.test(text) && !SURELY_OURS.test(text)) return true;
  const isUs = trouble !== undefined && !isQuota;
  if (blamedBy(status) === 'recipient') return !isUs || OF_MAILBOX.test(status);
  if (isQuota && FULL.test(text)) return true;
  // Of a policy: the mail server's own words "recipient rejected" are before each reason.
  if (isQuota && blamedBy(status) === 'us') return false;
  return !isUs && RECIPIENTS.test(text);
}

const ofOne = (kind: 'final' | 'unsure', cause: string, reason: string): Refusal => ({
  kind,
  cause,
  reason,
  forAll: false,
});

const ours = (cause: string, reason: string, forAll: boolean): Refusal => ({
  kind: 'ours',
  cause,
  reason,
  forAll,
});

/** Such as ` (553 5.7.1 at RCPT TO)`. Empty without an answer. */
function said(error: unknown): string {
  const { responseCode, response = '', command = '' } = (error ?? {}) as SmtpError;
  if (responseCode === undefined) return '';
  const at = /^(CONN|API)?$/.test(command) ? '' : ` at ${command}`;
  return ` (${[responseCode, statusOf(response)].filter(Boolean).join(' ')}${at})`;
}

const statusOf = (response: string): string =>
  /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1] ??
  /#([45]\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1] ??
  '';

const ADDRESS = /<[^<>]*>|[^\s<>:;,()]*@[^\s<>:;,()]*/g;

const URL = /\bhttps?:\/\/(?!\S*(?:spamhaus|spamcop|dnsbl|\brbl\b))\S+/gi;

/** But for those of blocklists. The codes of Exchange end otherwise (`RESOLVER.ADR.NotFound`). */
const HOST =
  /(?<![\w.-])(?![\w.-]*(?:spamhaus|spamcop|dnsbl|\brbl\b))(?:[\w-]+\.)+(?:[a-z]{2,}|[A-Z]{2,}|xn--[\w-]+)(?![\w-]|\.\w)/g;

/** Addresses, URLs and hosts may be made of any words: these tell nothing. */
const withoutNames = (text: string): string =>
  [ADDRESS, URL, HOST].reduce((left, names) => left.replace(names, ''), text.slice(0, 2000));
