import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { boundConnections, timeLimits } from './connections.ts';

type Fetch = (request: Request) => Response | Promise<Response>;

/** A server that answers, and how it stops. */
export interface HttpServer {
  url: string;
  /**
   * From now on each answer ends its connection. Otherwise a busy keep-alive connection is cut off
   * mid-request at shutdown.
   */
  letGo(): void;
  /** Answers what is under way and takes no more; what is not done within so many ms is cut off. */
  close(withinMs: number): Promise<void>;
}

/**
 * Serves HTTP with bounded connections, headers (16 KiB, 100 of them) and times.
 *
 * @param at.port 0: any free port
 * @throws where nothing can listen there
 */
export async function serve(
  fetch: Fetch,
  at: { host: string; port: number },
  times = timeLimits,
): Promise<HttpServer> {
  const server = createAdaptorServer({ fetch, serverOptions: times }) as Server;
  server.maxHeadersCount = 100;
  boundConnections(server);
  let letsGo = false;
  server.prependListener('request', (_, response: ServerResponse) => {
    if (letsGo) response.shouldKeepAlive = false;
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = at.host.includes(':') ? `[${at.host}]` : at.host;
  return {
    url: `http://${host}:${port}`,
    letGo: () => {
      letsGo = true;
    },
    close: (withinMs) =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        setTimeout(() => server.closeAllConnections(), withinMs).unref();
      }),
  };
}
