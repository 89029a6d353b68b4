import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';

/** How long a connection may take to be there, and how long one is kept without use, in ms. */
const CONNECT = 5000;

export interface HttpRequest {
  method: string;
  headers: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** HTTP with one server, over connections that are kept. */
export interface Http {
  /** @throws with the `code` of what broke; ETIMEDOUT where nothing came for too long */
  request(path: string, request: HttpRequest): Promise<HttpAnswer>;
  close(): void;
}

/**
 * By Node's own client: to load undici takes longer than most commands run.
 *
 * @param silence how long nothing may come of an answer, or of the rest of one, in ms
 */
export function createHttp(url: string, silence = 30_000): Http {
  const { Agent, request: begin } = url.startsWith('https:') ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: 2, timeout: CONNECT });
  return {
    request: (path, { method, body, signal, ...given }) =>
      new Promise((resolve, reject) => {
        const headers = { ...given.headers, ...lengthOf(body) };
        const request = begin(`${url}${path}`, { agent, method, headers, signal });
        request.on('response', (response) => {
          const { statusCode: status = 0, headers } = response;
          text(response).then((text) => resolve({ status, headers, text }), reject);
        });
        request.on('error', reject);
        request.on('timeout', () => request.destroy(timedOut()));
        // From when it is connected; until then the agent's timeout holds.
        request.setTimeout(silence);
        request.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** Node says it by itself, except for the body of a DELETE. */
const lengthOf = (body: string | undefined) =>
  body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };

const timedOut = () => Object.assign(new Error('it does not answer'), { code: 'ETIMEDOUT' });
