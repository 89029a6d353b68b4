import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Connections a server has at once. */
const MOST = 4000;
/** How long an answer may lie there before the client has taken it, in ms. */
const UNREAD_MS = 60_000;
/** How often it is looked for such answers, in ms. */
const LOOK_MS = 5000;
/** What is told to who finds every connection at work. */
const FULL =
  'HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: ' +
  '0\r\n\r\n';

/**
 * Times in ms: a client has 10 s for its headers (also for its first byte), and 30 s for its whole
 * request; then it is answered 408. Between two requests neither counts: there a connection rests
 * for `keepAliveTimeout`.
 */
export const timeLimits: ServerOptions = {
  keepAliveTimeout: 65_000,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1000,
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
};

/** A request of a connection that is not answered to its end. */
interface Work {
  request: IncomingMessage;
  response: ServerResponse;
  /** When its whole answer was first seen waiting for the client. */
  waitsSince?: number;
}

interface Limits {
  /** Connections at once. Default: 4000. */
  most?: number;
  /** How long an answer may wait for its client. Default: 60,000 ms. */
  unreadMs?: number;
}

/**
 * Bounds what connections cost. Beyond the cap the one goes that does the least: that has sent no
 * request yet, that rests between two, that is slow to send its body or to take its answer. So who
 * has something to ask is let in while strangers hold thousands.
 */
export function boundConnections(
  server: Server,
  { most = MOST, unreadMs = UNREAD_MS }: Limits = {},
): void {
  const silent = new Set<Socket>();
  const resting = new Set<Socket>();
  /** Oldest first: a client may send requests before it is answered. */
  const working = new Map<Socket, Work[]>();
  const count = () => silent.size + resting.size + working.size;
  const forget = (socket: Socket) =>
    silent.delete(socket) || resting.delete(socket) || working.delete(socket);

  /** @returns false where all are at work */
  function makeRoom(): boolean {
    const victim = first(silent) ?? first(resting) ?? firstSlow(working);
    if (!victim) return false;
    forget(victim);
    victim.destroy();
    return true;
  }

  function ended(socket: Socket, work: Work): void {
    const left = working.get(socket)?.filter((one) => one !== work);
    if (!left || socket.destroyed) return;
    if (left.length > 0) working.set(socket, left);
    else if (working.delete(socket)) resting.add(socket);
  }

  function endUnread(): void {
    const now = performance.now();
    for (const [socket, [oldest]] of working) {
      if (!oldest?.response.writableEnded) continue;
      oldest.waitsSince ??= now;
      if (now - oldest.waitsSince > unreadMs) socket.destroy();
    }
  }

  server.on('connection', (socket: Socket) => {
    if (count() >= most && !makeRoom()) return void socket.end(FULL, () => socket.destroy());
    silent.add(socket);
    socket.once('close', () => forget(socket));
  });
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const before = working.get(socket) ?? [];
    // One that was refused is at its end.
    if (!forget(socket)) return;
    const work: Work = { request, response };
    working.set(socket, [...before, work]);
    response.once('close', () => ended(socket, work));
  });
  const looking = setInterval(endUnread, Math.min(LOOK_MS, unreadMs));
  looking.unref();
  server.once('close', () => clearInterval(looking));
}

function first(sockets: Set<Socket>): Socket | undefined {
  const [socket] = sockets;
  return socket;
}

function firstSlow(working: Map<Socket, Work[]>): Socket | undefined {
  for (const [socket, works] of working) {
    if (works[0]?.response.writableEnded || !works.at(-1)?.request.complete) return socket;
  }
  return undefined;
}
