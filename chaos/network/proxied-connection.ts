import { connect, type Socket } from 'node:net';
import { KEEPALIVE } from '../../src/db/sockets.ts';

/**
 * How long the server's side of a dropped connection stays open, in ms. Postgres would notice then,
 * as each of our connections asks it to; the proxy's kernel answers in the client's place here.
 */
const NOTICED = KEEPALIVE.tcp_user_timeout;

/** A client's connection and the one to the server that belongs to it. */
export class ProxiedConnection {
  readonly #client: Socket;
  readonly #upstream: number;
  readonly #onGone: () => void;
  #server: Socket | undefined;
  #isFlowing = false;
  #isDropped = false;

  /**
   * @param client paused @param upstream the server's port on 127.0.0.1 @param onGone told once the
   * client's side is closed
   */
  constructor(client: Socket, upstream: number, onGone: () => void) {
    this.#client = client;
    this.#upstream = upstream;
    this.#onGone = onGone;
    client.on('error', () => {});
    client.on('close', () => this.#clientIsGone());
  }

  /** Passes bytes on, in both directions. Connects to the server where that is still to be done. */
  flow(): void {
    if (this.#isFlowing || this.#isDropped || this.#client.destroyed) return;
    this.#isFlowing = true;
    this.#server ??= this.#connect();
    const server = this.#server;
    this.#client.pipe(server);
    server.pipe(this.#client);
  }

  /** Holds all bytes where they are. */
  freeze(): void {
    this.#unpipe();
    this.#client.pause();
    this.#server?.pause();
  }

  /** Swallows all bytes from now on, and closes nothing: neither side is told anything. */
  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#unpipe();
    this.#client.resume();
    this.#server?.resume();
    setTimeout(() => this.#server?.destroy(), NOTICED).unref();
  }

  reset(): void {
    this.#unpipe();
    this.#client.resetAndDestroy();
    this.#server?.resetAndDestroy();
  }

  #unpipe(): void {
    this.#isFlowing = false;
    if (!this.#server) return;
    this.#client.unpipe(this.#server);
    this.#server.unpipe(this.#client);
  }

  #connect(): Socket {
    const server = connect({
      port: this.#upstream,
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
    });
    server.on('error', () => {});
    server.on('close', () => {
      if (!this.#isDropped) this.#client.destroy();
    });
    return server;
  }

  /** What is dropped does not reach the server, the client's end neither. */
  #clientIsGone(): void {
    this.#onGone();
    if (!this.#isDropped) this.#server?.destroy();
  }
}
