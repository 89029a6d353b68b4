import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Stage } from '../product/stage.ts';

/** What came to a customer's server. */
export interface Arrival {
  /** The header `webhook-id`: the same for the same event. */
  id: string;
  response: ServerResponse;
}

/**
 * A customer's server on this machine, which does with each webhook what `take` does. @returns its
 * URL
 */
export async function openReceiver(
  stage: Stage,
  take: (arrival: Arrival) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    request
      .resume()
      .once('end', () => take({ id: String(request.headers['webhook-id']), response }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stage.afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`;
}

export function answer(response: ServerResponse, status: number, text = ''): void {
  if (!response.writableEnded) response.writeHead(status).end(text);
}
