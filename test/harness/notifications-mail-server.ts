import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A mail as the server took it. */
export interface Taken {
  to: string[];
  /** Headers and body as they came over the wire. */
  raw: string;
}

/** A real SMTP server. `refuse` answers a recipient's address with a status code. */
export class MailServer {
  readonly mails: Taken[] = [];
  /** Recipients it was asked for, refused ones included. */
  readonly asked: string[] = [];
  refuse: (address: string) => number | undefined = () => undefined;
  readonly #server: SMTPServer;

  constructor(options: SMTPServerOptions = {}) {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo: ({ address }, _session, done) => {
        this.asked.push(address);
        const code = this.refuse(address);
        done(
          code === undefined
            ? null
            : Object.assign(new Error(`no ${address} here`), { responseCode: code }),
        );
      },
      onData: (stream, session, done) => {
        let raw = '';
        stream.on('data', (chunk: Buffer) => (raw += chunk));
        stream.on('end', () => {
          this.mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), raw });
          done();
        });
      },
      ...options,
    });
  }

  static async start(options?: SMTPServerOptions): Promise<MailServer> {
    const server = new MailServer(options);
    server.#server.on('error', () => {});
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server.server, 'listening');
    return server;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
