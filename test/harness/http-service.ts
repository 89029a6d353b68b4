import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { DomainEvent } from '../../src/events/index.ts';

/** A call as an HTTP subscriber gets it. */
export interface TakenCall {
  subscriber: string;
  call_id: string;
  attempt: number;
  events: DomainEvent[];
  test?: true;
}

/** What a service does with a call: answers it, or does something to the connection. */
export type Serve = (call: TakenCall, response: ServerResponse) => unknown;

/** An HTTP service that takes calls on a free port, and verifies who has signed them. */
export class HttpService {
  /** Calls in the order they came in. */
  readonly calls: TakenCall[] = [];
  /** What a call is answered; by default 204. */
  serve: Serve = (_, response) => response.writeHead(204).end();
  /** With which calls must be signed; none: nothing is verified. */
  secret: string | undefined;
  readonly headers: IncomingMessage['headers'][] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async start(): Promise<HttpService> {
    const service = new HttpService();
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/events`;
  }

  /** The ids of all events that came, in their order. */
  get ids(): string[] {
    return this.calls.flatMap(({ events }) => events.map(({ id }) => id));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    if (this.secret)
      new Webhook(this.secret).verify(body, request.headers as Record<string, string>);
    const call = JSON.parse(body) as TakenCall;
    this.calls.push(call);
    this.headers.push(request.headers);
    await this.serve(call, response);
  }
}

/** Answers what is not done. */
export const results =
  (of: (call: TakenCall) => unknown): Serve =>
  (call, response) =>
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ results: of(call) }));
