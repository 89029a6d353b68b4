import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { Random } from '../random.ts';

/** How often it asks to come again later. */
const REFUSES = 0.03;

/** What is behind everybody's address: a real SMTP server that now and then takes nothing (451). */
export class Mailbox {
  /** How often each mail came, by its Message-ID and recipient. */
  readonly mails = new Map<string, number>();
  readonly #server: SMTPServer;

  private constructor(random: Random) {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo: (_to, _session, done) => {
        done(
          random() < REFUSES
            ? Object.assign(new Error('come again later'), { responseCode: 451 })
            : null,
        );
      },
      onData: (stream, session, done) => {
        let raw = '';
        stream.on('data', (chunk: Buffer) => (raw += chunk));
        stream.on('end', () => {
          for (const { address } of session.envelope.rcptTo) this.#take(raw, address);
          done();
        });
      },
    });
    // Whoever is killed in the middle of a mail breaks off here.
    this.#server.on('error', () => {});
  }

  static async start(random: Random): Promise<Mailbox> {
    const mailbox = new Mailbox(random);
    mailbox.#server.listen(0, '127.0.0.1');
    await once(mailbox.#server.server, 'listening');
    return mailbox;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
  }

  #take(raw: string, address: string): void {
    const [, id] = /^message-id:\s*(\S+)/im.exec(raw) ?? [];
    const which = `${id} ${address}`;
    this.mails.set(which, (this.mails.get(which) ?? 0) + 1);
  }
}
