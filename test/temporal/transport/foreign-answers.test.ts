import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { EffectCall } from '../../../src/transport/dispatch.ts';
import { soon, TransportTestbed } from './testbed.ts';

let testbed: TransportTestbed;
let connection: NativeConnection;
beforeAll(async () => {
  testbed = await TransportTestbed.open('temporal');
  connection = await NativeConnection.connect({ address: testbed.temporal.address });
});
afterEach(() => testbed.clear());
afterAll(async () => {
  await testbed?.close();
  await connection?.close();
});

type Answer = (call: EffectCall) => unknown;
let workers = 0;

/**
 * Somebody's own worker, of two tries, while the test runs. It is done with what `answer` gives
 * nothing for.
 *
 * @returns the calls that it had, and its name
 */
async function withForeign(
  answer: Answer,
  test: (name: string, calls: EffectCall[]) => Promise<void>,
): Promise<void> {
  const { pg } = testbed.database;
  workers += 1;
  const name = `theirs-${workers}`;
  const retry = { attempts: 2, initial_ms: 10, max_ms: 10 };
  await pg`select knockon.register_subscriber(${pg.json({ name, event_types: ['*'], retry })})`;
  const calls: EffectCall[] = [];
  const worker = await Worker.create({
    connection,
    namespace: testbed.temporal.namespace,
    taskQueue: `effects.${name}`,
    activities: {
      [name]: async (call: EffectCall) => {
        calls.push(call);
        return (await answer(call)) ?? (await finish(call));
      },
    },
  });
  await worker.runUntil(() => test(name, calls));
}

async function finish(call: EffectCall): Promise<unknown> {
  const { pg } = testbed.database;
  const done = await pg`
    with open as (select array_agg((e ->> 'id')::uuid) as ids
      from knockon.open_events(${pg.json(call as never)}) as e)
    select knockon.complete(${pg.json(call as never)}, ids) from open where ids is not null`;
  return { done: done.length, open: [] };
}

const open = (...some: object[]) => ({ done: 0, open: some });
const states = [
  { state: 'dead', reason: 'gone' },
  { state: 'retry', reason: 'busy' },
  { state: 'later', until: '2026-01-01T00:00:00Z', in_ms: 0 },
];

describe('what a worker answers for an event that its call was not for', () => {
  it.each(states)('concerns nobody, and the call is made again: $state', async (outcome) => {
    const [stranger] = await testbed.post(1);
    let first = true;
    const answer: Answer = () => {
      if (!first) return undefined;
      first = false;
      return open({ event_id: stranger, ...outcome });
    };
    await withForeign(answer, async (name, calls) => {
      await testbed.database.pg`delete from knockon.outbox`;
      const [own] = await testbed.post(1);
      await testbed.dispatch();
      await testbed.done(name, [own!]);
      expect(calls.map(({ events }) => events)).toEqual(Array(2).fill({ offset: 0, limit: 1 }));
      expect(await testbed.letters(name)).toEqual([]);
    });
  });

  it('is a dead letter of its own event, once its tries are used up', async () => {
    const [stranger] = await testbed.post(1);
    await withForeign(
      () => open({ event_id: stranger, state: 'dead', reason: 'gone' }),
      async (name) => {
        await testbed.database.pg`delete from knockon.outbox`;
        const [own] = await testbed.post(1);
        await testbed.dispatch();
        await expect
          .poll(() => testbed.letters(name), soon)
          .toMatchObject([{ event_id: own, cause: 'malformed answer' }]);
      },
    );
  });
});

describe('a worker whose answers or failures Postgres could not keep', () => {
  const event = (id: string) => ({ event_id: id, state: 'dead', reason: 'gone' });
  it.each<[string, (id: string) => unknown]>([
    ['an id that is no UUID', () => open(event('zzz'))],
    ['a long target', (id) => open({ ...event(id), target: 'x'.repeat(300_000) })],
    ['a character that no text may have', (id) => open({ ...event(id), target: 'a\0b' })],
    [
      'such a character in its failure',
      () => {
        throw ApplicationFailure.create({ type: 'EffectPoison', message: 'a\0b' });
      },
    ],
  ])('has its event given up: %s', async (_, answer) => {
    let own = '';
    await withForeign(
      () => answer(own),
      async (name) => {
        [own = ''] = await testbed.post(1);
        await testbed.dispatch();
        await expect.poll(() => testbed.letters(name), soon).toMatchObject([{ event_id: own }]);
      },
    );
  });
});

it('takes an id in capital letters for the same event', async () => {
  let own = '';
  let first = true;
  const answer: Answer = () => {
    if (!first) return undefined;
    first = false;
    return open({ event_id: own.toUpperCase(), state: 'later', until: '2026-01-01T00:00:00Z' });
  };
  await withForeign(answer, async (name, calls) => {
    [own = ''] = await testbed.post(1);
    await testbed.dispatch();
    await testbed.done(name, [own]);
    expect(calls[1]).toMatchObject({ events: { ids: [own] } });
  });
});
