import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Longest that a request is left without an answer, in ms: nobody waits for longer. */
const NEVER = 60_000;

/** The bad neighbours' endpoints: what the path says is what they do. */
export class BadReceiver {
  readonly #server = createServer((request, response) => {
    request.resume();
    const [, does, how] = (request.url ?? '').split('/');
    if (does === 'after') setTimeout(() => response.end(), Number(how)).unref();
    else if (does === 'never') setTimeout(() => response.destroy(), NEVER).unref();
    else response.writeHead(does === 'fails' ? 500 : 200).end();
  });

  static async start(): Promise<BadReceiver> {
    const receiver = new BadReceiver();
    await once(receiver.#server.listen(0, '127.0.0.1'), 'listening');
    return receiver;
  }

  /** Answers after so many ms. */
  after = (ms: number): string => `${this.#url}/after/${ms}`;
  /** Answers nothing. @param n tells them apart */
  never = (n: number): string => `${this.#url}/never/${n}`;
  /** Answers 500. */
  fails = (n: number): string => `${this.#url}/fails/${n}`;
  /** Answers at once, as it should. */
  takes = (): string => `${this.#url}/takes`;

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get #url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
}
