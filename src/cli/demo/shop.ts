import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Api, ApiProblem } from '../api/client.ts';

/** Somebody who has messages sent to a server of theirs, on this machine. */
export interface Shop {
  url: string;
  /** Takes the endpoint away again. */
  close(): Promise<void>;
}

/** By which an endpoint that an earlier demo has left behind is known. */
const DESCRIPTION = 'The server of `knockon demo`';

/** Which webhook it refuses once, so that it is seen how one is tried again. */
const REFUSED = 3;

/**
 * Opens a server for webhooks and an endpoint of the workspace for it. It refuses the third webhook
 * once, with 503.
 *
 * @returns null where webhooks may not reach this machine
 */
export async function openShop(api: Api): Promise<Shop | null> {
  await removeLeftovers(api);
  const seen = new Set<string>();
  const server = createServer((request, response) => take(seen, request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`;
  const end = () => {
    server.closeAllConnections();
    server.close();
  };
  try {
    const { body } = await api.send<{ id: string }>('POST', '/v1/endpoints', {
      body: { url, event_types: ['*'], description: DESCRIPTION },
    });
    return { url, close: () => api.send('DELETE', `/v1/endpoints/${body.id}`).then(end, end) };
  } catch (error) {
    end();
    if (error instanceof ApiProblem && error.status === 422) return null;
    throw error;
  }
}

function take(seen: Set<string>, request: IncomingMessage, response: ServerResponse): void {
  const id = String(request.headers['webhook-id']);
  const isRefused = seen.size === REFUSED - 1 && !seen.has(id);
  seen.add(id);
  request
    .resume()
    .once('end', () =>
      response.writeHead(isRefused ? 503 : 200).end(isRefused ? 'busy' : 'thank you'),
    );
}

async function removeLeftovers(api: Api): Promise<void> {
  for await (const { id, description } of api.list<{ id: string; description: string | null }>(
    '/v1/endpoints',
  ))
    if (description === DESCRIPTION) await api.send('DELETE', `/v1/endpoints/${id}`);
}
