import { parseConnectionUrl } from 'nodemailer/lib/shared';
import SMTPConnection from 'nodemailer/lib/smtp-connection';

/** Thrown for an address that the mail server can't be told: it does not announce SMTPUTF8. */
export class SmtpUtf8MissingError extends Error {
  override name = 'SmtpUtf8MissingError';
}

/** How long an answer holds, in ms: the server may be set up anew. */
const KNOWN_MS = 10 * 60_000;

/** Whether a mail server takes addresses beyond ASCII (RFC 6531). */
export class SmtpUtf8 {
  readonly #url: string;
  readonly #timeouts: object;
  #known = { isThere: false, until: 0 };

  /** @param timeouts as nodemailer's transports have them */
  constructor(url: string, timeouts: object) {
    this.#url = url;
    this.#timeouts = timeouts;
  }

  /**
   * Asks the server on a connection of its own, before an address is named: other servers may cut
   * it short, or send the mail to somebody else.
   *
   * @throws SmtpUtf8MissingError, or nodemailer's error where the server can't be asked
   */
  async require(signal: AbortSignal): Promise<void> {
    if (performance.now() > this.#known.until) {
      const isThere = (await this.#extensions(signal)).includes('SMTPUTF8');
      this.#known = { isThere, until: performance.now() + KNOWN_MS };
    }
    if (!this.#known.isThere) throw new SmtpUtf8MissingError('no SMTPUTF8');
  }

  /** What it announces, behind STARTTLS where it has that. */
  async #extensions(signal: AbortSignal): Promise<string[]> {
    signal.throwIfAborted();
    // nodemailer tells it to what logs in by itself. Nobody does here.
    const method = 'ANNOUNCED';
    let tell: (extensions: string[]) => void = () => {};
    const connection = new SMTPConnection({
      ...parseConnectionUrl(this.#url),
      ...this.#timeouts,
      customAuth: { [method]: ({ extensions }) => tell(extensions) },
    });
    try {
      return await new Promise((resolve, reject) => {
        tell = resolve;
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        connection.on('error', reject);
        connection.on('end', () => reject(new Error('the connection has ended')));
        connection.connect((error) => {
          if (error) reject(error);
          else connection.login({ method }, (failed) => failed && reject(failed));
        });
      });
    } finally {
      connection.close();
    }
  }
}
