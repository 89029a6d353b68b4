import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CrashPoint } from '../../src/crash-points.ts';
import { Receiver } from '../effects/webhook-receiver.ts';
import { type TestProcess, useDeployment } from '../harness/processes.ts';
import { expectOnce, Product, settled, soon } from './product.ts';

const GROUP = 5;

const knockon = useDeployment(() => ({ KNOCKON_RELAY_AGE: '1s' }));
let receiver: Receiver;
let client: Client;
let acme: Product;
let api: TestProcess;
let effects: TestProcess;
let posted = 0;

beforeAll(async () => {
  const { temporal } = knockon.current;
  receiver = await Receiver.start();
  client = new Client({ connection: await Connection.connect({ address: temporal.address }), namespace: temporal.namespace });
  [api, effects] = await Promise.all([
    knockon.current.start('api'),
    knockon.current.start('worker effects'),
    knockon.current.start('worker workflows'),
  ]);
  acme = await Product.at(api.url);
  const { body } = await acme.call('POST', '/v1/endpoints', { url: receiver.url(), event_types: ['message.created'] });
  receiver.secret = body.secret;
});
afterAll(async () => {
  await client?.connection.close();
  await receiver?.stop();
});

/** Posts a few messages at once, as clients who ask again until they are answered. */
const postGroup = () => Promise.all(Array.from({ length: GROUP }, () => acme.postPersistently(`message ${++posted}`)));

/** Which events have been sent to the endpoint, each once. */
const delivered = () => [...new Set(receiver.requests.map(({ event }) => event.id))];

describe('a dispatcher killed', () => {
  it.each<CrashPoint>(['after-commit', 'after-claim', 'after-start'])('%s loses and doubles nothing', async (point) => {
    await settled(knockon.current);
    await api.stop();
    api = await knockon.current.start('api', { KNOCKON_CRASH: point });
    acme.url = api.url;
    const group = postGroup();
    expect(await api.exit()).toEqual({ code: null, signal: 'SIGKILL' });
    api = await knockon.current.start('api');
    acme.url = api.url;
    await group;
    await settled(knockon.current);
    await expectOnce(knockon.current, acme, posted);
    expect(receiver.requests).toHaveLength(posted);
    const [dispatches] = await knockon.current.database.sql`select count(*)::int as n from dispatches where subscribers <> '{}'`;
    await expect.poll(async () => (await client.workflow.count()).count, soon).toBe(dispatches?.n);
  });
});

describe('effect workers killed in-effect', () => {
  it('lose nothing, and double nothing in the database', async () => {
    await settled(knockon.current);
    await effects.stop();
    const inDatabase = 'worker effects --only analytics,audit,cache,search';
    const outside = 'worker effects --only notifications,webhooks';
    const armed = await Promise.all([inDatabase, outside].map((command) => knockon.current.start(command, { KNOCKON_CRASH: 'in-effect' })));
    await postGroup();
    for (const worker of armed) expect(await worker.exit()).toEqual({ code: null, signal: 'SIGKILL' });
    effects = await knockon.current.start('worker effects');
    // Temporal waits 15 s for a killed worker's heartbeat.
    await settled(knockon.current);
    await expectOnce(knockon.current, acme, posted);
    expect(delivered()).toHaveLength(posted);
  });
});
