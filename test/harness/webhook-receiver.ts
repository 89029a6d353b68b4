import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { type Effect, machineTime } from '../../src/activities/runtime/effect.ts';
import { webhooks } from '../../src/activities/webhooks/index.ts';
import type { Database } from '../../src/db/client.ts';
import { endpoints } from '../../src/db/schema/webhooks.ts';
import type { DomainEvent } from '../../src/events/index.ts';
import { createSeal } from '../../src/seal.ts';

/** A request as it arrived, after its signature was verified with the official library. */
export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  event: DomainEvent;
}

export const seal = createSeal('a secret of thirty-two characters');
export const loopback = ['127.0.0.0/8', '::1/128'];

export interface RegisterOptions {
  types?: string[];
  url?: string;
  secret?: string;
  maxPerSecond?: number;
}

/** A real HTTP server that takes webhooks. */
export class Receiver {
  /** What it verifies with; another where the API made the endpoint. */
  secret = `whsec_${randomBytes(32).toString('base64')}`;
  readonly requests: Received[] = [];
  /** What it answers; default 200 without a body. */
  answer: (response: ServerResponse, request: Received) => void = (response) => response.end();
  readonly #server = createServer((request, response) => void this.#take(request, response));

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await once(receiver.#server.listen(0, '127.0.0.1'), 'listening');
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(path = '/hook'): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** Registers an endpoint of that workspace here. */
  async register({ db }: Database, workspaceId: string, options: RegisterOptions = {}) {
    const {
      types = ['*'],
      url = this.url(),
      secret = seal.close(this.secret),
      maxPerSecond: max_per_second,
    } = options;
    const values = { workspace_id: workspaceId, url, event_types: types, secret, max_per_second };
    const [row] = await db.insert(endpoints).values(values).returning();
    return row!;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    const headers = request.headers as Record<string, string>;
    const event = new Webhook(this.secret).verify(body, headers) as DomainEvent;
    const received = { path: request.url ?? '', headers: request.headers, body, event };
    this.requests.push(received);
    this.answer(response, received);
  }
}

/** Calls the effect as its activity does. */
export async function perform(
  { db }: Database,
  events: DomainEvent[],
  options: {
    target?: string;
    signal?: AbortSignal;
    timeoutMs?: number;
    allow?: string[];
    secret?: string;
    effect?: Effect;
  } = {},
) {
  const {
    timeoutMs = 2000,
    allow = loopback,
    target,
    signal = new AbortController().signal,
  } = options;
  const {
    effect = webhooks({
      seal: options.secret ? createSeal(options.secret) : seal,
      allow,
      timeoutMs,
    }),
  } = options;
  if (!('perform' in effect)) throw new Error('webhooks call the outside');
  return (await effect.perform(events, { ...machineTime, db, target, signal })) ?? [];
}
