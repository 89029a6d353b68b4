import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import postgres from 'postgres';
import { type Host, hostsOf, withHost } from '../database-url.ts';

/** Longest until one of several hosts takes a connection, in ms; then the next is asked. */
const PATIENCE = 2000;

/** What `target_session_attrs` asks of a host, as libpq knows it. */
const suits: Record<string, (host: { isStandby: boolean; isReadOnly: boolean }) => boolean> = {
  'read-write': ({ isReadOnly }) => !isReadOnly,
  'read-only': ({ isReadOnly }) => isReadOnly,
  primary: ({ isStandby }) => !isStandby,
  standby: ({ isStandby }) => isStandby,
  'prefer-standby': ({ isStandby }) => isStandby,
};

const known = new Map<string, Hosts>();

/**
 * The hosts of a database. One is in use: the first that takes a connection and is as
 * `target_session_attrs` asks. A pool that finds it takes no writes moves all pools of the process
 * to the next.
 *
 * postgres.js goes round them by itself, but without end and without a pause where none answers,
 * and takes a standby for one that can be written to; `pg` knows of one alone.
 */
export class Hosts {
  /** The URL for a client that is handed its sockets: of one host. */
  readonly url: string;
  readonly #hosts: Host[];
  readonly #wanted: string | null;
  #current = 0;
  /** Whether the one in use was found to be right, and nothing has been heard against it since. */
  #isSure = false;
  #choosing: Promise<void> | undefined;

  private constructor(url: string) {
    this.#hosts = hostsOf(url);
    const [address, query] = url.split('?');
    const asked = new URLSearchParams(query);
    this.#wanted = asked.get('target_session_attrs');
    asked.delete('target_session_attrs');
    this.url = this.areSeveral
      ? withHost(asked.size > 0 ? `${address}?${asked}` : address!, this.#hosts[0]!)
      : url;
  }

  /** Those of this URL, the same for the whole process. */
  static of(url: string): Hosts {
    const hosts = known.get(url) ?? new Hosts(url);
    known.set(url, hosts);
    return hosts;
  }

  get areSeveral(): boolean {
    return this.#hosts.length > 1;
  }

  /** @param host takes no writes: where it is in use, another is from now on */
  moveOn(host: Host): void {
    if (!this.areSeveral || this.#hosts[this.#current] !== host) return;
    this.#current = (this.#current + 1) % this.#hosts.length;
    this.#isSure = false;
  }

  /** @throws where none takes a connection, or none is as asked: the error of the last */
  async connect(): Promise<{ socket: Socket; host: Host }> {
    if (this.#isSure) {
      const host = this.#hosts[this.#current]!;
      const socket = await reach(host).catch(() => null);
      if (socket) return { socket, host };
      this.#isSure = false;
    }
    this.#choosing ??= this.#choose().finally(() => {
      this.#choosing = undefined;
    });
    await this.#choosing;
    const host = this.#hosts[this.#current]!;
    return { socket: await reach(host), host };
  }

  async #choose(): Promise<void> {
    try {
      await this.#find(this.#wanted);
    } catch (error) {
      if (this.#wanted !== 'prefer-standby') throw error;
      await this.#find(null);
    }
    this.#isSure = true;
  }

  async #find(wanted: string | null): Promise<void> {
    let failure: unknown;
    const first = this.#current;
    for (let i = 0; i < this.#hosts.length; i += 1) {
      const at = (first + i) % this.#hosts.length;
      try {
        await this.#check(this.#hosts[at]!, wanted);
        this.#current = at;
        return;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #check(host: Host, wanted: string | null): Promise<void> {
    (await reach(host)).destroy();
    const isRight = suits[wanted ?? ''];
    if (!isRight) return;
    const pg = postgres(withHost(this.url, host), {
      max: 1,
      connect_timeout: PATIENCE / 1000,
      fetch_types: false,
      prepare: false,
      onnotice: () => {},
    });
    try {
      const [found] = await pg<{ isStandby: boolean; isReadOnly: boolean }[]>`
        select pg_is_in_recovery() as "isStandby", current_setting('transaction_read_only') =
          'on' as "isReadOnly"`;
      if (found && isRight(found)) return;
    } finally {
      await pg.end({ timeout: 1 });
    }
    const error = new Error(
      `Postgres at ${host.name}:${host.port} is not as target_session_attrs=${wanted} asks`,
    );
    throw Object.assign(error, { code: 'CONNECTION_UNSUITABLE' });
  }
}

async function reach({ name, port }: Host): Promise<Socket> {
  const socket = connect(port, name);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(PATIENCE) });
    return socket;
  } catch (error) {
    socket.on('error', () => {}).destroy();
    if ((error as Error).name !== 'AbortError') throw error;
    throw Object.assign(
      new Error(`Postgres at ${name}:${port} takes no connection within ${PATIENCE / 1000} s`),
      { code: 'ETIMEDOUT' },
    );
  }
}

/**
 * A socket for `pg`, which says itself where it is to connect: to the host in use, whatever it
 * says.
 */
export class HostSocket extends Socket {
  readonly #hosts: Hosts;

  constructor(hosts: Hosts) {
    super();
    this.#hosts = hosts;
  }

  override connect(...args: never[]): this {
    this.#hosts.connect().then(
      ({ socket, host }) => {
        socket.destroy();
        super.connect(host.port, host.name);
      },
      (error) => this.destroy(error),
    );
    void args;
    return this;
  }
}
