import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { ProxiedConnection } from './proxied-connection.ts';

/**
 * What happens to connections.
 * - `clear`: they are passed on.
 * - `frozen`: bytes are held, in both directions. New connections are accepted, and silent.
 * - `dropped`: bytes are swallowed, as a firewall does. New connections are accepted, and silent.
 * - `forgotten`: those that are open are dropped; new ones work.
 * - `reset`: those that are open are reset, and so is each new one.
 */
export type ProxyMode = 'clear' | 'frozen' | 'dropped' | 'forgotten' | 'reset';

/** A TCP proxy on 127.0.0.1 that treats connections badly when it is told to. */
export class TcpProxy {
  readonly #upstream: number;
  readonly #pairs = new Set<ProxiedConnection>();
  readonly #server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
    (client) => this.#accept(client),
  );
  #weather: ProxyMode = 'clear';

  private constructor(upstream: number) {
    this.#upstream = upstream;
  }

  /**
   * @param port where it listens (0: any free port) @param upstream the port of the server behind
   * it
   */
  static async start(port: number, upstream: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(upstream);
    await once(proxy.#server.listen(port, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /**
   * What was dropped stays dropped for good, whatever comes afterwards. What was frozen goes on
   * when it clears up.
   */
  set(weather: ProxyMode): void {
    this.#weather = weather;
    for (const pair of this.#pairs) this.#apply(pair);
  }

  stop(): void {
    this.#server.close();
    for (const pair of this.#pairs) pair.reset();
  }

  #accept(client: Socket): void {
    const pair = new ProxiedConnection(client, this.#upstream, () => this.#pairs.delete(pair));
    this.#pairs.add(pair);
    if (this.#weather === 'forgotten') pair.flow();
    else this.#apply(pair);
  }

  #apply(pair: ProxiedConnection): void {
    if (this.#weather === 'clear') pair.flow();
    else if (this.#weather === 'frozen') pair.freeze();
    else if (this.#weather === 'reset') pair.reset();
    else pair.drop();
  }
}
