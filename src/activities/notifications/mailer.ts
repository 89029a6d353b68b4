import nodemailer from 'nodemailer';

export interface Mail {
  to: { name: string; address: string };
  subject: string;
  text: string;
  /** The same each time this mail is sent, so that mail systems can tell a repetition. */
  id: string;
}

/** Sends mails. */
export interface Mailer {
  /** @throws MailError */
  send(mail: Mail): Promise<void>;
  /** Ends the connections. */
  close(): void;
}

/** Thrown where a mail was not taken. `final`: the server refused this recipient or this mail for good (5xx). */
export class MailError extends Error {
  override name = 'MailError';
  /** Groups alike failures: `SMTP 550`, `SMTP unreachable`. */
  readonly failure: string;
  readonly final: boolean;

  constructor(failure: string, message: string, final: boolean) {
    super(message);
    this.failure = failure;
    this.final = final;
  }
}

/**
 * Mails over SMTP, on up to five connections that are kept.
 *
 * @param url `smtp://user:password@host:port`, or `smtps:`
 * @param from `Name <address>`
 */
export function createMailer(url: string, from: string): Mailer {
  const transport = nodemailer.createTransport(
    { url, pool: true, maxConnections: 5, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 },
    { from, disableFileAccess: true, disableUrlAccess: true },
  );
  const domain = /@([^\s>@]+)>?\s*$/.exec(from)?.[1] ?? 'knockon.invalid';
  return {
    async send({ to, subject, text, id }) {
      const info = await transport
        .sendMail({ to, subject, text, messageId: `<${id}@${domain}>`, headers: { 'Auto-Submitted': 'auto-generated' } })
        .catch((error: unknown) => {
          throw mailError(error);
        });
      // A refused recipient does not always make it throw.
      if (info.rejected.length > 0) throw mailError(info.rejectedErrors?.[0]);
    },
    close: () => transport.close(),
  };
}

/** What the server said decides; a refused login is ours to mend, not the recipient's fault. */
function mailError(error: unknown): MailError {
  const { message = 'not accepted', code, responseCode } = (error ?? {}) as { message?: string; code?: string; responseCode?: number };
  if (code === 'EAUTH') return new MailError('SMTP login refused', message, false);
  if (responseCode) return new MailError(`SMTP ${responseCode}`, message, responseCode >= 500);
  if (code === 'EENVELOPE') return new MailError('address malformed', message, true);
  return new MailError(code === 'ETIMEDOUT' ? 'SMTP timeout' : 'SMTP unreachable', message, false);
}
