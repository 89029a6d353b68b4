import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createSender } from '../../../src/activities/runtime/http/send.ts';
import { type NameOptions, Names } from '../../../src/activities/runtime/network/names.ts';
import { webhooks } from '../../../src/activities/webhooks/index.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { loopback, perform, Receiver, seal } from '../../harness/webhook-receiver.ts';
import { startConversation } from './conversation.ts';
import { NameServer, type Said } from './name-server.ts';

let server: NameServer;
let folder: string;
beforeEach(async () => {
  server = await NameServer.start();
  folder = await mkdtemp(join(tmpdir(), 'knockon-names-'));
});
afterEach(async () => {
  server.stop();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const names = (options: NameOptions = {}) =>
  new Names({ servers: [server.address], timeoutMs: 600, resolvConf: '/nowhere', ...options });
const addresses = async (of: Names, name: string) =>
  (await of.resolve(name)).map(({ address }) => address);
const asked = (name: string) => server.asked.filter((one) => one.name === name).length;

describe('names of endpoints', () => {
  test('are asked for once however many want them, and again when their time is over', async () => {
    server.say = () => ({ addresses: ['192.0.2.1', '2001:db8::1'], ttl: 60 });
    const all = names();
    for (const one of await Promise.all(
      Array.from({ length: 20 }, () => addresses(all, 'shop.example')),
    ))
      expect(one).toEqual(['192.0.2.1', '2001:db8::1']);
    expect(await addresses(all, 'Shop.example')).toHaveLength(2);
    expect(server.asked).toHaveLength(2);
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 61_000);
    await addresses(all, 'shop.example');
    expect(server.asked).toHaveLength(4);
  });

  test('that may not be remembered are asked for each time', async () => {
    server.say = (_, family) => ({
      addresses: family === 4 ? [`192.0.2.${server.asked.length}`] : [],
      ttl: 0,
    });
    const all = names();
    const [first] = await addresses(all, 'shop.example');
    expect(await addresses(all, 'shop.example')).not.toEqual([first]);
  });

  test.each<[string, Said]>([
    ['fails', 'servfail'],
    ['is not answered', 'silent'],
    ['has none', { addresses: [] }],
  ])('have the addresses of one family where the other %s', async (_, said) => {
    server.say = (_, family) => (family === 6 ? said : { addresses: ['192.0.2.1'] });
    expect(await addresses(names(), 'shop.example')).toEqual(['192.0.2.1']);
    server.say = (_, family) => (family === 4 ? said : { addresses: ['2001:db8::1'] });
    expect(await addresses(names(), 'shop.example')).toEqual(['2001:db8::1']);
  });

  test.each([
    ['does not exist', undefined],
    ['has no server that works', 'servfail'],
    ['has a server that never answers', 'silent'],
  ] as const)(
    'one that %s is given up in time, and not asked for again at once',
    async (_, said) => {
      server.say = () => said;
      const all = names();
      const began = performance.now();
      await expect(all.resolve('gone.example')).rejects.toMatchObject({
        code: 'ENOTFOUND',
        message: expect.stringContaining('gone.example'),
      });
      expect(performance.now() - began).toBeLessThan(3000);
      const before = server.asked.length;
      await expect(all.resolve('gone.example')).rejects.toThrow();
      expect(server.asked).toHaveLength(before);
      const now = performance.now.bind(performance);
      vi.spyOn(performance, 'now').mockImplementation(() => now() + 6000);
      server.say = () => ({ addresses: ['192.0.2.1'] });
      expect(await addresses(all, 'gone.example')).toEqual(['192.0.2.1']);
    },
  );

  test('stand in the hosts file first, which may change', async () => {
    const hostsFile = join(folder, 'hosts');
    await writeFile(
      hostsFile,
      '# ours\n10.0.0.7 Billing billing.internal # twice\n::1 six\n10.0.0.8 billing\n',
    );
    const all = names({ hostsFile });
    expect(await addresses(all, 'billing')).toEqual(['10.0.0.7', '10.0.0.8']);
    expect(await all.resolve('six')).toEqual([{ address: '::1', family: 6 }]);
    expect(server.asked).toEqual([]);
    await writeFile(hostsFile, '10.0.0.99 billing\n');
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 6000);
    expect(await addresses(all, 'billing')).toEqual(['10.0.0.99']);
  });

  test.each(['localhost', 'shop.localhost'])(
    '%s is this machine, whatever a server says',
    async (name) => {
      server.say = () => ({ addresses: ['192.0.2.1'] });
      expect(await addresses(names({ hostsFile: '/nowhere' }), name)).toEqual(['127.0.0.1', '::1']);
    },
  );

  test('that are short are looked for where resolv.conf says, as in Kubernetes', async () => {
    const resolvConf = join(folder, 'resolv.conf');
    await writeFile(
      resolvConf,
      'nameserver 10.96.0.10\nsearch prod.svc.cluster.local svc.cluster.local\noptions ndots:5\n',
    );
    server.say = (name) =>
      /^(api\.prod\.svc\.cluster\.local|hooks\.example\.com)$/.test(name)
        ? { addresses: ['10.1.2.3'] }
        : undefined;
    const all = names({ resolvConf });
    expect(await addresses(all, 'api')).toEqual(['10.1.2.3']);
    expect(await addresses(all, 'api.prod')).toEqual(['10.1.2.3']);
    expect(await addresses(all, 'hooks.example.com')).toEqual(['10.1.2.3']);
    expect(asked('hooks.example.com.svc.cluster.local')).toBeGreaterThan(0);
    expect(await addresses(all, 'hooks.example.com.')).toEqual(['10.1.2.3']);
  });

  test('of two thousand and more only the latest are remembered', async () => {
    server.say = () => ({ addresses: ['192.0.2.1'] });
    const all = names();
    await addresses(all, 'first.example');
    for (let i = 0; i < 20; i++)
      await Promise.all(Array.from({ length: 100 }, (_, j) => addresses(all, `${i}-${j}.example`)));
    const before = asked('first.example');
    await addresses(all, 'first.example');
    expect(asked('first.example')).toBeGreaterThan(before);
  });
});

