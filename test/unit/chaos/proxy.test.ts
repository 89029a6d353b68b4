import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TcpProxy } from '../../../chaos/network/tcp-proxy.ts';

/** Answers with what it gets, and counts who is connected. */
let echo: Server;
let atServer: Set<Socket>;
let proxy: TcpProxy;
let clients: Client[];

interface Client {
  socket: Socket;
  got: string;
  /** How it was closed: an error's code, or `closed`; undefined while it is open. */
  end: string | undefined;
}

beforeEach(async () => {
  [atServer, clients] = [new Set(), []];
  echo = createServer((socket) => {
    atServer.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => atServer.delete(socket));
    socket.on('data', (bytes) => socket.write(bytes));
  });
  await once(echo.listen(0, '127.0.0.1'), 'listening');
  proxy = await TcpProxy.start(0, (echo.address() as AddressInfo).port);
});

afterEach(() => {
  proxy.stop();
  for (const { socket } of clients) socket.destroy();
  for (const socket of atServer) socket.destroy();
  echo.close();
});

async function aClient(): Promise<Client> {
  const socket = connect(proxy.port, '127.0.0.1');
  const client: Client = { socket, got: '', end: undefined };
  clients.push(client);
  socket.on('data', (bytes) => (client.got += bytes));
  socket.on('error', (error: NodeJS.ErrnoException) => (client.end ??= error.code));
  socket.on('close', () => (client.end ??= 'closed'));
  // One that is reset at once may never have seen that it was connected.
  await once(socket, 'connect').catch(() => {});
  return client;
}

/** A client whose word has come back. */
async function aServedClient(word = 'one'): Promise<Client> {
  const client = await aClient();
  client.socket.write(word);
  await expect.poll(() => client.got).toBe(word);
  return client;
}

/**
 * Until the proxy has read what was sent before: what another connection gets afterwards came
 * later.
 */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 100));

describe('the proxy before Postgres', () => {
  it('passes bytes on, and ends with either side', async () => {
    const [one, two] = [await aServedClient(), await aServedClient()];
    one.socket.destroy();
    await expect.poll(() => atServer.size).toBe(1);
    for (const socket of atServer) socket.destroy();
    await expect.poll(() => two.end).toBe('closed');
  });

  it('holds all bytes while it is frozen, of new connections too, and passes them on once afterwards', async () => {
    const old = await aServedClient('old');
    proxy.set('frozen');
    const fresh = await aClient();
    old.socket.write('-more');
    fresh.socket.write('new');
    await aWhile();
    expect([old.got, fresh.got, old.end, fresh.end]).toEqual(['old', '', undefined, undefined]);
    proxy.set('clear');
    proxy.set('clear');
    await expect.poll(() => [old.got, fresh.got]).toEqual(['old-more', 'new']);
  });

  it('swallows bytes of what is dropped, for good, and tells neither side', async () => {
    const old = await aServedClient();
    proxy.set('dropped');
    const fresh = await aClient();
    old.socket.write('two');
    await aWhile();
    proxy.set('clear');
    for (const { socket } of [old, fresh]) socket.write('three');
    await aServedClient('works again');
    expect([old.got, fresh.got, old.end, fresh.end]).toEqual(['one', '', undefined, undefined]);
    old.socket.destroy();
    await aWhile();
    expect(atServer.size).toBe(2);
  });

  it('forgets open connections, and serves new ones', async () => {
    const old = await aServedClient();
    proxy.set('forgotten');
    old.socket.write('two');
    await aServedClient('new');
    expect([old.got, old.end]).toEqual(['one', undefined]);
  });

  it('resets all connections, and each new one, until it is told to stop', async () => {
    const old = await aServedClient();
    proxy.set('reset');
    const fresh = await aClient();
    await expect.poll(() => [old.end, fresh.end]).toEqual(['ECONNRESET', 'ECONNRESET']);
    await expect.poll(() => atServer.size).toBe(0);
    proxy.set('clear');
    await aServedClient();
  });
});
