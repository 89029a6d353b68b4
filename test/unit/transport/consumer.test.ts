import type { Job, PgBoss } from 'pg-boss';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { CallSlots } from '../../../src/activities/runtime/call-slots.ts';
import { Consumer } from '../../../src/transport/pg-boss/consumer.ts';
import { BEHIND, type CallJob } from '../../../src/transport/pg-boss/jobs.ts';

const away = Object.assign(new Error('the database system is shutting down'), { code: '57P01' });

/** pg-boss with one job, that counts the heartbeats it gets. */
function oneJob() {
  const job = { id: 'the job' } as Job<CallJob>;
  const waiting = [job];
  const boss = {
    beats: 0,
    fetch: async () => waiting.splice(0),
    touch: async () => {
      boss.beats += 1;
      return { settled: [job.id] };
    },
  };
  return boss;
}

function aConsumer(boss: ReturnType<typeof oneJob>, process: () => Promise<void>): Consumer {
  return new Consumer({
    boss: boss as unknown as PgBoss,
    queue: 'effects.search',
    slots: new CallSlots(1),
    admit: async (calls) => calls,
    isAway: (error) => error === away,
    log: pino({ level: 'silent' }),
    process,
  });
}

it('keeps a call that it could not complete because the database was away: nobody is to think that its worker died', async () => {
  const boss = oneJob();
  let calls = 0;
  const consumer = aConsumer(boss, async () => {
    calls += 1;
    if (calls < 4) throw away;
  });
  consumer.start();
  await expect.poll(() => calls).toBe(4);
  expect(boss.beats).toBeGreaterThanOrEqual(3);
  await consumer.stop(0);
  expect(calls).toBe(4);
});

it('lets go of a call that can not be completed for another reason, and of any when it stops', async () => {
  let calls = 0;
  const broken = aConsumer(oneJob(), async () => {
    calls += 1;
    throw new Error('a receipt for an event that is not there');
  });
  broken.start();
  await expect.poll(() => calls).toBe(1);
  await broken.stop(0);
  expect(calls).toBe(1);

  const cutOff = aConsumer(oneJob(), async () => {
    calls += 1;
    throw away;
  });
  cutOff.start();
  await expect.poll(() => calls).toBeGreaterThan(1);
  await cutOff.stop(0);
});

it('takes calls that come behind first once in four times, and a part of its room with them', async () => {
  const fetched: { batchSize: number; maxPriority?: number }[] = [];
  const boss = {
    fetch: async (_: string, options: { batchSize: number; maxPriority?: number }) => {
      fetched.push(options);
      return [];
    },
  };
  const consumer = new Consumer({
    boss: boss as unknown as PgBoss,
    queue: 'effects.search',
    slots: new CallSlots(8),
    isAway: () => false,
    log: pino({ level: 'silent' }),
    process: async () => {},
    pollMs: 1,
  });
  consumer.start();
  await expect.poll(() => fetched.length).toBeGreaterThanOrEqual(10);
  await consumer.stop(0);
  const asked = fetched.slice(0, 10).map(({ batchSize, maxPriority }) => [batchSize, maxPriority]);
  const [any, behind] = [
    [8, undefined],
    [2, BEHIND],
  ];
  expect(asked).toEqual([any, any, any, behind, any, any, any, any, behind, any]);
});