describe('requests to names', () => {
  let fresh: TestDatabase;
  let receiver: Receiver;
  beforeAll(async () => {
    [fresh, receiver] = await Promise.all([freshDatabase(), Receiver.start()]);
  });
  afterAll(async () => {
    await receiver?.stop();
    await fresh?.close();
  });

  const letter = (host: string) => ({
    url: `http://${host}:${receiver.port}/hook`,
    secrets: [receiver.secret],
    id: '1',
    body: '{}',
  });

  test('are refused where the name means a private address by the time of the connection', async () => {
    let address = '127.0.0.1';
    server.say = () => ({ addresses: [address], ttl: 0 });
    receiver.answer = (response) => response.writeHead(200, { connection: 'close' }).end();
    const send = createSender({ allow: loopback, timeoutMs: 2000, nameServers: [server.address] });
    expect(await send(letter('rebinding.example'))).toMatchObject({ status: 200 });
    for (address of ['10.0.0.1', '169.254.169.254', 'fe80::1', 'fd00::1']) {
      expect(await send(letter('rebinding.example'))).toMatchObject({
        status: null,
        failure: { cause: 'address refused', final: true },
      });
    }
    expect(receiver.requests.splice(0)).toHaveLength(1);
  });

  test('go to the public ones of the addresses of a name, and never to the others', async () => {
    server.say = () => ({ addresses: ['10.0.0.1', '127.0.0.1'] });
    const send = createSender({ allow: loopback, timeoutMs: 2000, nameServers: [server.address] });
    expect(await send(letter('mixed.example'))).toMatchObject({ status: 200 });
    expect(receiver.requests.splice(0)).toHaveLength(1);
  });

  test('end a second after the status has come, however slowly the body does', async () => {
    server.say = () => ({ addresses: ['127.0.0.1'] });
    receiver.answer = (response) => {
      response.writeHead(200).write('a');
      const drip = setInterval(() => response.write('a'), 50);
      response.on('close', () => clearInterval(drip));
    };
    const send = createSender({
      allow: loopback,
      timeoutMs: 20_000,
      nameServers: [server.address],
    });
    const began = performance.now();
    expect(await send(letter('drip.example'))).toMatchObject({
      status: 200,
      failure: null,
      excerpt: expect.stringMatching(/^a+$/),
    });
    expect(performance.now() - began).toBeLessThan(10_000);
    receiver.requests.splice(0);
  });

  test('are made although 40 names of another workspace are never answered', async () => {
    server.say = (name) => (name === 'good.example' ? { addresses: ['127.0.0.1'] } : 'silent');
    receiver.answer = (response) => response.end();
    const [bad, good] = await Promise.all([
      startConversation(fresh.database),
      startConversation(fresh.database),
    ]);
    const url = (host: string) => ({
      url: `http://${host}:${receiver.port}/hook`,
      types: ['message.created'],
    });
    for (let i = 0; i < 40; i++)
      await receiver.register(fresh.database, bad.workspaceId, url(`${i}.gone.example`));
    await receiver.register(fresh.database, good.workspaceId, url('good.example'));
    await bad.post('hello');
    await good.post('hello');
    const effect = webhooks({
      seal,
      allow: loopback,
      timeoutMs: 10_000,
      nameServers: [server.address],
    });
    const created = async (talk: typeof bad) =>
      (await talk.events()).filter(({ type }) => type === 'message.created');
    const stuck = perform(fresh.database, await created(bad), { effect });
    await vi.waitFor(() => expect(server.asked.length).toBeGreaterThan(40), { timeout: 20_000 });
    let isOver = false;
    void stuck.finally(() => {
      isOver = true;
    });
    expect(await perform(fresh.database, await created(good), { effect })).toEqual([]);
    expect(isOver).toBe(false);
    const outcomes = await stuck;
    expect(outcomes).toHaveLength(40);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ state: 'retry', cause: 'name not resolved' });
  });
});
