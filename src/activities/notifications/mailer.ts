import nodemailer from 'nodemailer';
import { needsSmtpUtf8 } from '../../text/email-address.ts';
import { type Refusal, readRefusal } from './refusal.ts';
import { ServerRest } from './server-rest.ts';
import { SmtpUtf8 } from './smtp-utf8.ts';

export interface Mail {
  to: { name: string; address: string };
  subject: string;
  text: string;
  /** The same for every attempt, so that mail systems can recognize a repetition. */
  id: string;
}

/** Sends mails. */
export interface Mailer {
  /**
   * @param signal ends the attempt
   * @throws MailError if the mail is not accepted
   */
  send(mail: Mail, signal?: AbortSignal): Promise<void>;
  /** Ends the connections. */
  close(): void;
}

/** Thrown if a mail is not accepted. The message contains no address. */
export class MailError extends Error {
  override name = 'MailError';
  /** The same for all failures of one kind: `SMTP 550`, `SMTP unreachable`. */
  readonly failure: string;
  /** The server refused this recipient or mail for good. */
  readonly final: boolean;
  /** Set if the server has accepted nothing for a while: ask again in so many ms, as no attempt. */
  readonly inMs: number | undefined;

  constructor(failure: string, message: string, rest: { final?: boolean; inMs?: number } = {}) {
    super(message);
    this.failure = failure;
    this.final = rest.final ?? false;
    this.inMs = rest.inMs;
  }
}

/** Longest waits, in ms. */
export interface MailLimits {
  /** Until the server has greeted. */
  connectMs: number;
  /** Until it says something more. */
  silenceMs: number;
  /** For a whole mail. */
  mailMs: number;
  /** First rest of a server that accepts nothing. */
  restMs?: number;
}

const LIMITS: MailLimits = { connectMs: 8000, silenceMs: 10_000, mailMs: 15_000 };

/** Connections that are kept open. */
const CONNECTIONS = 5;

/**
 * Sends mails over SMTP, on up to five connections that stay open. A server that refuses our set-up
 * or does not answer gets no mails for a while. Then one mail probes it.
 *
 * @param url `smtp://user:password@host:port`, or `smtps:`
 * @param from `Name <address>`
 */
export function createMailer(url: string, from: string, limits?: Partial<MailLimits>): Mailer {
  return new SmtpMailer(url, from, { ...LIMITS, ...limits });
}

class SmtpMailer implements Mailer {
  readonly #transport: ReturnType<typeof openTransport>;
  readonly #smtpUtf8: SmtpUtf8;
  readonly #domain: string;
  readonly #mailMs: number;
  readonly #rest: ServerRest;
  readonly #semaphore = new Semaphore(CONNECTIONS);
  #lastRefusal = { cause: 'SMTP unreachable', reason: 'the mail server takes no mails' };

  constructor(url: string, from: string, limits: MailLimits) {
    this.#transport = openTransport(url, from, limits);
    this.#smtpUtf8 = new SmtpUtf8(url, timeoutsOf(limits));
    this.#domain = /@([^\s>@]+)>?\s*$/.exec(from)?.[1] ?? 'knockon.invalid';
    this.#mailMs = limits.mailMs;
    this.#rest = new ServerRest(limits.restMs);
  }

  send(mail: Mail, signal?: AbortSignal): Promise<void> {
    return this.#semaphore.use(() => this.#attempt(mail, signal));
  }

  close(): void {
    this.#transport.close();
  }

  async #attempt(mail: Mail, signal: AbortSignal | undefined): Promise<void> {
    const { waitMs, isProbe } = this.#rest.ask();
    const { cause, reason } = this.#lastRefusal;
    if (waitMs > 0) throw new MailError(cause, reason, { inMs: waitMs });
    const limit = AbortSignal.timeout(this.#mailMs);
    try {
      await this.#transmit(mail, signal ? AbortSignal.any([signal, limit]) : limit);
      this.#rest.noteSuccess();
    } catch (error) {
      if (signal?.aborted) throw this.#interrupted(isProbe);
      throw this.#refused(readRefusal(error), isProbe);
    }
  }

  async #transmit({ to, subject, text, id }: Mail, signal: AbortSignal): Promise<void> {
    if (needsSmtpUtf8(to.address)) await this.#smtpUtf8.require(signal);
    const messageId = `<${id}@${this.#domain}>`;
    const headers = { 'Auto-Submitted': 'auto-generated' };
    const mail = { to, subject, text, messageId, headers, signal };
    const info = await this.#transport.sendMail(mail);
    // nodemailer does not always throw for a refused recipient.
    if (info.rejected.length > 0) throw info.rejectedErrors?.[0] ?? new Error('rejected');
  }

  #interrupted(isProbe: boolean): MailError {
    this.#rest.noteInterruption(isProbe);
    return new MailError('interrupted', 'the worker stopped while the mail was sent', { inMs: 0 });
  }

  #refused(refusal: Refusal, isProbe: boolean): MailError {
    const { kind, cause, reason, forAll } = refusal;
    if (kind === 'final' || kind === 'unsure') {
      this.#rest.noteSuccess();
      return new MailError(cause, reason, { final: kind === 'final' });
    }
    this.#lastRefusal = refusal;
    const restMs = this.#rest.noteRefusal(forAll, isProbe);
    // A failed probe uses up no attempt: a server may be out of order for days.
    return new MailError(cause, reason, { inMs: isProbe && restMs > 0 ? restMs : undefined });
  }
}

const timeoutsOf = ({ connectMs, silenceMs }: MailLimits) => ({
  connectionTimeout: connectMs,
  greetingTimeout: connectMs,
  dnsTimeout: connectMs,
  socketTimeout: silenceMs,
  socketCloseTimeout: 1000,
});

function openTransport(url: string, from: string, limits: MailLimits) {
  const timeouts = timeoutsOf(limits);
  return nodemailer.createTransport(
    { url, pool: true, maxConnections: CONNECTIONS, maxRequeues: 1, ...timeouts },
    { from, disableFileAccess: true, disableUrlAccess: true },
  );
}

/** Lets so many work at once. The others wait in the order of their arrival. */
class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(permits: number) {
    this.#free = permits;
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
