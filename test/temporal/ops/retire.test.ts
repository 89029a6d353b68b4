import { Client, Connection } from '@temporalio/client';
import { beforeAll, describe, expect, it } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { dead, retry } from '../../../src/activities/runtime/outcomes.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { hostEffects } from '../../../src/workers/host-effects.ts';
import { createLog, type Running, ShutdownStack } from '../../../src/workers/process/process.ts';
import { soon } from '../../harness/customer.ts';
import { OPERATOR } from '../../harness/processes.ts';
import { type RunningProduct, useProduct } from '../../harness/running-product.ts';

const settings = { KNOCKON_HEAL_AGE: '1s', KNOCKON_CHECK_EVERY: '200ms' };
const products = {
  temporal: useProduct(settings),
  'pg-boss': useProduct({ ...settings, KNOCKON_TRANSPORT: 'pg-boss' }),
};

/** Effects that are not done yet. */
const isWaiting = new Set<string>();
const given: Record<string, string[]> = {};

/** Effects that give up one of their events. */
const isPicky = new Set<string>();

/** An effect of that name that notes what it is given. */
const anEffect = (name: string) =>
  defineEffect({
    name,
    description: '',
    on: ['message.created'],
    retry: { attempts: 0, initial: '100ms', max: '200ms' },
    async perform(events) {
      if (isWaiting.has(name)) return events.map((event) => retry(event, 'not yet'));
      given[name] = [...(given[name] ?? []), ...events.map((event) => event.id)];
      if (isPicky.delete(name)) return [dead(events[0]!, 'not that one', { cause: 'picky' })];
      return undefined;
    },
  });

async function host({ config, own }: RunningProduct, ...names: string[]): Promise<Running> {
  const started = new ShutdownStack();
  const log = createLog('test', 'silent');
  await hostEffects({ config, database: own.database, effects: names.map(anEffect), log, started });
  return { stop: () => started.stop() };
}

