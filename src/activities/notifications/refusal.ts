/** Why a mail was not taken, as far as an error of nodemailer's tells. */
export interface Refusal {
  /**
   * `final`: this recipient or this mail is refused for good. `ours`: our sender, login or server
   * set-up is refused, which is ours to mend. `away`: the server can't be reached, or takes nothing
   * for the moment. `unsure`: none of these for certain, or it passes by itself.
   */
  kind: 'final' | 'ours' | 'away' | 'unsure';
  /** Groups alike failures. */
  cause: string;
  /** For people: what the server answered, without its words, which may hold an address. */
  reason: string;
  /** It was said before any recipient was named, so it holds for every mail. */
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

/** One cause for all mails, whichever way the server puts it. */
const OUR_SET_UP = 'mail set-up refused';

/**
 * What our own trouble is called, and how servers say it once addresses are taken out. The first
 * that fits counts.
 */
const OURS: [pattern: RegExp, trouble: string][] = [
  [/\brelay|rcpthosts/i, 'it does not relay for us'],
  [/starttls|\btls\b|encrypt/i, 'it requires TLS'],
  [/authenticat|\bauth\b|log ?in\b|credential/i, 'it requires a login'],
  [/not owned|\bsender\b|mail from|from address|send ?as/i, 'it refuses our sender'],
  [/\bspf\b|\bdkim\b|dmarc/i, 'our sender fails SPF, DKIM or DMARC'],
  [
    /block ?list|black ?list|deny ?list|spamhaus|dnsbl|\brbl\b|reputation|\bblocked\b|\bbanned\b/i,
    'we are on a blocklist',
  ],
  [/quota|rate|limit|too many/i, 'our quota is used up'],
];

/** How servers say that it is the recipient. */
const RECIPIENTS =
  /no such|unknown|n[o']t exist|not found|no mailbox|mailbox|recipient|inactive|disabled user|over ?quota/i;

/**
 * Enhanced status codes (RFC 3463 and the register) that speak of the recipient or of this mail,
 * and those of the sender.
 */
const OF_RECIPIENT = /^5\.(1\.(?:[0-6]|10)|2\.\d+|4\.[146]|5\.0|6\.\d+|7\.(?:2|1[0-9]{2}))$/;
const OF_SENDER = /^[45]\.(1\.[789]|4\.5|5\.[1-9]\d*|7\.\d+)$/;

/** Reply codes that ask for a login or for TLS. */
const WANTS_LOGIN = [530, 534, 535, 538];

/** Reads what nodemailer threw. */
export function readRefusal(error: unknown): Refusal {
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
  return ofOne(error as SmtpError, responseCode);
}

/** Nothing was answered: the connection failed, or nodemailer itself refused. */
function unanswered(code: string, message: string): Refusal {
  if (code === 'EENVELOPE' && !message.startsWith('Invalid sender'))
    return {
      kind: 'final',
      cause: 'address malformed',
      reason: 'the address of the mail is malformed',
      forAll: false,
    };
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

/** What was answered when a recipient had been named, or the mail been sent. */
function ofOne(error: SmtpError, code: number): Refusal {
  const text = withoutAddresses(error.response ?? '');
  const status = statusOf(text);
  const trouble = OURS.find(([pattern]) => pattern.test(text))?.[1];
  const isTold = trouble !== undefined && !isOfRecipient(status, text, trouble);
  if (
    WANTS_LOGIN.includes(code) ||
    isTold ||
    (code >= 500 && OF_SENDER.test(status) && !isOfRecipient(status, text, trouble))
  ) {
    // What passes by itself, such as greylisting, speaks of senders too.
    if (code >= 500 || /\brelay|starttls|authenticat|not owned/i.test(text))
      return ours(
        OUR_SET_UP,
        `the mail server refuses us${said(error)}${trouble ? `: ${trouble}` : ''}`,
        false,
      );
  }
  const isFinal =
    code >= 500 &&
    (OF_RECIPIENT.test(status) ||
      RECIPIENTS.test(text) ||
      (error.command === 'RCPT TO' && code >= 550 && code <= 553));
  if (isFinal)
    return {
      kind: 'final',
      cause: `SMTP ${code}`,
      reason: `the recipient or the mail is refused for good${said(error)}`,
      forAll: false,
    };
  return {
    kind: 'unsure',
    cause: `SMTP ${code}`,
    reason: `the mail was not taken${said(error)}`,
    forAll: false,
  };
}

/**
 * A refusal that names the recipient, though it has words in it that would fit us as well: a full
 * mailbox has a quota too.
 */
function isOfRecipient(status: string, text: string, trouble: string | undefined): boolean {
  const isUs = trouble !== undefined && trouble !== 'our quota is used up';
  if (OF_RECIPIENT.test(status)) return !isUs;
  return !isUs && RECIPIENTS.test(text);
}

const ours = (cause: string, reason: string, forAll: boolean): Refusal => ({
  kind: 'ours',
  cause,
  reason,
  forAll,
});

/** ` (553 5.7.1 at RCPT TO)`, as far as there was an answer. */
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

const withoutAddresses = (text: string): string =>
  text.slice(0, 2000).replace(/<[^<>]*>|[^\s<>:;,()]*@[^\s<>:;,()]*/g, '');
