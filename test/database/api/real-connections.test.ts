import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useApi } from './test-api.ts';

const lines: string[] = [];
const api = useApi({ log: pino({ level: 'debug' }, { write: (line) => void lines.push(line) }) });
let server: ReturnType<typeof createAdaptorServer>;
let port: number;
let path: string;

beforeAll(async () => {
  server = createAdaptorServer({ fetch: api.app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  path = `/v1/channels/${await api.channel()}/messages`;
});

afterAll(() => void server.close());

/**
 * Says exactly this over a connection, and returns what comes back until the other side ends it.
 */
async function say(...parts: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('error', () => {});
  for (const part of parts) socket.write(part);
  await once(socket, 'close');
  return answer;
}

const head = (line: string, ...headers: string[]) =>
  `${[line, 'Host: localhost', `Authorization: Bearer ${api.key}`, ...headers].join('\r\n')}\r\n\r\n`;
const json = 'Content-Type: application/json';
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

describe('over a real connection', () => {
  test('a body without a length is read, and cut off above 256 KiB', async () => {
    const post = head(
      `POST ${path} HTTP/1.1`,
      json,
      'Transfer-Encoding: chunked',
      'Connection: close',
    );
    expect(await say(post, chunk('{"author":"ada",'), chunk('"text":"hi"}'), '0\r\n\r\n')).toMatch(
      /^HTTP\/1.1 201 /,
    );
    expect(
      await say(post, ...Array.from({ length: 20 }, () => chunk('x'.repeat(32 * 1024)))),
    ).toMatch(/^HTTP\/1.1 413 /);
  });

  test('a body that is said to be too large is refused before it comes', async () => {
    expect(await say(head(`POST ${path} HTTP/1.1`, json, 'Content-Length: 99999999'))).toMatch(
      /^HTTP\/1.1 413 /,
    );
  });

  test('a client that goes away in the middle of its body leaves no error in the log', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      `${head(`POST ${path} HTTP/1.1`, json, 'Content-Length: 500')}{"author":"ada"`,
      () => socket.destroy(),
    );
    await once(socket, 'close');
    await expect
      .poll(async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
      .toMatch(/messages",status="400"\} 1/);
    expect(lines.join()).not.toContain('a request failed');
  });

  test('addresses that are no addresses are 400 or 404, and never 500', async () => {
    for (const target of [
      '/%',
      '/%zz',
      '/v1/channels/%ff',
      '//',
      '/v1//channels',
      '/v1/channels/%00',
      '/v1/search?q=%',
      '/v1/search?%=%&q=%ff',
      '/v1/channels?&&=&',
      '/?'.padEnd(8000, 'x'),
      '*',
      'http://other.example/v1/channels/x',
    ]) {
      const answer = await say(head(`GET ${target} HTTP/1.1`, 'Connection: close'));
      expect(answer, target).toMatch(/^HTTP\/1.1 (200|400|404|422) /);
    }
    expect(lines.join()).not.toContain('a request failed');
  });
});
