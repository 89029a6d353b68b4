import { once } from 'node:events';
import { connect, isIP, Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Host } from '../database-url.ts';
import { AnswerEnds } from './answer-ends.ts';
import { Hosts } from './hosts.ts';

/** What postgres.js hands to its `socket` option. */
interface Target {
  host: string[];
  port: number[];
  path: string | false;
}

/** As postgres.js takes it: false, a mode of libpq, or options of `tls.connect`. */
export type Tls = boolean | string | object;

interface Watched {
  /**
   * When something was asked that has not been answered in full, on the clock of
   * `performance.now()`; null: nothing is.
   */
  askedAt: number | null;
  heardAt: number;
  readonly answerEnds: AnswerEnds;
  /** As Postgres has said with its last answer. */
  isInTransaction: boolean;
  /** Is to be closed as soon as no transaction is open on it. */
  isOld: boolean;
  host: Host;
}

/** How often to look for silent connections, in ms. */
const LOOK = 250;

/**
 * Longest time until an answer goes on, in ms, where another connection of the process was dead
 * meanwhile: some statements may take minutes, and would wait that long for a dead one.
 */
const DOUBTED = 10_000;

/** How Postgres tells that no transaction is open. */
const IDLE = 0x49;

/** The host of a socket whose pool does not move on. */
const ANY: Host = { name: '', port: 0 };

/**
 * What Postgres is asked to do about a client that the network has taken away: to end its session,
 * with its locks, once nothing has come back for 20 s. By itself it may take two hours.
 */
export const KEEPALIVE = {
  tcp_keepalives_idle: 10,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 2,
  // In ms: for an answer that is on its way.
  tcp_user_timeout: 20_000,
} as const;

/** Until a TLS connection is there, in ms. */
const TLS_TIMEOUT = 5000;

/**
 * Pools of this process that have connections, by their database: what one finds out is of use to
 * the others.
 */
const pools = new Map<string, Set<Sockets>>();

/**
 * The sockets of one pool. One on which an answer has not come for too long is destroyed, and with
 * it all that have been silent since: a firewall that drops and a proxy that freezes end no
 * connection, and the kernel notices only after many minutes.
 */
export class Sockets {
  readonly #database: string;
  readonly #hosts: Hosts;
  readonly #silentMs: number;
  readonly #tls: Tls;
  readonly #watched = new Map<Socket, Watched>();
  #timer: NodeJS.Timeout | undefined;
  /** What was not heard of since then is doubted, on the clock of `performance.now()`. */
  #doubtedSince = Number.NEGATIVE_INFINITY;

  /**
   * @param database its URL, by which the pools of the process know each other
   * @param silentMs longest time until an answer goes on: a little more than a statement may take
   */
  constructor(database: string, silentMs: number, tls: Tls) {
    this.#database = database;
    this.#hosts = Hosts.of(database);
    this.#silentMs = silentMs;
    this.#tls = tls;
  }

  /**
   * Opens a connection. Its failure is told by the socket: postgres.js loses a connection whose
   * socket could not be made.
   */
  open(target: Target): Socket | Promise<Socket> {
    if (this.#hosts.areSeveral) return this.#openAny();
    const host = { name: target.host[0] ?? 'localhost', port: target.port[0] ?? 5432 };
    const raw = target.path ? connect(target.path) : connect(host.port, host.name);
    return this.#tls && !target.path ? this.#secure(raw, host) : this.watch(raw, host);
  }

  async #openAny(): Promise<Socket> {
    try {
      const { socket, host } = await this.#hosts.connect();
      return this.#tls ? await this.#secure(socket, host) : this.watch(socket, host);
    } catch (error) {
      return failing(error as Error);
    }
  }

  /**
   * Closes every connection that is open now, each as soon as no transaction is under way on it.
   */
  replaceAll(): void {
    for (const [socket, watched] of this.#watched) {
      this.#hosts.moveOn(watched.host);
      if (watched.askedAt === null && !watched.isInTransaction) socket.destroy();
      else watched.isOld = true;
    }
  }

