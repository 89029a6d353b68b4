import type { Db, Job, PgBoss } from 'pg-boss';
import { lockKey } from '../../db/advisory-locks.ts';
import type { DeadLetters, EffectAnswer, EffectCall } from '../dispatch.ts';
import type { Quarantine } from '../quarantine.ts';
import { count } from '../retry/selection.ts';
import { asJob, type CallJob, type NewJob } from './jobs.ts';
import {
  afterWorkersDied,
  CallTimeout,
  deathsOf,
  deferred,
  handBack,
  jobsAfterAnswer,
  jobsAfterFailure,
  type NextJobs,
} from './next-jobs.ts';
import { tellConsumersStatement } from './notifications.ts';

/** A transaction, for pg-boss and for dead letters alike. */
export interface JobTransaction {
  db: Db;
  recordDeadLetters(letters: DeadLetters): Promise<void>;
}

export interface ProcessJobOptions {
  boss: PgBoss;
  /**
   * Calls the effect. `attempt`: which attempt of this call it is, from 1. After the first, an
   * earlier one may have killed its worker.
   */
  call(call: EffectCall, signal: AbortSignal, attempt: number): Promise<EffectAnswer>;
  /** For calls that a worker may have died of; a process has one for each kind of effect. */
  quarantine: Quarantine;
  inTransaction(run: (tx: JobTransaction) => Promise<void>): Promise<void>;
}

/** The job belongs to another worker by now: what this one found out is dropped. */
export class ClaimLostError extends Error {
  override name = 'ClaimLostError';

  constructor({ id, name }: Pick<Job<CallJob>, 'id' | 'name'>) {
    super(`job ${id} of ${name} is another worker's by now`);
  }
}

/**
 * Calls the effect for a job and writes what follows. One transaction holds the job's end, the next
 * jobs and the dead letters. After a crash at any moment the call is made again, and receipts keep
 * it from happening twice.
 *
 * @param signal aborted where the worker must stop: the call is handed back
 * @throws ClaimLostError, or what kept it from being written
 */
export async function processJob(
  options: ProcessJobOptions,
  job: Job<CallJob>,
  signal: AbortSignal,
): Promise<void> {
  const { quarantine, inTransaction } = options;
  const write = (next: NextJobs) => inTransaction((tx) => completeJob(options.boss, tx, job, next));

  const { call, next } = afterWorkersDied(job.data, deathsOf(job.data, job.retryCount));
  if (next) return await write(next);
  if (call.deaths === undefined) return await write(await callEffect(options, call, signal));

  const makeCall = async () => {
    await inTransaction(({ db }) => recordBegun(db, job));
    await write(await callEffect(options, call, signal));
  };
  await quarantine.admit(makeCall, (inMs) => write(deferred(call, inMs)));
}

/** @throws ClaimLostError */
async function recordBegun(db: Db, job: Job<CallJob>): Promise<void> {
  const { id, name, data, retryCount } = job;
  // pg-boss's own `update` does not change active jobs.
  const { rows } = await db.executeSql(
    `update knockon.job set data = data || jsonb_build_object('begun', $4::int)
     where name = $1 and id = $2::uuid and state = 'active' and retry_count = $3 returning id`,
    [name, id, retryCount, (data.begun ?? 0) + 1],
  );
  if (rows.length === 0) throw new ClaimLostError(job);
}

async function callEffect(
  { call }: ProcessJobOptions,
  job: CallJob,
  signal: AbortSignal,
): Promise<NextJobs> {
  const { dispatch_id, subscriber, events, target, tried, deaths = 0 } = job;
  const alone = count(events) === 1;
  const effectCall: EffectCall = {
    dispatch_id,
    subscriber: subscriber.name,
    events,
    target,
    alone,
    tried: alone ? tried : undefined,
  };
  try {
    const answer = await withTimeLimit(subscriber.timeout_ms, signal, (inTime) =>
      call(effectCall, inTime, 1 + deaths),
    );
    return jobsAfterAnswer(job, answer);
  } catch (error) {
    return signal.aborted ? handBack(job) : jobsAfterFailure(job, error);
  }
}

/**
 * Ends a call when its time is up or the signal is aborted, even if the call ignores its signal.
 *
 * @throws CallTimeout, or the signal's reason
 */
async function withTimeLimit<T>(
  ms: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const stop = () => ended.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const timer = setTimeout(() => ended.abort(new CallTimeout()), ms);
  const aborted = new Promise<never>((_, reject) => {
    ended.signal.addEventListener('abort', () => reject(ended.signal.reason), { once: true });
  });
  try {
    return await Promise.race([call(ended.signal), aborted]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** Writes a job's end and what follows from it. @throws ClaimLostError */
async function completeJob(
  boss: PgBoss,
  { db, recordDeadLetters }: JobTransaction,
  job: Job<CallJob>,
  next: NextJobs,
): Promise<void> {
  const { name: queue, data } = job;
  const { dispatch_id, subscriber, parent } = data;
  const completed = (await boss.complete(queue, job, null, { db })) as { affected?: number };
  if (completed.affected !== 1) throw new ClaimLostError(job);
  const { jobs, letters } = next;
  if (letters.length > 0)
    await recordDeadLetters({ dispatch_id, subscriber: subscriber.name, letters });
  if (jobs.length > 0) {
    const rows = jobs.map((one) => asJob(data, one));
    await boss.insert(queue, rows, { db });
  }
  const isReleased = parent !== undefined && (await updateParent(boss, db, job, next));
  if (isReleased || jobs.some(isDue)) {
    const { text, values } = tellConsumersStatement(queue);
    await db.executeSql(text, values);
  }
}

const isDue = ({ inMs = 0 }: NewJob) => inMs <= 0;

/**
 * Strikes a finished target from the list that the event's own job waits for. When the list is
 * empty, the event's job may run. When the target is dead, so is its event: the event's job is
 * deleted, and the other targets go on.
 *
 * @returns whether the event's job may run now
 */
async function updateParent(
  boss: PgBoss,
  db: Db,
  { name: queue, data }: Job<CallJob>,
  { jobs, letters }: NextJobs,
): Promise<boolean> {
  const id = String(data.parent);
  // Two targets may finish at the same moment: the second must see what the first has struck.
  await db.executeSql('select pg_advisory_xact_lock($1::bigint)', [lockKey(`job ${id}`)]);
  const parent = await boss.getJobById<CallJob>(queue, id, { db });
  if (!parent?.data.waits_for) return false;
  if (letters.length > 0) {
    await boss.deleteJob(queue, id, { db });
    return false;
  }
  const open = jobs.filter((one) => one.parent === id).map(({ target }) => target ?? '');
  const others = parent.data.waits_for.filter((target) => target !== data.target);
  const waits_for = [...new Set([...others, ...open])];
  const isReleased = waits_for.length === 0;
  await boss.update(
    queue,
    { ...parent.data, waits_for },
    { id, db, ...(isReleased && { startAfter: 0 }) },
  );
  return isReleased;
}
