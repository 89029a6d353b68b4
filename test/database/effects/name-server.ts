import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';

/**
 * What a name server says of a name: its addresses and how long they hold (s), a failure, or
 * nothing at all.
 */
export type Said = { addresses: string[]; ttl?: number } | 'servfail' | 'silent' | undefined;

const A = 1;
const AAAA = 28;

/** A real name server, which answers over UDP. */
export class NameServer {
  /** What it was asked: the name, and 4 or 6. */
  readonly asked: { name: string; family: 4 | 6 }[] = [];
  /** What it says; undefined: there is no such name. */
  say: (name: string, family: 4 | 6) => Said | Promise<Said> = () => undefined;
  readonly #socket = createSocket('udp4');

  static async start(): Promise<NameServer> {
    const server = new NameServer();
    server.#socket.on('message', (query, { port, address }) => {
      void server
        .#answer(query)
        .then((answer) => answer && server.#socket.send(answer, port, address));
    });
    server.#socket.bind(0, '127.0.0.1');
    await once(server.#socket, 'listening');
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  stop(): void {
    this.#socket.close();
  }

  async #answer(query: Buffer): Promise<Buffer | undefined> {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at]!; length > 0; length = query[at]!) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const [name, type] = [labels.join('.').toLowerCase(), query.readUInt16BE(at + 1)];
    const family = type === AAAA ? 6 : 4;
    this.asked.push({ name, family });
    const said = await this.say(name, family);
    if (said === 'silent') return undefined;
    const isFailure = said === 'servfail' || said === undefined;
    const records = isFailure
      ? []
      : said.addresses
          .filter((address) => isIP(address) === family)
          .map((address) => record(address, said.ttl ?? 60));
    const header = Buffer.from(query.subarray(0, 12));
    // An answer, recursion available; and how many records there are.
    header.writeUInt16BE(0x8180 + (said === 'servfail' ? 2 : said === undefined ? 3 : 0), 2);
    header.writeUInt16BE(records.length, 6);
    header.writeUInt32BE(0, 8);
    return Buffer.concat([header, query.subarray(12, at + 5), ...records]);
  }
}

/** Of the name that was asked for. */
function record(address: string, ttl: number): Buffer {
  const bytes = isIP(address) === 6 ? sixteen(address) : address.split('.').map(Number);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(isIP(address) === 6 ? AAAA : A, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(bytes.length, 10);
  return Buffer.concat([head, Buffer.from(bytes)]);
}

/** Of an address such as `2001:db8::1`, or `::1`. */
function sixteen(address: string): number[] {
  const [before = '', after = ''] = address.split('::');
  const words = (text: string) =>
    text
      .split(':')
      .filter(Boolean)
      .map((word) => Number.parseInt(word, 16));
  const [head, tail] = [words(before), words(after)];
  const all = [...head, ...Array(8 - head.length - tail.length).fill(0), ...tail];
  return all.flatMap((word) => [word >> 8, word & 255]);
}