describe.each(Object.entries(products))(
  'a subscriber that is retired, under %s',
  (transport, product) => {
    const prefix = transport === 'temporal' ? 't' : 'p';
    const name = (what: string) => `${prefix}-${what}`;
    const sibling = name('sibling');
    let worker: Running;
    beforeAll(async () => {
      worker = await host(product, sibling);
      product.running.push(worker);
    });

    const ops = (...args: Parameters<RunningProduct['ops']>) => product.ops(...args);
    const retire = (which: string, body: object = {}) =>
      ops('POST', `subscribers/${which}/retire`, body);
    const read = async (which: string) => (await ops('GET', `subscribers/${which}`)).body;
    const account = async (which: string) => {
      const { subscribers } = await verifyLedger(product.own.database.pg);
      return subscribers.find((one) => one.name === which);
    };
    const ended = async (id: string) => {
      await expect
        .poll(async () => (await ops('GET', `operations/${id}`)).body.state, soon)
        .not.toBe('running');
      return (await ops('GET', `operations/${id}`)).body;
    };

    /**
     * A subscriber with work of three messages open: nobody is there to do it. The sibling is not
     * done with them either.
     */
    async function withOpen(which: string) {
      await (await host(product, which)).stop();
      isWaiting.add(sibling);
      const messages = await Promise.all([1, 2, 3].map(() => product.acme.post()));
      await expect.poll(async () => (await account(which))?.in_flight, soon).toBe(3);
      return messages.map(({ id }) => String(id));
    }

    /** The sibling does now what it had open, and nothing of it was given up. */
    async function siblingIsDone() {
      isWaiting.delete(sibling);
      await expect.poll(async () => (await account(sibling))?.in_flight, soon).toBe(0);
      expect(await account(sibling)).toMatchObject({ dead: 0, missing: 0 });
    }

    it('is given nothing new, and nobody misses it or its workers', async () => {
      const gone = name('gone');
      await (await host(product, gone)).stop();
      const { status, body } = await retire(gone, { open: 'finish', reason: 'it has moved' });
      expect({ status, body }).toMatchObject({
        status: 202,
        body: {
          verb: 'retire',
          input: { subscriber: gone, open: 'finish', reason: 'it has moved' },
          by: 'operator',
          state: 'running',
          done: 0,
          failed: 0,
          eta_seconds: null,
        },
      });
      expect(body.workflow?.id ?? null).toBe(transport === 'temporal' ? `retire.${body.id}` : null);
      expect(await read(gone)).toMatchObject({
        state: 'retired',
        retired: { open: 'finish', handed_to: null, operation_id: body.id },
      });
      expect(await ended(body.id)).toMatchObject({ state: 'done', total: 0, done: 0, failed: 0 });
      const { id } = await product.acme.post();
      await expect.poll(async () => (await product.acme.states(id))[sibling], soon).toBe('done');
      expect(await product.acme.states(id)).not.toHaveProperty(gone);
      const { findings } = (await ops('GET', 'doctor')).body;
      expect(JSON.stringify(findings)).not.toContain(gone);
      // A worker that comes back changes nothing of it.
      await (await host(product, gone)).stop();
      expect(await read(gone)).toMatchObject({ state: 'retired' });
    });

    it('is finished by its workers, where that is asked', async () => {
      const finished = name('finished');
      await withOpen(finished);
      const { id } = (await retire(finished)).body;
      expect(await read(finished)).toMatchObject({ state: 'retired', backlog: 3 });
      const operation = async () => (await ops('GET', `operations/${id}`)).body;
      await expect
        .poll(operation, soon)
        .toMatchObject({ state: 'running', total: 3, done: 0, failed: 0 });
      isPicky.add(finished);
      const back = await host(product, finished);
      await expect.poll(async () => (await account(finished))?.in_flight, soon).toBe(0);
      await back.stop();
      expect(await ended(id)).toMatchObject({
        state: 'done',
        total: 3,
        done: 2,
        failed: 1,
        failures: [{ subject: expect.any(String), reason: 'not that one' }],
      });
      const letters = { filter: { subscriber: finished }, reason: 'seen' };
      expect((await ops('POST', 'dead_letters/discard', letters)).body).toEqual({ discarded: 1 });
      await siblingIsDone();
    });

    it('lets go what is open for good, tells whoever keeps the books, and leaves its siblings alone', async () => {
      const dropped = name('dropped');
      const [message] = await withOpen(dropped);
      const { body } = await retire(dropped, { open: 'discard', reason: 'nobody reads it' });
      expect(await ended(body.id)).toMatchObject({
        state: 'done',
        total: 3,
        done: 3,
        failed: 0,
      });
      expect(await account(dropped)).toMatchObject({ done: 3, dead: 0, in_flight: 0, missing: 0 });
      expect(await account(sibling)).toMatchObject({ in_flight: 3, dead: 0, missing: 0 });
      await siblingIsDone();
      const discarded = await product.own.database
        .pg`select by, reason, cause from knockon.discards where subscriber = ${dropped}`;
      expect([...discarded]).toEqual(
        Array(3).fill({ by: 'operator', reason: 'nobody reads it', cause: 'retired' }),
      );
      const told = await product.own.database
        .pg`select from knockon.events where type = 'effect.discarded' and payload->>'subscriber' = ${dropped}`;
      expect(told.length).toBe(3);
      if (transport === 'temporal') {
        const { events } = await product.acme.get(`/v1/messages/${message}/effects`);
        await expect.poll(() => statusOf(product, events[0].workflow.id), soon).toBe('COMPLETED');
      } else {
        const jobs = await product.own.database
          .pg`select from knockon.job where name = ${`effects.${dropped}`} and state < 'completed'`;
        expect(jobs.length).toBe(0);
      }
    });

    it('hands what is open to another, which is given nothing twice', async () => {
      const old = name('old');
      const heir = name('heir');
      await withOpen(old);
      const at = await host(product, heir);
      const shared = await product.acme.post();
      await expect.poll(async () => (await account(old))?.in_flight, soon).toBe(4);
      const { body } = await retire(old, { open: 'hand_over', to: heir, reason: 'renamed' });
      expect(body.input).toEqual({
        subscriber: old,
        open: 'hand_over',
        to: heir,
        reason: 'renamed',
      });
      expect((await read(old)).retired).toMatchObject({ open: 'hand_over', handed_to: heir });
      expect(await ended(body.id)).toMatchObject({
        state: 'done',
        total: 4,
        done: 4,
        failed: 0,
      });
      expect(await account(old)).toMatchObject({ done: 4, in_flight: 0, missing: 0 });
      expect(await account(heir)).toMatchObject({ done: 4, in_flight: 0, missing: 0 });
      expect(new Set(given[heir]).size).toBe(4);
      expect(given[heir]).toHaveLength(4);
      expect(await product.acme.states(shared.id)).toMatchObject({
        [old]: 'failed',
        [heir]: 'done',
      });
      await at.stop();
      await siblingIsDone();
    });

    it('is retired once however often that is asked, may go another way later, and comes back', async () => {
      const once = name('once');
      await withOpen(once);
      const first = await retire(once, { reason: 'first' });
      expect(await retire(once, { reason: 'second' })).toMatchObject({
        status: 202,
        body: { id: first.body.id, input: { reason: 'first' } },
      });
      const { body } = await retire(once, { open: 'discard' });
      expect(body.id).not.toBe(first.body.id);
      expect((await retire(once, { open: 'discard' })).body.id).toBe(body.id);
      await Promise.all([ended(first.body.id), ended(body.id)]);
      expect((await retire(once, { open: 'discard' })).body).toMatchObject({
        id: body.id,
        state: 'done',
      });
      const { data } = (await ops('GET', `log?subject=${once}`)).body;
      expect(
        data.map(
          ({ verb, detail }: { verb: string; detail: { open: string } }) =>
            `${verb} ${detail.open}`,
        ),
      ).toEqual(['retire discard', 'retire finish']);
      expect((await ops('DELETE', `subscribers/${once}/retire`)).body).toMatchObject({
        state: 'active',
        retired: null,
      });
      await siblingIsDone();
      const at = await host(product, once);
      const { id } = await product.acme.post();
      await expect.poll(async () => (await product.acme.states(id))[once], soon).toBe('done');
      await at.stop();
      await retire(once);
    });

    it('is one operation for one Idempotency-Key, whatever has happened meanwhile', async () => {
      const keyed = name('keyed');
      await (await host(product, keyed)).stop();
      const ask = async (body: object) => {
        const response = await fetch(`${product.url}/v1/ops/subscribers/${keyed}/retire`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${OPERATOR}`,
            'content-type': 'application/json',
            'idempotency-key': keyed,
          },
          body: JSON.stringify(body),
        });
        const { id } = (await response.json()) as { id?: string };
        return { status: response.status, id, again: response.headers.get('idempotent-replayed') };
      };
      const first = await ask({ open: 'discard', reason: 'moved' });
      expect(first).toMatchObject({ status: 202, again: null });
      await ops('DELETE', `subscribers/${keyed}/retire`);
      expect(await ask({ open: 'discard', reason: 'moved' })).toEqual({ ...first, again: 'true' });
      expect(await read(keyed)).toMatchObject({ state: 'active' });
      expect(await ask({ open: 'finish', reason: 'moved' })).toMatchObject({ status: 422 });
      await retire(keyed);
    });

    it('is refused where a name is not right, with the near ones, or where the other can’t take the work', async () => {
      expect(await retire(`${sibling}s`)).toMatchObject({
        status: 404,
        body: { detail: expect.stringContaining(`did you mean ${sibling}?`) },
      });
      const heirs: [string, RegExp][] = [
        [`${sibling}s`, new RegExp(`did you mean ${sibling}\\?`)],
        [sibling, /its own work/],
        [name('gone'), /is retired itself/],
      ];
      for (const [to, message] of heirs) {
        const { status, body } = await retire(sibling, { open: 'hand_over', to });
        expect({ status, errors: body.errors }).toEqual({
          status: 422,
          errors: [{ path: 'to', message: expect.stringMatching(message) }],
        });
      }
      expect(
        (await retire('webhooks', { open: 'hand_over', to: sibling })).body.errors[0].message,
      ).toMatch(/only some event types/);
      const wrong: [object, { path: string; message: unknown }][] = [
        [
          { open: 'hand_over' },
          { path: 'to', message: 'must name the subscriber that takes over what is open' },
        ],
        [
          { open: 'finish', to: sibling },
          { path: 'to', message: 'must be left out, unless open is hand_over' },
        ],
        [{ to: sibling }, { path: 'to', message: expect.stringContaining('must be left out') }],
        [{ open: 'all' }, { path: 'open', message: 'must be finish, discard or hand_over' }],
        [{ open: 'hand-to' }, { path: 'open', message: 'must be finish, discard or hand_over' }],
        [{ hand_to: sibling }, { path: 'hand_to', message: 'is not a known field' }],
      ];
      for (const [body, error] of wrong)
        expect(await retire(sibling, body)).toMatchObject({
          status: 422,
          body: { errors: [error] },
        });
      expect(await read(sibling)).toMatchObject({ state: 'active' });
    });
  },
);

async function statusOf({ config }: RunningProduct, workflowId: string): Promise<string> {
  const connection = await Connection.connect({ address: config.TEMPORAL_ADDRESS });
  const { status } = await new Client({ connection, namespace: config.TEMPORAL_NAMESPACE }).workflow
    .getHandle(workflowId)
    .describe();
  await connection.close();
  return status.name;
}

it('does not take its siblings along where somebody cancels its workflow in Temporal', async () => {
  const product = products.temporal;
  await (await host(product, 't-cancelled')).stop();
  isWaiting.add('t-sibling');
  const { id } = await product.acme.post();
  const states = () => product.acme.states(id);
  await expect.poll(async () => Object.keys(await states()), soon).toContain('t-cancelled');
  await product.ops('POST', 'subscribers/t-cancelled/retire', {});
  const { events } = await product.acme.get(`/v1/messages/${id}/effects`);
  const connection = await Connection.connect({ address: product.config.TEMPORAL_ADDRESS });
  await new Client({ connection, namespace: product.config.TEMPORAL_NAMESPACE }).workflow
    .getHandle(events[0].workflow.id)
    .cancel();
  await connection.close();
  await expect.poll(async () => (await states())['t-cancelled'], soon).toBe('failed');
  isWaiting.delete('t-sibling');
  await expect.poll(async () => (await states())['t-sibling'], soon).toBe('done');
  expect(
    (await product.own.database.pg`select subscriber from knockon.dead_letters`).map(
      (row) => row.subscriber,
    ),
  ).toEqual(['t-cancelled']);
});
