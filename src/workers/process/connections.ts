import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Connections a server has at once. */
const MOST = 4000;
/** Requests of one connection that are under way at once. Nearly all clients send one. */
const PIPELINED = 100;
/** How long an answer may lie there before the client has taken it, in ms. */
const UNREAD_MS = 60_000;
/** How often to look for such answers, in ms. */
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

/** A request of a connection, and its answer. */
interface Work {
  request: IncomingMessage;
  response: ServerResponse;
  /** When its whole answer was first seen waiting for the client. */
  waitsSince?: number;
}

interface Connection {
  /** When it was last asked something, or was opened, on the clock of `performance.now()`. */
  since: number;
  /**
   * What it was asked last. Oldest first, and several only where the client does not wait for its
   * answers.
   */
  works: Work[];
}

interface Limits {
  /** Connections at once. Default: 4000. */
  most?: number;
  /** How long an answer may wait for its client. Default: 60,000 ms. */
  unreadMs?: number;
}

/**
 * Bounds what connections cost. Above the cap the idlest connection is closed, in this order: no
 * request yet; between two requests; slow to send its body or to read its answer. So who has
 * something to ask is let in while strangers hold thousands. One that goes on asking without
 * waiting for its answers is ended.
 */
export function boundConnections(
  server: Server,
  { most = MOST, unreadMs = UNREAD_MS }: Limits = {},
): void {
  const connections = new Map<Socket, Connection>();

  /** @returns false where all are at work */
  function makeRoom(): boolean {
    const victim = idlest(connections);
    if (!victim) return false;
    connections.delete(victim);
    victim.destroy();
    return true;
  }

  function endUnread(): void {
    const now = performance.now();
    for (const [socket, { works }] of connections) {
      const oldest = works.find(isUnderWay);
      if (!oldest?.response.writableEnded) continue;
      oldest.waitsSince ??= now;
      if (now - oldest.waitsSince > unreadMs) socket.destroy();
    }
  }

  server.on('connection', (socket: Socket) => {
    if (connections.size >= most && !makeRoom())
      return void socket.end(FULL, () => socket.destroy());
    connections.set(socket, { since: performance.now(), works: [] });
    socket.once('close', () => connections.delete(socket));
  });
  // Each request changes what is noted of its connection, and moves nothing from one collection
  // into another: that was a quarter of what a request costs without its database.
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(request.socket);
    // One that was refused is at its end.
    if (!connection) return;
    connection.since = performance.now();
    connection.works = [...connection.works.filter(isUnderWay), { request, response }];
    if (connection.works.length <= PIPELINED) return;
    connections.delete(request.socket);
    request.socket.destroy();
  });
  const looking = setInterval(endUnread, Math.min(LOOK_MS, unreadMs));
  looking.unref();
  server.once('close', () => clearInterval(looking));
}

const isUnderWay = ({ response }: Work) => !response.writableFinished;

/** What a connection does, the least first. */
const SILENT = 0;
const RESTING = 1;
const SLOW = 2;
const AT_WORK = 3;

function activityOf({ works }: Connection): number {
  if (works.length === 0) return SILENT;
  const underWay = works.filter(isUnderWay);
  const [oldest, newest] = [underWay[0], underWay.at(-1)];
  if (!oldest || !newest) return RESTING;
  return oldest.response.writableEnded || !newest.request.complete ? SLOW : AT_WORK;
}

/** The one that does the least, and has done so for longest; undefined: all are at work. */
function idlest(connections: Map<Socket, Connection>): Socket | undefined {
  let found: { socket?: Socket; activity: number; since: number } = { activity: AT_WORK, since: 0 };
  for (const [socket, connection] of connections) {
    const activity = activityOf(connection);
    const { since } = connection;
    if (activity < found.activity || (activity === found.activity && since < found.since))
      found = { socket, activity, since };
  }
  return found.socket;
}
