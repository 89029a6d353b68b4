import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { start as startEffects } from '../../../src/workers/effects.ts';
import type { Running } from '../../../src/workers/process/process.ts';
import { soon } from '../../harness/customer.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { type RunningProduct, useProduct } from '../../harness/running-product.ts';

const nameless = useProduct();
const eu = useProduct(() => ({
  TEMPORAL_NAMESPACE: nameless.config.TEMPORAL_NAMESPACE,
  KNOCKON_DEPLOYMENT: 'eu',
  TEMPORAL_UI_URL: 'http://ui',
}));

const ledger = async ({ own }: RunningProduct) => await verifyLedger(own.database.pg);
const post = (product: RunningProduct, n: number) =>
  Promise.all(Array.from({ length: n }, () => product.acme.post()));
const strangers = async (product: RunningProduct) => {
  const { body } = await product.ops('GET', 'doctor');
  return body.findings.find((finding: { check: string }) => finding.check === 'strangers');
};

/** Until every subscriber has done all that was ever dispatched to it. */
async function allDone(product: RunningProduct, events: number): Promise<void> {
  const open = async () => {
    const { subscribers, undispatched } = await ledger(product);
    const behind = subscribers
      .filter(({ expected, done }) => done < expected)
      .map(({ name, done, expected }) => `${name} ${done}/${expected}`);
    return undispatched.count > 0 ? [...behind, `${undispatched.count} undispatched`] : behind;
  };
  await expect.poll(open, soon).toEqual([]);
  // An event that is not dispatched yet is neither expected nor late.
  const seen = async () => {
    const [row] = await product.own.database.pg`
    select count(*)::int as n from knockon.receipts r join knockon.events e on e.id = r.event_id where r.subscriber = 'search' and e.type = 'message.created'`;
    return row!.n;
  };
  await expect.poll(seen, soon).toBe(events);
}

describe('two deployments that share a namespace, one of which has a name', () => {
  it('do each what is theirs, and the doctor finds nobody else on their queues', async () => {
    await Promise.all([post(nameless, 12), post(eu, 12)]);
    await Promise.all([allDone(nameless, 12), allDone(eu, 12)]);
    for (const product of [nameless, eu])
      expect(await strangers(product)).toMatchObject({ ok: true });
  });

  it('call workflows by the name that they have in Temporal, wherever they are told and asked for', async () => {
    const { id } = await eu.acme.post();
    await allDone(eu, 13);
    const { events } = await eu.acme.get(`/v1/messages/${id}/effects`);
    const { workflow } = events[0];
    expect(workflow.id).toMatch(/^eu\.[0-9a-f-]{36}$/);
    expect(workflow.url).toContain(`/workflows/${workflow.id}/`);
    const connection = await Connection.connect({ address: eu.config.TEMPORAL_ADDRESS });
    const handle = new Client({
      connection,
      namespace: eu.config.TEMPORAL_NAMESPACE,
    }).workflow.getHandle(workflow.id);
    const found = async () => {
      const { type, taskQueue, status } = await handle.describe();
      return { type, taskQueue, status: status.name };
    };
    const completed = { type: 'onMessageCreated', taskQueue: 'eu.workflows', status: 'COMPLETED' };
    await expect.poll(found, soon).toEqual(completed);
    const bare = workflow.id.slice('eu.'.length);
    for (const asked of [workflow.id, bare])
      expect((await eu.ops('GET', `events?workflow_id=${asked}`)).body.data).toEqual([
        expect.objectContaining({ message_id: id }),
      ]);
    for (const asked of [workflow.id, bare]) {
      expect((await eu.ops('POST', `workflows/${asked}/reset`)).body).toMatchObject({
        id: workflow.id,
        url: expect.stringContaining(workflow.id),
      });
      await expect.poll(found, soon).toEqual(completed);
    }
    await connection.close();
    expect((await nameless.ops('POST', `workflows/${workflow.id}/reset`)).status).toBe(404);
  });

  it('do long work each of their own', async () => {
    const { body } = await eu.ops('POST', 'rebuilds', { subscriber: 'analytics' });
    expect(body.workflow.id).toBe(`eu.rebuild.${body.id}`);
    await expect
      .poll(async () => (await eu.ops('GET', `jobs/${body.id}`)).body.state, soon)
      .toBe('done');
  });
});

describe('two deployments that share their queues', () => {
  let other: TestDatabase;
  let stranger: Running;
  beforeAll(async () => {
    other = await freshDatabase();
    const [effects] = nameless.running.splice(-1);
    await effects!.stop();
    stranger = await startEffects({ ...nameless.config, DATABASE_URL: other.url });
  });
  afterAll(async () => {
    await stranger?.stop();
    await other?.close();
  });

  it('lose no event: a stranger refuses the call, it uses up no try, and the right worker makes it', async () => {
    const connection = await Connection.connect({ address: nameless.config.TEMPORAL_ADDRESS });
    const { workflow } = new Client({ connection, namespace: nameless.config.TEMPORAL_NAMESPACE });
    const { id } = await nameless.acme.post();
    const refused = async () => {
      const { events } = await nameless.acme.get(`/v1/messages/${id}/effects`);
      if (!events[0]?.workflow) return [];
      const { raw } = await workflow.getHandle(events[0].workflow.id).describe();
      return (raw.pendingActivities ?? []).flatMap(({ activityType, lastFailure }) =>
        lastFailure?.applicationFailureInfo?.type === 'UnknownDispatchError'
          ? activityType?.name
          : [],
      );
    };
    await expect
      .poll(async () => (await refused()).sort(), soon)
      .toEqual(['analytics', 'audit', 'cache', 'notifications', 'search', 'webhooks']);
    await connection.close();
    const { subscribers } = await ledger(nameless);
    expect(subscribers.map(({ done, in_flight }) => ({ done: done >= 12, in_flight }))).toEqual(
      Array(6).fill({ done: true, in_flight: 1 }),
    );
    await nameless.effects();
    await post(nameless, 11);
    await allDone(nameless, 24);
    expect((await nameless.own.database.pg`select from knockon.dead_letters`).length).toBe(0);
  });

  it('are told of by the doctor, who names the strangers and says what to do', async () => {
    const finding = await strangers(nameless);
    expect(finding).toMatchObject({
      ok: false,
      remedy: expect.stringContaining('KNOCKON_DEPLOYMENT'),
    });
    const [row] = await other.database.pg`select identity from knockon.workers`;
    expect(finding.detail).toContain(`${row!.identity} on effects.`);
  });
});
