import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { verifyWebhook, type WebhookEvent } from '../client/webhooks.ts';

/** A webhook as it arrived, after its signature was verified. */
export interface ReceivedWebhook {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  event: WebhookEvent;
}

/**
 * A real HTTP server on 127.0.0.1 that takes webhooks. It verifies each: what does not fit is
 * answered with 400, and stands in `refused`.
 */
export class WebhookReceiver {
  /** What it verifies with. Set it to the secret that the API gave to the endpoint. */
  secret = `whsec_${randomBytes(32).toString('base64')}`;
  readonly requests: ReceivedWebhook[] = [];
  /** Why requests were refused. */
  readonly refused: string[] = [];
  /** What it answers; default 200 without a body. */
  answer: (response: ServerResponse, request: ReceivedWebhook) => void = (response) =>
    response.end();
  readonly #server = createServer((request, response) => void this.#take(request, response));

  /** Starts to listen, on any free port. */
  async listen(): Promise<this> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(path = '/hook'): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** @throws if the webhook must not be believed */
  protected verify(body: string, headers: IncomingHttpHeaders): WebhookEvent {
    return verifyWebhook({ secret: this.secret, headers, body }).event;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    try {
      const event = this.verify(body, request.headers);
      const received = { path: request.url ?? '', headers: request.headers, body, event };
      this.requests.push(received);
      this.answer(response, received);
    } catch (error) {
      this.refused.push(String(error));
      response.writeHead(400).end();
    }
  }
}
