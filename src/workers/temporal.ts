import { setTimeout as wait } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import {
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerTuner,
} from '@temporalio/worker';
import type { Logger } from 'pino';
import { CallSlots } from '../activities/runtime/call-slots.ts';
import { EventReader } from '../activities/runtime/event-reader.ts';
import { effectActivity, HEARTBEAT } from '../activities/runtime/run-effect.ts';
import { safeReason } from '../safe-error.ts';
import type { Config } from '../settings/config.ts';
import type { Beat, EffectAnswer, EffectCall } from '../transport/dispatch.ts';
import { takeRateSlot } from '../transport/pg-boss/rate-limit.ts';
import { type Quarantine, Quarantines } from '../transport/quarantine.ts';
import { CODE, codeOf } from '../transport/temporal/grpc.ts';
import { coalescingCompletions } from './coalesce-completions.ts';
import { type Hosted, tellingAttempts } from './effects.ts';
import type { Check } from './process/health.ts';
import { LimitedLog } from './process/limited-log.ts';
import { retryUntilAvailable } from './process/process.ts';
import { safeFailures } from './process/safe-failures.ts';

let installed = false;

/**
 * Sends the SDK's own log lines through the process' log. Once a process: the SDK has one runtime,
 * and the first log stays.
 */
export function installRuntime(log: Logger): void {
  if (installed) return;
  installed = true;
  const sparing = new LimitedLog(log);
  const levels = {
    TRACE: 'trace',
    DEBUG: 'debug',
    INFO: 'info',
    WARN: 'warn',
    ERROR: 'error',
  } as const;
  const logger = new DefaultLogger('WARN', ({ level, message, meta }) => {
    // Said once an effect at every start, and meant: they have workers apart.
    if (message.startsWith('No workflows registered')) return;
    // Of effects' attempts the worker tells itself, and more.
    if (message === 'Activity failed' && String(meta?.taskQueue).startsWith('effects.')) return;
    if (message !== 'Workflow failed') log[levels[level]](meta ?? {}, message);
    else
      sparing.warn(
        { workflow: String(meta?.workflowType) },
        { ...meta, cause: safeReason(meta?.error) },
        message,
      );
  });
  // Signals are ours: the process decides what is stopped in which order.
  Runtime.install({ logger, shutdownSignals: [] });
}

/** Connects a worker to Temporal, waiting for it, and for its namespace, as long as it takes. */
export async function connectWorker(config: Config, log: Logger): Promise<NativeConnection> {
  const { namespace, ...options } = config.temporal;
  const { address } = options;
  const connect = async () => {
    const connection = await NativeConnection.connect(options);
    try {
      await connection.workflowService.describeNamespace({ namespace });
    } catch (error) {
      if (CODE.refused.includes(codeOf(error) ?? 0)) return connection;
      await connection.close();
      throw error;
    }
    return connection;
  };
  const trouble = (error: unknown) =>
    codeOf(error) === CODE.notFound
      ? `Temporal at ${address} has no namespace "${namespace}": make it, or correct TEMPORAL_NAMESPACE`
      : `Temporal at ${address} does not answer`;
  return await retryUntilAvailable(trouble, connect, log);
}

/** The SDK still asks the server for work, for each of these. */
export const workerPolls =
  (workers: Worker[]): Check =>
  async () => {
    const idle = workers.filter((worker) => worker.getState() !== 'RUNNING');
    return idle.length > 0
      ? `no calls are taken from ${idle.map(({ options }) => options.taskQueue).join(', ')}`
      : null;
  };

/** Has the server know something of the call that is being made, before anything else happens. */
type Tell = (beat: Beat) => Promise<void>;

/**
 * Calls that a worker may have died of are made one at a time, and what is turned away for it comes
 * back in its turn. The server knows when one is begun, so that a worker's death is counted against
 * no call that only waited.
 */
function setApart(
  make: (call: EffectCall) => Promise<EffectAnswer>,
  quarantine: Quarantine,
  tell: Tell,
): typeof make {
  return async (call) => {
    if (!call.suspect) return await make(call);
    // What a try before this one has said is not of this one.
    if (Context.current().info.attempt > 1) await tell('not begun');
    let answer: EffectAnswer = { done: 0, open: [] };
    const made = async () => {
      await tell('begun');
      answer = await make(call);
    };
    await quarantine.admit(made, async (inMs) => {
      answer = {
        done: 0,
        open: [],
        put_off: new Date(Date.now() + inMs).toISOString(),
        put_off_ms: inMs,
      };
    });
    return answer;
  };
}

