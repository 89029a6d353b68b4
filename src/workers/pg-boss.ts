import { sql } from 'drizzle-orm';
import { fromDrizzle, type PgBoss } from 'pg-boss';
import { CallSlots } from '../activities/runtime/call-slots.ts';
import { recordDeadLetters } from '../activities/runtime/dead-letters.ts';
import { EventReader } from '../activities/runtime/event-reader.ts';
import { answer, type CallOptions } from '../activities/runtime/run-effect.ts';
import { isDatabaseAway } from '../db/errors.ts';
import type { DeadLetters } from '../transport/dispatch.ts';
import { createBoss, ensureQueues, LOOK_AFTER } from '../transport/pg-boss/boss.ts';
import { Consumer } from '../transport/pg-boss/consumer.ts';
import { LostJobs } from '../transport/pg-boss/lost-jobs.ts';
import { listenForCalls } from '../transport/pg-boss/notifications.ts';
import { type ProcessJobOptions, processJob } from '../transport/pg-boss/process-job.ts';
import { Quarantines } from '../transport/quarantine.ts';
import { rateSlotsOf } from '../transport/rate-slots.ts';
import { ControlWatcher } from './control-watcher.ts';
import { type EffectHost, type Hosted, tellingAttempts } from './host-effects.ts';
import type { CurrentEffect } from './http-subscribers.ts';
import { compose } from './middleware.ts';
import { LimitedLog, tellingLetters } from './process/limited-log.ts';
import { repeat } from './process/repeat.ts';

/** Attempts to reach Postgres at the start, ever slower up to 30 s: servers start in any order. */
const START_ATTEMPTS = 1000;

/**
 * Hosts effects as consumers of pg-boss's queues, one each, and gives the jobs of dead workers to
 * others.
 */
export async function host(hosted: Hosted): Promise<EffectHost> {
  const { config, database, effects, log, started } = hosted;
  const consumers = new Map<string, Consumer>();
  const wake = (queue?: string) => {
    for (const [name, consumer] of consumers)
      if (queue === undefined || queue === name) consumer.wake();
  };
  const controls = started.add(new ControlWatcher(database, () => wake()), (c) => c.stop());
  await controls.start(log);
  const boss = await startBoss(hosted);
  const shared: Shared = {
    boss,
    controls,
    options: {
      locks: hosted.locks,
      limited: hosted.limited,
      reader: new EventReader(database.db, effects.length),
      tell: tellingAttempts(hosted),
    },
    quarantines: new Quarantines(),
    tellLetters: tellingLetters(started.add(new LimitedLog(log), (s) => s.close())),
  };
  for (const effect of effects)
    consumers.set(effect.task_queue, consumerOf({ effect }, shared, hosted));
  await listenForCalls(database.listen, wake);
  for (const consumer of consumers.values()) consumer.start();
  const ended = new Promise<void>((resolve) => {
    started.add(consumers, async () => {
      const stopped = [...consumers.values()].map((one) => one.stop(config.KNOCKON_SHUTDOWN));
      await Promise.all(stopped);
      resolve();
    });
  });
  const reader = EventReader.ofEach(database.db);
  const alone = { ...shared, options: { ...shared.options, reader } };
  return {
    ended,
    async hostMore(slot) {
      const { task_queue } = slot.effect;
      await ensureQueues(boss, [task_queue]);
      const consumer = consumerOf(slot, alone, hosted);
      consumers.set(task_queue, consumer);
      consumer.start();
      return {
        remove: () =>
          consumer.stop(config.KNOCKON_SHUTDOWN).finally(() => consumers.delete(task_queue)),
      };
    },
  };
}

/** Starts pg-boss and the watch for lost jobs, and makes the effects' queues. */
async function startBoss({ config, database, effects, log, started }: Hosted): Promise<PgBoss> {
  const url = config.DATABASE_URL;
  const boss = createBoss({ url, name: 'knockon pg-boss', log, connections: 4 });
  started.add(boss, (b) => b.stop({ graceful: false }));
  await boss.start({ attempts: START_ATTEMPTS });
  const lost = new LostJobs(boss);
  const look = () => lost.look(() => database.pg`select 1`);
  started.add(
    repeat(
      {
        what: 'look for calls whose worker is gone',
        everyMs: LOOK_AFTER * 1000,
        log,
        restFactor: 1,
      },
      look,
    ),
    (loop) => loop.stop(),
  );
  await ensureQueues(
    boss,
    effects.map((effect) => effect.task_queue),
  );
  return boss;
}

/** What the effects of a process have in common. */
interface Shared {
  boss: PgBoss;
  controls: ControlWatcher;
  options: CallOptions;
  quarantines: Quarantines;
  tellLetters(letters: DeadLetters): void;
}

function consumerOf(slot: CurrentEffect, shared: Shared, hosted: Hosted): Consumer {
  const { config, database, log } = hosted;
  const { effect } = slot;
  const { task_queue: queue, limit } = effect;
  const slots = new CallSlots(effect.concurrency ?? config.KNOCKON_CONCURRENCY, effect.waiting);
  const options: ProcessJobOptions = {
    boss: shared.boss,
    call: callOf(slot, slots, shared, hosted),
    quarantine: shared.quarantines.of(effect),
    inTransaction: (run) =>
      database.db.transaction((tx) =>
        run({
          db: fromDrizzle(tx, sql),
          recordDeadLetters: (letters) =>
            recordDeadLetters(tx, letters).then(() => shared.tellLetters(letters)),
        }),
      ),
  };
  const waitForSlot = limit && rateSlotsOf(database.pg, queue, limit.perSecond);
  return new Consumer({
    boss: shared.boss,
    queue,
    slots,
    admit: (calls, signal) => shared.controls.admit(queue, calls, signal),
    isAway: isDatabaseAway,
    log,
    async process(job, signal) {
      await waitForSlot?.(signal);
      await processJob(options, job, signal);
    },
  });
}

function callOf(
  slot: CurrentEffect,
  slots: CallSlots,
  shared: Shared,
  { database, metrics, presence }: Hosted,
): ProcessJobOptions['call'] {
  type Beside = [signal: AbortSignal, attempt: number];
  return compose<Beside>(
    [presence.counted(slot.effect, slots.working), metrics.measured(slot.effect.name)],
    (call, signal, attempt) =>
      answer(slot.effect, database.db, call, signal, { ...shared.options, slots, attempt }),
  );
}
