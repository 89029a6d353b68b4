import { connect, type Socket } from 'node:net';

/**
 * One keep-alive connection that sends bytes and reads an answer's status. A whole HTTP client
 * would take more of the machine's two cores than the servers it is to measure; answers without a
 * content-length are refused.
 */
export class Connection {
  readonly #socket: Socket;
  #received: Buffer | undefined;
  #answered: ((status: number) => void) | undefined;
  #failed: (error: Error) => void;

  constructor(socket: Socket, failed: (error: Error) => void) {
    this.#socket = socket;
    this.#failed = failed;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => this.#failed(error));
    socket.on('close', () => this.#failed(new Error('the server closed the connection')));
  }

  /** @param failed told of a lost connection and of an answer that can't be read */
  static async open(url: string, failed: (error: Error) => void): Promise<Connection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>(
      (resolve, reject) => void socket.once('connect', resolve).once('error', reject),
    );
    return new Connection(socket, failed);
  }

  /** Sends a whole request; only one may be under way. */
  send(request: Buffer, answered: (status: number) => void): void {
    this.#answered = answered;
    this.#socket.write(request);
  }

  close(): void {
    this.#failed = () => {};
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const received = this.#received ? Buffer.concat([this.#received, chunk]) : chunk;
    this.#received = received;
    const end = received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = received.toString('latin1', 0, end);
    const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
    if (length === undefined)
      this.#failed(new Error(`an answer without a content-length:\n${head}`));
    if (!(received.length >= end + 4 + Number(length))) return;
    this.#received = undefined;
    this.#answered?.(Number(head.slice(9, 12)));
  }
}

/** A POST with a JSON body, ready to be sent. */
export function postRequest(url: string, headers: Record<string, string>, body: string): Buffer {
  const { host, pathname } = new URL(url);
  const all = {
    host,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}
