import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { pipeline } from 'node:stream';
import { expect, it } from 'vitest';
import { freePorts } from '../../src/local/launcher/ports.ts';
import { soon } from '../harness/customer.ts';
import { subscriberNames } from '../harness/effect-names.ts';
import { useDeployment } from '../harness/processes.ts';

const knockon = useDeployment();

/** Postgres at another port, from now on. */
async function postgresAt(port: number): Promise<Server> {
  const { hostname, port: real } = new URL(knockon.current.url);
  const server = createServer((client) => {
    const there = connect(Number(real), hostname);
    pipeline(client, there, client, () => {});
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return server;
}

it.each(['temporal', 'pg-boss'])(
  'an effect worker that is started before Postgres waits for it (%s)',
  async (transport) => {
    const [port] = (await freePorts(1)) as [number];
    const url = Object.assign(new URL(knockon.current.url), {
      hostname: '127.0.0.1',
      port: String(port),
    }).href;
    const ready = knockon.current.start('worker effects', {
      DATABASE_URL: url,
      KNOCKON_TRANSPORT: transport,
    });
    const worker = knockon.current.processes.at(-1);
    await expect
      .poll(() => worker?.log, soon)
      .toMatch(/Postgres does not answer; trying again.*\n.*Postgres does not answer/);
    const server = await postgresAt(port);
    try {
      await ready;
      const { pg } = knockon.current.database;
      expect(await pg`select count(*)::int as count from knockon.subscribers`).toEqual([
        { count: subscriberNames.length },
      ]);
    } finally {
      await worker?.stop();
      server.close();
    }
  },
);
