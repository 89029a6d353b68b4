import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the stand-in keeps of a message. */
export interface StoredMessage {
  id: string;
  channel_id: string;
  seq: number;
  author: string;
  text: string;
  sent_at?: string;
  metadata: Record<string, unknown>;
}

/**
 * What happens to the next POSTs of messages, one entry a request, before they are answered as
 * always.
 */
export type Trouble =
  | { status: number; headers?: Record<string, string>; detail?: string }
  /** The message is stored, and the connection breaks before the answer. */
  | 'lost answer'
  | 'none';

/**
 * A small HTTP server that answers as API.md says, for what the commands call. Keeps everything in
 * memory.
 */
export interface StandIn {
  url: string;
  key: string;
  messages: StoredMessage[];
  channels: { id: string; name: string }[];
  /** Requests so far, as `METHOD path`. */
  requests: string[];
  troubles: Trouble[];
  /** Answers of `GET /v1/messages/{id}/effects`, the last one again and again. */
  journeys: unknown[];
  subscribers: unknown[];
  /** Answers by `METHOD path`, of what is not kept here. */
  answers: Record<string, unknown>;
  /** As after a day: idempotency keys are gone. */
  forgetKeys(): void;
  close(): Promise<void>;
}

export async function startStandIn(): Promise<StandIn> {
  const keys = new Map<string, { body: string; message: StoredMessage }>();
  const state: StandIn = {
    ...{
      url: '',
      key: 'kn_test',
      messages: [],
      channels: [],
      requests: [],
      troubles: [],
      journeys: [],
      subscribers: [],
      answers: {},
    },
    forgetKeys: () => keys.clear(),
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
  const server = createServer((request, response) => void answer(state, keys, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return state;
}

type Keys = Map<string, { body: string; message: StoredMessage }>;

async function answer(
  state: StandIn,
  keys: Keys,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', state.url);
  state.requests.push(`${request.method} ${url.pathname}${url.search}`);
  const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
    response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(body));
  const problem = (
    status: number,
    detail: string,
    more: object = {},
    headers: Record<string, string> = {},
  ) => json(status, { type: 'about:blank', title: 'Problem', status, detail, ...more }, headers);
  let text = '';
  for await (const chunk of request) text += chunk;
  if (request.headers.authorization !== `Bearer ${state.key}`)
    return void problem(401, 'The key is not valid.');
  const body = text === '' ? {} : JSON.parse(text);
  const route = `${request.method} ${url.pathname.replace(/[0-9a-f-]{36}/, ':id')}`;
  const prepared = state.answers[`${request.method} ${url.pathname}`];
  if (prepared) return void json(200, prepared);
  const id = /[0-9a-f-]{36}/.exec(url.pathname)?.[0] ?? '';
  if (route === 'GET /v1/channels') return void json(200, page(state.channels, url));
  if (route === 'GET /v1/subscribers') return void json(200, page(state.subscribers, url));
  if (route === 'GET /v1/events')
    return void json(200, page(events(state, url.searchParams.get('channel_id') ?? ''), url));
  if (route === 'GET /v1/messages/:id/effects') {
    const journey = state.journeys.length > 1 ? state.journeys.shift() : state.journeys[0];
    return void (journey ? json(200, journey) : problem(404, 'There is no such message.'));
  }
  if (route === 'PATCH /v1/messages/:id')
    return void json(200, { ...state.messages.find((message) => message.id === id), ...body });
  if (route === 'DELETE /v1/messages/:id') return void response.writeHead(204).end();
  if (route === 'POST /v1/channels') {
    if (state.channels.some((channel) => channel.name === body.name))
      return void problem(409, 'There is a channel of that name.');
    state.channels.push({ id: randomUUID(), name: body.name });
    return void json(201, state.channels.at(-1));
  }
  if (route === 'POST /v1/channels/:id/messages') return postMessage();
  problem(404, 'There is no such page.');

  function postMessage(): void {
    const trouble = state.troubles.shift();
    if (typeof trouble === 'object')
      return void problem(trouble.status, trouble.detail ?? 'Trouble.', {}, trouble.headers);
    const key = String(request.headers['idempotency-key'] ?? randomUUID());
    const known = keys.get(key);
    if (known && known.body !== text)
      return void problem(422, 'The key was used for another request.', {
        type: 'urn:knockon:problem:idempotency-key-reused',
      });
    if (known) return void json(201, known.message, { 'idempotent-replayed': 'true' });
    if (body.author.length > 255) {
      return void problem(422, 'The request does not fit the schema: author.', {
        errors: [{ path: 'author', message: 'is too long' }],
      });
    }
    const seq = state.messages.filter((message) => message.channel_id === id).length + 1;
    const message = { id: randomUUID(), channel_id: id, seq, ...body };
    state.messages.push(message);
    keys.set(key, { body: text, message });
    if (trouble === 'lost answer') return void request.socket.destroy();
    json(201, message);
  }
}

function events(state: StandIn, channelId: string) {
  return state.messages
    .filter((message) => message.channel_id === channelId)
    .map(({ author, text, metadata, seq }) => ({
      type: 'message.created',
      seq,
      payload: { author, text, metadata },
    }));
}

function page<T>(all: T[], url: URL): { data: T[]; next_cursor: string | null } {
  const from = Number(url.searchParams.get('cursor') ?? 0);
  const end = from + Number(url.searchParams.get('limit') ?? 50);
  return { data: all.slice(from, end), next_cursor: end < all.length ? String(end) : null };
}
