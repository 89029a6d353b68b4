import type { Db, Job, PgBoss } from 'pg-boss';
import { lockKey } from '../../db/advisory-locks.ts';
import type { DeadLetters, EffectAnswer, EffectCall } from '../dispatch.ts';
import type { Quarantine } from '../quarantine.ts';
import { count, putOffBy } from '../selection.ts';
import { asJob, type CallJob, type NewJob } from './jobs.ts';
import {
  afterAnswer,
  afterDeaths,
  afterFailure,
  CallTimeout,
  deathsOf,
  handBack,
  type NextJobs,
  putOff,
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
   * Calls the effect. `attempt`: which try of this very call it is, from 1; a call that is made
   * again may have killed its worker.
   */
  call(call: EffectCall, signal: AbortSignal, attempt: number): Promise<EffectAnswer>;
  /** For calls of which a worker may have died; the process has one. */
  quarantine: Quarantine;
  inTransaction(run: (tx: JobTransaction) => Promise<void>): Promise<void>;
}

/** The job has been given to another worker meanwhile: what this one found out is dropped. */
export class ClaimLostError extends Error {
  override name = 'ClaimLostError';
}

/**
 * Calls the effect for a job and sees to what follows. The job's end, the jobs that follow from it
 * and its dead letters are written together or not at all, so a crash at any moment leaves the call
 * to be made again, and receipts keep it from happening twice.
 *
 * @param signal aborted where the worker must stop: the call is handed back
 * @throws ClaimLostError, or what kept it from being written
 */
export async function processJob(
  options: ProcessJobOptions,
  job: Job<CallJob>,
  signal: AbortSignal,
): Promise<void> {
  const write = (followUp: NextJobs) =>
    options.inTransaction((tx) => settle(options.boss, tx, job, followUp));
  const died = deathsOf(job.data, job.retryCount);
  const end = afterDeaths(job.data, died);
  if (end) return await write(end);
  const deaths = (job.data.deaths ?? 0) + died;
  if (job.data.deaths === undefined && deaths === 0)
    return await write(await made(options, job.data, signal, 1));
  const suspect = { ...job.data, tried: job.data.tried + died, deaths };
  const make = async () => {
    await options.inTransaction(({ db }) => noteBegun(db, job));
    await write(await made(options, suspect, signal, 1 + deaths));
  };
  await options.quarantine.admit(make, (inMs) => write(putOff(suspect, inMs)));
}

/** @throws ClaimLostError where it is another worker's by now */
async function noteBegun(db: Db, { id, name, data, retryCount }: Job<CallJob>): Promise<void> {
  // Its own `update` changes no job that is being worked on.
  const { rows } = await db.executeSql(
    `update pgboss.job set data = data || jsonb_build_object('begun', $4::int)
     where name = $1 and id = $2::uuid and state = 'active' and retry_count = $3 returning id`,
    [name, id, retryCount, (data.begun ?? 0) + 1],
  );
  if (rows.length === 0)
    throw new ClaimLostError(`job ${id} of ${name} is another worker's by now`);
}

async function made(
  { call }: ProcessJobOptions,
  job: CallJob,
  signal: AbortSignal,
  attempt: number,
): Promise<NextJobs> {
  const { dispatch_id, subscriber, events, target } = job;
  const alone = count(events) === 1;
  const effectCall: EffectCall = {
    dispatch_id,
    subscriber: subscriber.name,
    events,
    target,
    alone,
    tried: alone ? job.tried : undefined,
  };
  try {
    const answer = await within(subscriber.timeout_ms, signal, (inTime) =>
      call(effectCall, inTime, attempt),
    );
    const inMs = putOffBy(answer, Date.now());
    return inMs === undefined ? afterAnswer(job, answer.open) : putOff(job, inMs);
  } catch (error) {
    return signal.aborted ? handBack(job) : afterFailure(job, error);
  }
}

/**
 * @throws CallTimeout when the time is up, or the signal's reason, whether or not the call heeds
 * its signal
 */
async function within<T>(
  ms: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const stop = () => ended.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const timer = setTimeout(() => ended.abort(new CallTimeout()), ms);
  const given = new Promise<never>((_, reject) => {
    ended.signal.addEventListener('abort', () => reject(ended.signal.reason), { once: true });
  });
  try {
    return await Promise.race([call(ended.signal), given]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function settle(
  boss: PgBoss,
  { db, recordDeadLetters }: JobTransaction,
  job: Job<CallJob>,
  { jobs, letters }: NextJobs,
): Promise<void> {
  const { name: queue, data } = job;
  const completed = (await boss.complete(queue, job, null, { db })) as { affected?: number };
  if (completed.affected !== 1)
    throw new ClaimLostError(`job ${job.id} of ${queue} is another worker's by now`);
  if (letters.length > 0)
    await recordDeadLetters({
      dispatch_id: data.dispatch_id,
      subscriber: data.subscriber.name,
      letters,
    });
  if (jobs.length > 0) {
    await boss.insert(
      queue,
      jobs.map((one) => asJob(data, one)),
      { db },
    );
  }
  const released =
    data.parent !== undefined && (await tellParent(boss, db, job, { jobs, letters }));
  if (released || jobs.some(isDue)) {
    const { text, values } = tellConsumersStatement(queue);
    await db.executeSql(text, values);
  }
}

const isDue = ({ inMs = 0 }: NewJob) => inMs <= 0;

/**
 * Strikes a settled target from what the event's own job waits for; the last one lets it run. A
 * dead target stands for its event: then its job is removed, and the other targets are still seen
 * through.
 *
 * @returns whether it may run now
 */
async function tellParent(
  boss: PgBoss,
  db: Db,
  { name: queue, data }: Job<CallJob>,
  { jobs, letters }: NextJobs,
): Promise<boolean> {
  const id = String(data.parent);
  // Two targets may be settled at the same moment: one sees what the other has struck.
  await db.executeSql('select pg_advisory_xact_lock($1::bigint)', [lockKey(`job ${id}`)]);
  const parent = await boss.getJobById<CallJob>(queue, id, { db });
  if (!parent?.data.waits_for) return false;
  if (letters.length > 0) {
    await boss.deleteJob(queue, id, { db });
    return false;
  }
  const open = jobs.filter((one) => one.parent === id).map(({ target }) => target ?? '');
  const waits_for = [
    ...new Set([...parent.data.waits_for.filter((target) => target !== data.target), ...open]),
  ];
  const released = waits_for.length === 0;
  await boss.update(
    queue,
    { ...parent.data, waits_for },
    { id, db, ...(released && { startAfter: 0 }) },
  );
  return released;
}