/**
 * Longest that a call waits for its turn while it is held, in ms: its worker counts as dead after
 * 15 s of silence.
 */
const HELD_FOR_TURN = 5000;

/**
 * Has each call of a limited effect begin at its turn. Temporal's limiter, which keeps the rest in
 * the queue, lets a second's worth and more through at once. A turn that is far away is waited for
 * by the workflow.
 */
function inTurn(
  make: (call: EffectCall) => Promise<EffectAnswer>,
  turn: () => Promise<number>,
  longestMs: number,
): typeof make {
  return async (call) => {
    const inMs = Math.ceil(await turn());
    if (inMs > longestMs)
      return {
        done: 0,
        open: [],
        put_off: new Date(Date.now() + inMs).toISOString(),
        put_off_ms: inMs,
      };
    if (inMs > 0)
      await wait(inMs, undefined, { signal: Context.current().cancellationSignal }).catch(() => {});
    return await make(call);
  };
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
    // Asked for by the type, and never used: these workers host no workflows.
    workflowTaskSlotSupplier: none,
    localActivityTaskSlotSupplier: none,
    nexusTaskSlotSupplier: none,
  };
}

/** How long a suspected call waits until what came with it has been turned away, in ms. */
const CALM = 250;

/** Hosts effects as activities, a Temporal worker each. */
export async function host(hosted: Hosted): Promise<{ ended: Promise<void> }> {
  const { config, database, effects, locks, presence, health, metrics, log, started } = hosted;
  installRuntime(log);
  const connection = started.add(await connectWorker(config, log), (c) => c.close());
  health.check('transport', async () => {
    await connection.workflowService.describeNamespace({ namespace: config.temporal.namespace });
    return null;
  });
  const shared = {
    locks,
    reader: new EventReader(database.db, effects.length),
    tell: tellingAttempts(hosted),
  };
  const quarantines = new Quarantines(CALM);
  const together = coalescingCompletions();
  const { activity } = new Client({ connection, namespace: config.temporal.namespace });
  // The worker's own heartbeats are sent some time later.
  const tell: Tell = (beat) => activity.heartbeat(Context.current().info.taskToken, beat);
  const workers = await Promise.all(
    effects.map((effect) => {
      const concurrency = effect.concurrency ?? config.KNOCKON_CONCURRENCY;
      const slots = new CallSlots(concurrency, effect.waiting);
      const { limit, task_queue: queue, timeout_ms } = effect;
      const make = effectActivity(effect, database.db, { ...shared, slots });
      const turn = limit && (() => takeRateSlot(database.pg, queue, limit.perSecond));
      const limited = turn ? inTurn(make, turn, Math.min(HELD_FOR_TURN, timeout_ms / 2)) : make;
      return Worker.create({
        connection,
        namespace: config.temporal.namespace,
        identity: presence.identity,
        taskQueue: effect.task_queue,
        activities: {
          [effect.name]: presence.counting(
            effect.name,
            concurrency,
            metrics.measured(
              effect.name,
              together(setApart(limited, quarantines.of(effect), tell)),
            ),
          ),
        },
        interceptors: { activity: safeFailures },
        shutdownGraceTime: config.KNOCKON_SHUTDOWN,
        ...(effect.waiting === undefined
          ? { maxConcurrentActivityTaskExecutions: concurrency }
          : { tuner: tunerOf(slots) }),
        // The server's, for the queue: however many workers there are.
        maxTaskQueueActivitiesPerSecond: effect.limit?.perSecond,
        // By itself the SDK keeps back most of them: 12 s of the 15 after which a worker counts as
        // dead.
        maxHeartbeatThrottleInterval: HEARTBEAT,
        activityTaskPollerBehavior: { type: 'autoscaling', minimum: 2, initial: 2, maximum: 20 },
      });
    }),
  );
  const ended = Promise.all(workers.map((worker) => worker.run())).then(() => {});
  health.check('worker', workerPolls(workers));
  started.add(workers, async () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await ended;
  });
  return { ended };
}