  /** Watches a socket, connected or not, on which Postgres' protocol is spoken in the clear. */
  watch<S extends Socket>(socket: S, host: Host = ANY): S {
    const now = performance.now();
    const watched: Watched = {
      askedAt: now,
      heardAt: now,
      answerEnds: new AnswerEnds(),
      isInTransaction: false,
      isOld: false,
      host,
    };
    noteWrites(socket, watched);
    // `connect` undoes it.
    socket.once('connect', () => noteWrites(socket, watched));
    tellErrorWithClose(socket);
    socket.on('data', (chunk) => this.#hear(socket, watched, chunk as Buffer));
    socket.once('close', () => this.#forget(socket));
    this.#watched.set(socket, watched);
    // postgres.js names them where a connection fails.
    if (host !== ANY) Object.assign(socket, { host: host.name, port: host.port });
    pools.set(this.#database, (pools.get(this.#database) ?? new Set()).add(this));
    // Where this process hung, answers lie here that are read before the immediate.
    const look = () => setImmediate(() => this.#look());
    this.#timer ??= setInterval(look, LOOK).unref();
    return socket;
  }

  #hear(socket: Socket, watched: Watched, chunk: Buffer): void {
    watched.heardAt = performance.now();
    const state = watched.answerEnds.read(chunk);
    if (watched.askedAt === null) return;
    const isAnswered = state !== 0;
    watched.askedAt = isAnswered ? null : watched.heardAt;
    watched.isInTransaction = isAnswered && state !== IDLE;
    if (watched.isOld && isAnswered && !watched.isInTransaction)
      queueMicrotask(() => socket.destroy());
  }

  #look(): void {
    const now = performance.now();
    for (const { askedAt, heardAt } of [...this.#watched.values()]) {
      const isDoubted = heardAt <= this.#doubtedSince;
      const longest = isDoubted ? Math.min(DOUBTED, this.#silentMs) : this.#silentMs;
      if (askedAt !== null && now - askedAt > longest) this.#destroySilent(askedAt, longest);
    }
  }

  /** What has been heard of since then is alive; of all else nobody knows. */
  #destroySilent(since: number, silentMs: number): void {
    for (const [socket, { heardAt }] of this.#watched) {
      if (heardAt > since) continue;
      const error = new Error(
        `Postgres has not answered for ${silentMs / 1000} s: the connection is given up`,
      );
      socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
    }
    for (const others of pools.get(this.#database) ?? []) if (others !== this) others.#doubt(since);
  }

  /**
   * Another pool's connections were dead. An idle one that was not heard of since is not used
   * again. One that is in use may only be slow: it is given up sooner than usual.
   */
  #doubt(since: number): void {
    this.#doubtedSince = Math.max(this.#doubtedSince, since);
    for (const [socket, { heardAt, askedAt, isInTransaction }] of this.#watched)
      if (heardAt <= since && askedAt === null && !isInTransaction) socket.destroy();
  }

  #forget(socket: Socket): void {
    this.#watched.delete(socket);
    if (this.#watched.size > 0) return;
    pools.get(this.#database)?.delete(this);
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Asks Postgres for TLS, as libpq does. Here and not in postgres.js, so that what is read and
   * written can be seen.
   */
  async #secure(raw: Socket, host: Host): Promise<Socket> {
    raw.setTimeout(TLS_TIMEOUT, () =>
      raw.destroy(Object.assign(new Error('no TLS within 5 s'), { code: 'ETIMEDOUT' })),
    );
    try {
      raw.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
      const [answer] = (await once(raw, 'data')) as [Buffer];
      raw.setTimeout(0);
      if (answer[0] !== 0x53 && this.#tls === 'prefer') return this.watch(raw, host);
      const secured: TLSSocket = connectTls({
        socket: raw,
        servername: isIP(host.name) ? undefined : host.name,
        ...tlsOptions(this.#tls),
      });
      await once(secured, 'secureConnect');
      return this.watch(secured, host);
    } catch (error) {
      raw.destroy();
      return failing(error as Error);
    }
  }
}

/** Has a socket note when something is asked by it. */
function noteWrites(socket: Socket, watched: Watched): void {
  const { write } = Socket.prototype as { write(...args: unknown[]): boolean };
  socket.write = (...args: unknown[]) => {
    watched.askedAt ??= performance.now();
    return write.apply(socket, args);
  };
}

/**
 * Has a socket tell of its error when it is closed, and not some time before. What postgres.js 3.4
 * sends by a connection between the two is never answered, nor rejected.
 */
function tellErrorWithClose(socket: Socket): void {
  const emit = socket.emit.bind(socket) as (event: string, ...args: unknown[]) => boolean;
  let error: unknown;
  socket.emit = (event: string, ...args: unknown[]) => {
    if (event === 'error') {
      error ??= args[0];
      return true;
    }
    if (event === 'close' && error) emit('error', error);
    return emit(event, ...args);
  };
}

/** A socket that tells of a failure once somebody listens. */
function failing(error: Error): Socket {
  const socket = Object.assign(new Socket(), { write: () => true });
  setImmediate(() => socket.destroy(error));
  return socket;
}

const tlsOptions = (tls: Tls): object => {
  if (typeof tls === 'object') return tls;
  return tls === 'require' || tls === 'allow' || tls === 'prefer'
    ? { rejectUnauthorized: false }
    : {};
};
