import nodemailer from 'nodemailer';
import { readRefusal } from './refusal.ts';
import { MailRest } from './rest.ts';

export interface Mail {
  to: { name: string; address: string };
  subject: string;
  text: string;
  /** The same each time this mail is sent, so that mail systems can tell a repetition. */
  id: string;
}

/** Sends mails. */
export interface Mailer {
  /**
   * @param signal ends the attempt
   * @throws MailError
   */
  send(mail: Mail, signal?: AbortSignal): Promise<void>;
  /** Ends the connections. */
  close(): void;
}

/** Thrown where a mail was not taken. The message holds no address. */
export class MailError extends Error {
  override name = 'MailError';
  /** Groups alike failures: `SMTP 550`, `SMTP unreachable`, `mail set-up refused`. */
  readonly failure: string;
  /** The server refused this recipient or this mail for good. */
  readonly final: boolean;
  /**
   * Set where the server has been taking no mails for a while: in how many ms to ask again. That
   * uses up no try.
   */
  readonly inMs: number | undefined;

  constructor(failure: string, message: string, rest: { final?: boolean; inMs?: number } = {}) {
    super(message);
    this.failure = failure;
    this.final = rest.final ?? false;
    this.inMs = rest.inMs;
  }
}

/**
 * Longest waits, in ms: until the server has greeted, until it says something more, and for a mail
 * in all.
 */
export interface MailLimits {
  connectMs: number;
  silenceMs: number;
  mailMs: number;
  /** How long a server that takes nothing is left alone at first. */
  restMs?: number;
}

const LIMITS: MailLimits = { connectMs: 8000, silenceMs: 10_000, mailMs: 15_000 };

/** Connections that are kept. */
const CONNECTIONS = 5;

/**
 * Mails over SMTP, on up to five connections that are kept. A server that refuses our set-up, or
 * does not answer, is left alone for a while, and then tried with one mail.
 *
 * @param url `smtp://user:password@host:port`, or `smtps:`
 * @param from `Name <address>`
 */
export function createMailer(url: string, from: string, limits: Partial<MailLimits> = {}): Mailer {
  const { connectMs, silenceMs, mailMs, restMs } = { ...LIMITS, ...limits };
  const timeouts = {
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    dnsTimeout: connectMs,
    socketTimeout: silenceMs,
    socketCloseTimeout: 1000,
  };
  const transport = nodemailer.createTransport(
    { url, pool: true, maxConnections: CONNECTIONS, maxRequeues: 1, ...timeouts },
    { from, disableFileAccess: true, disableUrlAccess: true },
  );
  const domain = /@([^\s>@]+)>?\s*$/.exec(from)?.[1] ?? 'knockon.invalid';
  const rest = new MailRest(restMs);
  const places = new Places(CONNECTIONS);
  let known = { cause: 'SMTP unreachable', reason: 'the mail server takes no mails' };

  async function transmit({ to, subject, text, id }: Mail, signal: AbortSignal): Promise<void> {
    const headers = { 'Auto-Submitted': 'auto-generated' };
    const info = await transport.sendMail({
      to,
      subject,
      text,
      messageId: `<${id}@${domain}>`,
      headers,
      signal,
    });
    // A refused recipient does not always make it throw.
    if (info.rejected.length > 0) throw info.rejectedErrors?.[0] ?? new Error('rejected');
  }

  async function attempt(mail: Mail, signal: AbortSignal | undefined): Promise<void> {
    const { waitMs, isProbe } = rest.ask();
    if (waitMs > 0) throw new MailError(known.cause, known.reason, { inMs: waitMs });
    const limit = AbortSignal.timeout(mailMs);
    try {
      await transmit(mail, signal ? AbortSignal.any([signal, limit]) : limit);
      rest.works();
    } catch (error) {
      if (signal?.aborted) {
        rest.interrupted(isProbe);
        throw new MailError('interrupted', 'the worker stopped while the mail was sent', {
          inMs: 0,
        });
      }
      const refusal = readRefusal(error);
      if (refusal.kind === 'final' || refusal.kind === 'unsure') rest.works();
      else known = refusal;
      const restsMs = refusal === known ? rest.refuses(refusal.forAll, isProbe) : 0;
      // A mail that only showed that nothing has changed uses up no try: a server may be out of
      // order for days.
      throw new MailError(refusal.cause, refusal.reason, {
        final: refusal.kind === 'final',
        inMs: isProbe && restsMs > 0 ? restsMs : undefined,
      });
    }
  }

  return {
    send: (mail, signal) => places.use(() => attempt(mail, signal)),
    close: () => transport.close(),
  };
}

/** So many at once; the others wait in the order they came. */
class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
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
