import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { boundConnections, timeLimits } from '../../../src/workers/process/connections.ts';
import { type HttpServer, serve } from '../../../src/workers/process/http-server.ts';
import { useApi } from './test-api.ts';

const api = useApi();
/** As they are, in a fifth of the time. */
const quick = {
  ...timeLimits,
  keepAliveTimeout: 6000,
  headersTimeout: 2000,
  requestTimeout: 6000,
  connectionsCheckingInterval: 200,
};
let serving: HttpServer;
let port: number;
const sockets: Socket[] = [];

beforeAll(async () => {
  serving = await serve(api.app.fetch, { host: '127.0.0.1', port: 0 }, quick);
  port = Number(new URL(serving.url).port);
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => serving.close(0));

/** A connection, what it was told, and how long it lasted (ms) once it has ended. */
async function dial(to = port) {
  const socket = connect(to, '127.0.0.1');
  sockets.push(socket);
  const line = {
    socket,
    heard: '',
    began: performance.now(),
    lasted: undefined as number | undefined,
  };
  socket.setEncoding('utf8').on('data', (text) => {
    line.heard += text;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    line.lasted = performance.now() - line.began;
  });
  await once(socket, 'connect');
  return line;
}

/**
 * Writes on and on while the other side reads. @returns how many bytes it took until the connection
 * ended
 */
async function pour(
  line: Awaited<ReturnType<typeof dial>>,
  piece: string,
  everyMs: number,
): Promise<number> {
  const timer = setInterval(
    () => !line.socket.destroyed && line.socket.writableLength < 1e6 && line.socket.write(piece),
    everyMs,
  );
  await expect.poll(() => line.lasted, { timeout: 45_000 }).toBeDefined();
  clearInterval(timer);
  return line.socket.bytesWritten;
}

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const head = (line: string, ...more: string[]) =>
  `${line}\r\nHost: x\r\nAuthorization: Bearer ${api.key}\r\n${more.map((l) => `${l}\r\n`).join('')}\r\n`;
const json = 'Content-Type: application/json';

describe('what a connection may take', { timeout: 60_000 }, () => {
  test('2,000 that send nothing are gone in a moment, and others are answered meanwhile', async () => {
    const silent: Awaited<ReturnType<typeof dial>>[] = [];
    // Not more at once than the kernel lets wait.
    while (silent.length < 2000)
      silent.push(...(await Promise.all(Array.from({ length: 200 }, () => dial()))));
    expect((await fetch(`${serving.url}/healthz`)).status).toBe(200);
    expect(timeLimits).toMatchObject({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 1000,
    });
    await expect
      .poll(() => silent.filter(({ lasted }) => lasted === undefined).length, {
        timeout: 15_000,
        interval: 200,
      })
      .toBe(0);
  });

  test('between two requests it rests as long as load balancers let it, however little time headers have', async () => {
    expect(timeLimits.keepAliveTimeout).toBe(65_000);
    const line = await dial();
    const answers = () => line.heard.split('HTTP/1.1 200 OK').length - 1;
    for (const asked of [1, 2]) {
      line.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      await expect.poll(answers).toBe(asked);
      // Longer than headers may take; the second time nothing follows.
      if (asked === 1) await wait(quick.headersTimeout + 2 * quick.connectionsCheckingInterval);
    }
    const rested = performance.now();
    await expect.poll(() => line.lasted, { timeout: 15_000 }).toBeDefined();
    expect(performance.now() - rested).toBeGreaterThan(quick.keepAliveTimeout - 500);
  });

  test('headers that come a letter a second are given up, and so are endless ones', async () => {
    const slow = await dial();
    slow.socket.write('GET /healthz HTTP/1.1\r\nx: ');
    await pour(slow, 'x', 500);
    expect(slow.heard).toMatch(/^HTTP\/1.1 408 /);
    const endless = await dial();
    endless.socket.write('GET /healthz HTTP/1.1\r\n');
    await pour(endless, `x: ${'y'.repeat(1000)}\r\n`, 1);
    expect(endless.heard).toMatch(/^HTTP\/1.1 431 /);
  });

  test('a body that comes a letter a second is given up', async () => {
    const line = await dial();
    line.socket.write(head('POST /v1/channels HTTP/1.1', json, 'Content-Length: 100000'));
    await pour(line, ' ', 500);
    expect(line.heard).toMatch(/^HTTP\/1.1 408 /);
  });

  test.each([
    'GET /v1/channels',
    'GET /healthz',
    'HEAD /healthz',
    'DELETE /v1/endpoints/x',
    'OPTIONS /v1/channels',
  ])(
    '%s with a body without end, or of no end in sight, is refused and nothing more of it is read',
    async (request) => {
      for (const header of ['Transfer-Encoding: chunked', 'Content-Length: 99999999999']) {
        const line = await dial();
        line.socket.write(head(`${request} HTTP/1.1`, header));
        await pour(line, chunk('x'.repeat(60_000)), 1);
        expect(line.heard).toMatch(/^HTTP\/1.1 413 .*connection: close/is);
        expect(line.lasted).toBeLessThan(5000);
      }
    },
  );

  test('a small body of a GET is read away, and the connection goes on', async () => {
    const line = await dial();
    for (const _ of [1, 2])
      line.socket.write(`${head('GET /healthz HTTP/1.1', 'Content-Length: 2')}{}`);
    await expect.poll(() => line.heard.match(/HTTP\/1.1 200/g)).toHaveLength(2);
  });
});

describe('with as many connections as a server has', () => {
  let server: Server;
  let full: number;
  const held: (() => void)[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/hold') held.push(() => response.end('held'));
      else response.end(request.url === '/large' ? Buffer.alloc(50_000_000) : 'answered');
    });
    boundConnections(server, { most: 5, unreadMs: 1000 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    full = (server.address() as AddressInfo).port;
  });
  afterAll(() => void server.close());

  const ask = async (path: string) => {
    const line = await dial(full);
    line.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    return line;
  };
  const answered = (line: { heard: string }) =>
    expect.poll(() => line.heard).toMatch(/^HTTP\/1.1 200 /);

  test('the oldest that has sent nothing goes for a new one, then one that rests, then one that is slow to send', async () => {
    const slow = await dial(full);
    slow.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n');
    await answered(slow);
    const posting = await dial(full);
    posting.socket.write('POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n');
    const resting = await ask('/');
    await answered(resting);
    const silent = [await dial(full), await dial(full)];
    const lines = [];
    for (let i = 0; i < 5; i += 1) {
      lines.push(await ask('/hold'));
      await expect.poll(() => held.length).toBe(2 + i);
    }
    for (const line of [...silent, resting, slow, posting])
      await expect.poll(() => line.lasted).toBeDefined();
    const refused = await ask('/');
    await expect.poll(() => refused.heard).toMatch(/^HTTP\/1.1 503 /);
    for (const answer of held.splice(0)) answer();
    for (const line of lines) await answered(line);
    await answered(await ask('/'));
  });

  test('one that asks on and on without waiting for its answers is ended, and others are answered', async () => {
    held.length = 0;
    const waiting = await ask('/hold');
    const pipelining = await dial(full);
    pipelining.socket.write('GET /hold HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100));
    await expect.poll(() => held.length).toBe(101);
    await answered(await ask('/'));
    expect(pipelining.lasted).toBeUndefined();
    pipelining.socket.write('GET /hold HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50_000));
    await expect.poll(() => pipelining.lasted).toBeDefined();
    // What one reading of the socket has brought is begun.
    expect(held.length).toBeLessThan(5000);
    for (const answer of held.splice(0)) answer();
    await answered(waiting);
  });

  test('an answer of which nothing is taken ends with its connection in time, whatever the client sends', async () => {
    const count = () =>
      new Promise<number>((resolve) => void server.getConnections((_, n) => resolve(n)));
    for (const socket of sockets.splice(0)) socket.destroy();
    await expect.poll(count).toBe(0);
    const line = await ask('/large');
    line.socket.pause();
    await answered(await ask('/'));
    // Not by what it sends either.
    const timer = setInterval(() => line.socket.destroyed || line.socket.write('\r\n'), 100);
    await expect.poll(count, { timeout: 10_000 }).toBe(0);
    clearInterval(timer);
  });
});
