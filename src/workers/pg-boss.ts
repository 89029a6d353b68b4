import { sql } from 'drizzle-orm';
import { fromDrizzle, type PgBoss } from 'pg-boss';
import type { TellAttempt } from '../activities/runtime/attempt-report.ts';
import { CallSlots } from '../activities/runtime/call-slots.ts';
import { recordDeadLetters } from '../activities/runtime/dead-letters.ts';
import type { Effect } from '../activities/runtime/effect.ts';
import { EventReader } from '../activities/runtime/event-reader.ts';
import { answer } from '../activities/runtime/run-effect.ts';
import { isDatabaseAway } from '../db/errors.ts';
import type { DeadLetters } from '../transport/dispatch.ts';
import { createBoss, ensureQueues, LOOK_AFTER } from '../transport/pg-boss/boss.ts';
import { Consumer } from '../transport/pg-boss/consumer.ts';
import { LostJobs } from '../transport/pg-boss/lost-jobs.ts';
import { listenForCalls } from '../transport/pg-boss/notifications.ts';
import { type ProcessJobOptions, processJob } from '../transport/pg-boss/process-job.ts';
import { rateSlotsOf } from '../transport/pg-boss/rate-limit.ts';
import { Quarantines } from '../transport/quarantine.ts';
import { ControlWatcher } from './control-watcher.ts';
import { type Hosted, tellingAttempts } from './effects.ts';
import { LimitedLog, tellingLetters } from './process/limited-log.ts';
import { repeat } from './process/repeat.ts';

/**
 * Tries to reach Postgres at the start, ever slower up to 30 s: workers and servers may start in
 * any order.
 */
const START_ATTEMPTS = 1000;

/**
 * Hosts effects as consumers of pg-boss's queues, one each, and looks after jobs whose worker is
 * gone.
 */
export async function host(hosting: Hosted): Promise<{ ended: Promise<void> }> {
  const { config, database, effects, log, started } = hosting;
  const consumers = new Map<string, Consumer>();
  const wakeAll = () => {
    for (const consumer of consumers.values()) consumer.wake();
  };
  const heed = started.add(new ControlWatcher(database, wakeAll), (h) => h.stop());
  await heed.start(log);
  const boss = createBoss({
    url: config.DATABASE_URL,
    name: 'knockon pg-boss',
    log,
    connections: 4,
  });
  started.add(boss, (b) => b.stop({ graceful: false }));
  await boss.start({ attempts: START_ATTEMPTS });
  const lost = new LostJobs(boss);
  const look = () => lost.look(() => database.pg`select 1`);
  started.add(
    repeat('look for calls whose worker is gone', LOOK_AFTER * 1000, look, log, 1),
    (loop) => loop.stop(),
  );
  const queues = effects.map((effect) => effect.task_queue);
  await ensureQueues(boss, queues);
  const tell = tellingAttempts(hosting);
  const tellLetters = tellingLetters(started.add(new LimitedLog(log), (s) => s.close()));
  const shared = {
    tell,
    tellLetters,
    boss,
    heed,
    quarantines: new Quarantines(),
    reader: new EventReader(database.db, effects.length),
  };
  for (const effect of effects)
    consumers.set(effect.task_queue, consumerOf(effect, shared, hosting));
  await listenForCalls(database.listen, (queue) => {
    for (const [name, consumer] of consumers)
      if (queue === undefined || queue === name) consumer.wake();
  });
  for (const consumer of consumers.values()) consumer.start();
  const ended = new Promise<void>((resolve) => {
    started.add(consumers, async () => {
      await Promise.all(
        [...consumers.values()].map((consumer) => consumer.stop(config.KNOCKON_SHUTDOWN)),
      );
      resolve();
    });
  });
  return { ended };
}

/** What the effects of a process have in common. */
interface Shared {
  tell: TellAttempt;
  tellLetters(letters: DeadLetters): void;
  boss: PgBoss;
  heed: ControlWatcher;
  quarantines: Quarantines;
  reader: EventReader;
}

function consumerOf(
  effect: Effect,
  { tell, tellLetters, boss, heed, quarantines, reader }: Shared,
  hosting: Hosted,
): Consumer {
  const { config, database, locks, presence, metrics, log } = hosting;
  const slots = new CallSlots(effect.concurrency ?? config.KNOCKON_CONCURRENCY, effect.waiting);
  const call = (...[call, signal, attempt]: Parameters<ProcessJobOptions['call']>) =>
    answer(effect, database.db, call, signal, { locks, reader, attempt, slots, tell });
  const options: ProcessJobOptions = {
    boss,
    call: presence.counting(effect.name, slots.working, metrics.measured(effect.name, call)),
    quarantine: quarantines.of(effect),
    inTransaction: (run) =>
      database.db.transaction((tx) =>
        run({
          db: fromDrizzle(tx, sql),
          recordDeadLetters: (letters) =>
            recordDeadLetters(tx, letters).then(() => tellLetters(letters)),
        }),
      ),
  };
  const turn = effect.limit && rateSlotsOf(database.pg, effect.task_queue, effect.limit.perSecond);
  return new Consumer({
    boss,
    queue: effect.task_queue,
    slots,
    admit: (calls, signal) => heed.admit(effect.task_queue, calls, signal),
    isAway: isDatabaseAway,
    log,
    async seeThrough(job, signal) {
      await turn?.(signal);
      await processJob(options, job, signal);
    },
  });
}
