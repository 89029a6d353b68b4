import { Context } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import { type NativeConnection, Worker, type WorkerTuner } from '@temporalio/worker';
import { CallSlots } from '../activities/runtime/call-slots.ts';
import { EventReader } from '../activities/runtime/event-reader.ts';
import type { CallOptions } from '../activities/runtime/run-effect.ts';
import { Quarantines } from '../transport/quarantine.ts';
import { coalescingCompletions } from './coalesce-completions.ts';
import {
  effectActivity,
  HEARTBEAT,
  heartbeats,
  inRateSlot,
  oneSuspectAtATime,
  type TellBeat,
} from './effect-activity.ts';
import { type EffectHost, type Hosted, tellingAttempts } from './host-effects.ts';
import type { CurrentEffect, HostedEffect } from './http-subscribers.ts';
import { compose, type Middleware } from './middleware.ts';
import { temporalFailures } from './temporal-failures.ts';
import { connectWorker, installRuntime, workerPolls } from './temporal-runtime.ts';

/** How long a suspect call waits until the calls that came with it are turned away, in ms. */
const CALM = 250;

/** Hosts effects as activities, a Temporal worker each. */
export async function host(hosted: Hosted): Promise<EffectHost> {
  const { config, effects, health, log, started } = hosted;
  installRuntime(log);
  const connection = started.add(await connectWorker(config, log), (c) => c.close());
  const { namespace } = config.temporal;
  health.check('transport', async () => {
    await connection.workflowService.describeNamespace({ namespace });
    return null;
  });
  const workers = new RunningWorkers();
  const shared = sharedByEffects(hosted, connection);
  for (const worker of await Promise.all(
    effects.map((effect) => workerOf({ effect }, shared, hosted)),
  ))
    workers.run(worker);
  health.check('worker', workerPolls(workers.all));
  started.add(workers, (w) => w.stop());
  const alone = aloneOf(shared, hosted);
  return {
    ended: workers.ended,
    hostMore: async (slot) => workers.run(await workerOf(slot, alone, hosted)),
  };
}

/** Temporal workers that run until they are stopped. */
class RunningWorkers {
  readonly all: Worker[] = [];
  readonly #runs = new Map<Worker, Promise<void>>();
  #fail: (error: unknown) => void = () => {};
  #end: () => void = () => {};
  /** Rejects where one fails for good. */
  readonly ended = new Promise<void>((resolve, reject) => {
    this.#end = resolve;
    this.#fail = reject;
  });

  run(worker: Worker): HostedEffect {
    this.all.push(worker);
    const run = worker.run();
    this.#runs.set(worker, run);
    run.catch(this.#fail);
    return {
      remove: async () => {
        this.all.splice(this.all.indexOf(worker), 1);
        await this.#stop(worker);
        this.#runs.delete(worker);
      },
    };
  }

  async stop(): Promise<void> {
    // Those that are being removed too.
    await Promise.all(Array.from(this.#runs.keys(), (worker) => this.#stop(worker)));
    this.#end();
  }

  async #stop(worker: Worker): Promise<void> {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await this.#runs.get(worker);
  }
}

/** What the effects of a process have in common. */
interface Shared {
  connection: NativeConnection;
  options: CallOptions;
  quarantines: Quarantines;
  coalesced: Middleware;
  tellBeat: TellBeat;
}

function sharedByEffects(hosted: Hosted, connection: NativeConnection): Shared {
  const { config, database, effects, locks, limited } = hosted;
  const { activity } = new Client({ connection, namespace: config.temporal.namespace });
  return {
    connection,
    options: {
      locks,
      limited,
      reader: new EventReader(database.db, effects.length),
      tell: tellingAttempts(hosted),
    },
    quarantines: new Quarantines(CALM),
    coalesced: coalescingCompletions(),
    // The worker's own heartbeats are sent some time later.
    tellBeat: (beat) => activity.heartbeat(Context.current().info.taskToken, beat),
  };
}

/** What comes later shares no events with the others: nobody knows how many there will be. */
const aloneOf = (shared: Shared, { database }: Hosted): Shared => ({
  ...shared,
  options: { ...shared.options, reader: EventReader.ofEach(database.db) },
});

async function workerOf(slot: CurrentEffect, shared: Shared, hosted: Hosted): Promise<Worker> {
  const { config, presence } = hosted;
  const { effect } = slot;
  const concurrency = effect.concurrency ?? config.KNOCKON_CONCURRENCY;
  const slots = new CallSlots(concurrency, effect.waiting);
  return await Worker.create({
    connection: shared.connection,
    namespace: config.temporal.namespace,
    identity: presence.identity,
    taskQueue: effect.task_queue,
    activities: { [effect.name]: activityOf(slot, slots, shared, hosted) },
    interceptors: { activity: temporalFailures },
    shutdownGraceTime: config.KNOCKON_SHUTDOWN,
    ...(effect.waiting === undefined
      ? { maxConcurrentActivityTaskExecutions: concurrency }
      : { tuner: tunerOf(slots) }),
    // The server's limit, for the queue: however many workers there are.
    maxTaskQueueActivitiesPerSecond: effect.limit?.perSecond,
    // The SDK's default keeps back most heartbeats: 12 s of the 15 after which a worker counts as
    // dead.
    maxHeartbeatThrottleInterval: HEARTBEAT,
    activityTaskPollerBehavior: { type: 'autoscaling', minimum: 2, initial: 2, maximum: 20 },
  });
}

function activityOf(slot: CurrentEffect, slots: CallSlots, shared: Shared, hosted: Hosted) {
  const { database, metrics, presence } = hosted;
  const { effect } = slot;
  return compose(
    [
      presence.counted(effect, slots.working),
      metrics.measured(effect.name),
      shared.coalesced,
      oneSuspectAtATime(shared.quarantines.of(effect), shared.tellBeat),
      inRateSlot(effect, database.pg),
      heartbeats,
    ],
    effectActivity(slot, database.db, { ...shared.options, slots }),
  );
}

/** Has the SDK take a call only while a slot is free. */
function tunerOf(slots: CallSlots): WorkerTuner {
  const none = { type: 'fixed-size' as const, numSlots: 1 };
  return {
    activityTaskSlotSupplier: {
      type: 'custom',
      async reserveSlot(_, signal) {
        await slots.take(signal);
        return {};
      },
      tryReserveSlot: () => (slots.tryTake() ? {} : null),
      markSlotUsed() {},
      releaseSlot: () => slots.release(),
    },
    // The type demands these; such workers host no workflows.
    workflowTaskSlotSupplier: none,
    localActivityTaskSlotSupplier: none,
    nexusTaskSlotSupplier: none,
  };
}
