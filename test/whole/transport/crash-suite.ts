import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CrashPoint } from '../../../src/crash-points.ts';
import type { Config } from '../../../src/settings/config.ts';
import { Customer, expectOnce, settled, soon } from '../../harness/customer.ts';
import { type Deployment, type TestProcess, useDeployment } from '../../harness/processes.ts';
import { Receiver } from '../../harness/webhook-receiver.ts';

const GROUP = 5;

const deadlyWorker = fileURLToPath(new URL('./deadly-worker.ts', import.meta.url));
const debouncedWorker = fileURLToPath(new URL('./debounced-worker.ts', import.meta.url));

/**
 * What every transport must come through: real processes, each killed at one of the moments that
 * src/crash-points.ts names.
 */
export function crashes(transport: Config['KNOCKON_TRANSPORT']): void {
  const knockon = useDeployment(() => ({ KNOCKON_TRANSPORT: transport, KNOCKON_RELAY_AGE: '1s' }));
  let receiver: Receiver;
  let acme: Customer;
  let api: TestProcess;
  let effects: TestProcess;
  let posted = 0;

  beforeAll(async () => {
    receiver = await Receiver.start();
    const workers = [
      knockon.current.start('worker effects'),
      ...(transport === 'temporal' ? [knockon.current.start('worker workflows')] : []),
    ];
    [api, effects] = (await Promise.all([knockon.current.start('api'), ...workers])) as [
      TestProcess,
      TestProcess,
    ];
    acme = await Customer.at(api.url);
    const { body } = await acme.call('POST', '/v1/endpoints', {
      url: receiver.url(),
      event_types: ['message.created'],
    });
    receiver.secret = body.secret;
  });
  afterAll(() => receiver?.stop());

  /** Posts a few messages at once, as clients who ask again until they are answered. */
  const postGroup = (deliver_at?: string) =>
    Promise.all(
      Array.from({ length: GROUP }, () => acme.postPersistently(`message ${++posted}`, deliver_at)),
    );

  /** Which events have been sent to the endpoint, each once. */
  const delivered = () => [...new Set(receiver.requests.map(({ event }) => event.id))];

  describe('a dispatcher killed', () => {
    it.each<CrashPoint>(['after-commit', 'after-promote', 'after-claim', 'after-start'])(
      '%s loses and doubles nothing',
      async (point) => {
        await settled(knockon.current);
        await api.stop();
        api = await knockon.current.start('api', { KNOCKON_CRASH: point });
        acme.url = api.url;
        const isLater = point === 'after-promote';
        const group = postGroup(isLater ? new Date(Date.now() + 1000).toISOString() : undefined);
        expect(await api.exit()).toEqual({ code: null, signal: 'SIGKILL' });
        api = await knockon.current.start('api');
        acme.url = api.url;
        await group;
        await settled(knockon.current);
        await expectOnce(knockon.current, acme, posted);
        expect(receiver.requests).toHaveLength(posted);
        if (transport === 'temporal') await expectOneWorkflowEach(knockon.current);
      },
    );
  });

  describe('effect workers killed in-effect', () => {
    it('lose nothing, and double nothing in the database', async () => {
      await settled(knockon.current);
      await effects.stop();
      const inDatabase = 'worker effects --only analytics,audit,cache,search';
      const outside = 'worker effects --only notifications,webhooks';
      const armed = await Promise.all(
        [inDatabase, outside].map((command) =>
          knockon.current.start(command, { KNOCKON_CRASH: 'in-effect' }),
        ),
      );
      await postGroup();
      for (const worker of armed)
        expect(await worker.exit()).toEqual({ code: null, signal: 'SIGKILL' });
      effects = await knockon.current.start('worker effects');
      // A killed worker's calls are given to another once it has been silent for 15 s.
      await settled(knockon.current);
      await expectOnce(knockon.current, acme, posted);
      expect(delivered()).toHaveLength(posted);
    });
  });

  describe('an event that kills its worker every time', () => {
    it('ends as a dead letter, and stops nothing', { timeout: 240_000 }, async () => {
      await settled(knockon.current);
      const supervised = await Supervised.start(knockon.current);
      await Promise.all(['deadly', 'harmless'].map((text) => acme.postPersistently(text)));
      await expect
        .poll(() => supervised.outcome(), { ...soon, timeout: 200_000 })
        .toEqual({
          letters: [{ text: 'deadly', cause: 'timeout' }],
          done: [{ text: 'harmless' }],
        });
      await supervised.stop();
    });
  });

  describe('the worker of a debounced effect, killed', () => {
    it('while events wait, and then in a call, loses none of them', async () => {
      await settled(knockon.current);
      const { pg } = knockon.current.database;
      const dies = { TEST_DIES: 'called' };
      const first = await knockon.current.startScript(debouncedWorker, dies);
      for (let n = 0; n < 3; n += 1) await acme.postPersistently(`debounced ${n}`);
      const waiting = async () =>
        (await pg`select from knockon.attempts where subscriber = 'debounced'`).length;
      await expect.poll(waiting, soon).toBe(3);
      await first.kill();
      const second = knockon.current.spawnScript(debouncedWorker, dies);
      expect(await second.exit()).toEqual({ code: null, signal: 'SIGKILL' });
      const third = await knockon.current.startScript(debouncedWorker);
      const outcome = async () => [
        ...(await pg`
          select e.payload->>'text' as text, of.payload->>'text' as merged_into
          from knockon.receipts r join knockon.events e on e.id = r.event_id
          left join knockon.merges m on m.event_id = e.id and m.subscriber = r.subscriber
          left join knockon.events of on of.id = m.merged_into
          where r.subscriber = 'debounced' order by e.seq`),
      ];
      await expect.poll(outcome, soon).toEqual([
        { text: 'debounced 0', merged_into: 'debounced 2' },
        { text: 'debounced 1', merged_into: 'debounced 2' },
        { text: 'debounced 2', merged_into: null },
      ]);
      await third.stop();
    });
  });

  it('stops within its time when told to, with exit code 0', async () => {
    expect(await Promise.all([api.stop(), effects.stop()])).toEqual([
      { code: 0, signal: null },
      { code: 0, signal: null },
    ]);
  });
}

