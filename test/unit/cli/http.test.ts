import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHttp, type Http } from '../../../src/cli/api/http.ts';

let server: Server;
let connections: number;
let url: string;
let http: Http;
/** What the server does with a request. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  connections = 0;
  server = createServer((request, response) => answer(request, response));
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  http = createHttp(url);
});

afterEach(() => {
  http.close();
  server.closeAllConnections();
  server.close();
});

const get = (signal?: AbortSignal) => http.request('/', { method: 'GET', headers: {}, signal });

test('requests one after the other share a connection, and each has its whole body', async () => {
  answer = async (request, response) => {
    response.setHeader('retry-after', '3');
    response.statusCode = 202;
    response.end(`${request.method} ${request.headers.authorization} ${await text(request)}`);
  };
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const headers = { authorization: 'Bearer key' };
    expect(await http.request('/', { method, headers, body: '{"é":1}' })).toMatchObject({
      status: 202,
      headers: { 'retry-after': '3' },
      text: `${method} Bearer key {"é":1}`,
    });
  }
  expect(connections).toBe(1);
});

test('a server that says nothing is given up, in the middle of an answer too', async () => {
  http = createHttp(url, 100);
  answer = () => {};
  await expect(get()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  answer = (_, response) => void response.writeHead(200, { 'content-length': 9 }).write('{');
  await expect(get()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
});

test('an answer that breaks off is none', async () => {
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': 9 });
    response.write('{', () => response.destroy());
  };
  await expect(get()).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('a request can be called off', async () => {
  const off = new AbortController();
  answer = () => off.abort();
  await expect(get(off.signal)).rejects.toMatchObject({ name: 'AbortError' });
});
