import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

type Trouble = 'open' | 'frozen' | 'swallowed';

/** A TCP proxy in front of a server, which can be made to fail as networks do. */
export interface TestProxy {
  /** The server's URL, by way of the proxy. */
  url: string;
  /**
   * `frozen`: nothing is read any more. `swallowed`: what is sent is lost. Neither ends a
   * connection.
   *
   * @param whom only the connections that are open now, or those to come too (default)
   * @param afterBytes once so many more bytes have come from the server
   */
  be(trouble: Trouble, whom?: 'what is there' | 'all', afterBytes?: number): void;
  stop(): Promise<void>;
}

interface Pair {
  near: Socket;
  far: Socket;
  trouble: Trouble;
  /** Bytes from the server until the trouble begins. */
  left: number;
}

export async function startProxy(serverUrl: string): Promise<TestProxy> {
  const { hostname, port } = new URL(serverUrl);
  const pairs = new Set<Pair>();
  let forNew: Trouble = 'open';
  const server = createServer((near) => {
    const pair: Pair = { near, far: connect(Number(port), hostname), trouble: forNew, left: 0 };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      pair.far.destroy();
    };
    for (const socket of [near, pair.far]) socket.on('error', end).on('close', end);
    near.on('data', (chunk) => pass(pair, pair.far, chunk, 0));
    pair.far.on('data', (chunk) => pass(pair, near, chunk, chunk.length));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    be(trouble, whom = 'all', afterBytes = 0) {
      forNew = whom === 'all' ? trouble : 'open';
      for (const pair of pairs) {
        Object.assign(pair, { trouble, left: afterBytes });
        if (trouble === 'open') for (const socket of [pair.near, pair.far]) socket.resume();
      }
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const { near, far } of pairs) for (const socket of [near, far]) socket.destroy();
      }),
  };
}

function pass(pair: Pair, to: Socket, chunk: Buffer, counted: number): void {
  if (pair.trouble === 'open' || pair.left > 0) {
    pair.left -= counted;
    to.write(chunk);
  } else if (pair.trouble === 'frozen') {
    for (const socket of [pair.near, pair.far]) socket.pause();
  }
}