/** The worker of the deadly effect, started again whenever it is dead. */
class Supervised {
  readonly #deployment: Deployment;
  #worker: TestProcess;

  private constructor(deployment: Deployment, worker: TestProcess) {
    this.#deployment = deployment;
    this.#worker = worker;
  }

  static async start(deployment: Deployment): Promise<Supervised> {
    return new Supervised(deployment, await deployment.startScript(deadlyWorker));
  }

  /** What became of its events so far. */
  async outcome() {
    if (this.#worker.ended) this.#worker = this.#deployment.spawnScript(deadlyWorker);
    const { pg } = this.#deployment.database;
    const [letters, done] = await Promise.all([
      pg`select e.payload->>'text' as text, l.cause from knockon.dead_letters l join knockon.events e on e.id = l.event_id`,
      pg`select e.payload->>'text' as text from knockon.receipts r join knockon.events e on e.id = r.event_id where r.subscriber = 'deadly'`,
    ]);
    return { letters: [...letters], done: [...done] };
  }

  async stop(): Promise<void> {
    await this.#worker.stop();
  }
}

/** Started again, a dispatch is the same workflow. */
async function expectOneWorkflowEach({ temporal, database }: Deployment): Promise<void> {
  const client = new Client({
    connection: await Connection.connect({ address: temporal.address }),
    namespace: temporal.namespace,
  });
  const [dispatches] =
    await database.pg`select count(*)::int as n from knockon.dispatches where subscribers <> '{}'`;
  await expect.poll(async () => (await client.workflow.count()).count, soon).toBe(dispatches?.n);
  await client.connection.close();
}
