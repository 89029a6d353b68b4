import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import { noteExpiry } from '../activities/audit/expiry.ts';
import { auditKey } from '../activities/audit/hash.ts';
import type { Database } from '../db/client.ts';
import { keepControls } from '../ops/controls/controls.ts';
import { showOpenLetters } from '../ops/inspect/open-letters.ts';
import { emitDue } from '../ops/schedules/emit-due.ts';
import { keepSample, LOOK_EVERY } from '../ops/status/history.ts';
import { Sampler } from '../ops/status/sampler.ts';
import { forgetWorkers } from '../ops/status/workers.ts';
import { restartOrphans } from '../outbox/restart-orphans.ts';
import { expire, type Retention } from '../outbox/retention.ts';
import type { Config } from '../settings/config.ts';
import type { Queues } from '../transport/queues.ts';
import type { ShutdownStack } from './process/process.ts';
import { repeat } from './process/repeat.ts';
import type { ChosenTransport } from './transport.ts';

/**
 * Longest statement of what a process does beside its work, in ms: the ledger's check may read a
 * long backlog.
 */
export const BACKGROUND = 60_000;

/** How often to look for what has expired, in ms. */
const EXPIRY = 60_000;

/** How often to look which dispatches have open letters, in ms. */
const LETTERS = 5000;

/** How often to look for schedules that are due, in ms: how late a run is at most. */
const SCHEDULES = 1000;

type Doing = Pick<ChosenTransport, 'recovery' | 'letters'>;

/** One of the things that maintenance does again and again. */
interface Chore {
  what: string;
  everyMs: number;
  /** Set where one process of all does it in that time: its name in `ledger_checks`. */
  once?: string;
  run(signal: AbortSignal): Promise<unknown>;
}

/**
 * What runs beside each dispatcher: starts missing effects again, stores samples, emits due runs,
 * shows open dead letters, and deletes what has expired. Any number of processes may.
 */
export function startMaintenance(
  config: Config,
  database: Database,
  doing: Doing,
  log: Logger,
  started: ShutdownStack,
): void {
  const { pg } = database;
  const chores: Chore[] = [
    { what: 'emit due runs', everyMs: SCHEDULES, run: () => emitDue(database, log) },
    ...restarting(config, pg, doing, log),
    storingSamples(pg),
    ...showingLetters(pg, doing),
    deletingExpired(config, pg, log),
  ];
  for (const { what, everyMs, once, run } of chores) {
    const pass = (signal: AbortSignal) =>
      once === undefined ? run(signal) : unlessAnother(pg, once, everyMs * 0.9, () => run(signal));
    started.add(repeat({ what, everyMs, log }, pass), (loop) => loop.stop());
  }
}

function restarting(config: Config, pg: Sql, { recovery }: Doing, log: Logger): Chore[] {
  const ageMs = config.KNOCKON_HEAL_AGE;
  if (ageMs === null) return [];
  const everyMs = Math.min(ageMs, config.KNOCKON_CHECK_EVERY);
  const run = () => restartOrphans({ pg, recovery, ageMs, log });
  return [{ what: 'start missing effects again', everyMs, once: 'heal', run }];
}

function storingSamples(pg: Sql): Chore {
  const sampler = new Sampler(pg, LOOK_EVERY);
  const run = async () => await keepSample(pg, await sampler.look());
  return { what: 'store a sample', everyMs: LOOK_EVERY, once: 'sample', run };
}

function showingLetters(pg: Sql, { letters }: Doing): Chore[] {
  if (!letters) return [];
  const run = showOpenLetters(pg, letters);
  return [{ what: 'show open letters', everyMs: LETTERS, once: 'letters', run }];
}

function deletingExpired(config: Config, pg: Sql, log: Logger): Chore {
  const retention: Retention = {
    eventsMs: config.KNOCKON_RETENTION_EVENTS,
    receiptsMs: config.KNOCKON_RETENTION_RECEIPTS,
  };
  const note = noteExpiry(auditKey(config.KNOCKON_SECRET));
  const run = async (signal: AbortSignal) => {
    const expired = await expire(pg, retention, note, signal);
    if (Object.values(expired).some((count) => count > 0))
      log.info({ expired }, 'deleted what has expired');
  };
  return { what: 'delete what has expired', everyMs: EXPIRY, run };
}

/**
 * Does it unless another process has begun it within that time. Holds no connection meanwhile; two
 * at once do nothing twice.
 */
async function unlessAnother(
  pg: Sql,
  name: string,
  everyMs: number,
  work: () => Promise<unknown>,
): Promise<void> {
  const begun = await pg`
    insert into knockon.ledger_checks as c (name, balance) values (${name}, 'null')
    on conflict (name) do update set checked_at = now()
      where c.checked_at <= now() - ${everyMs}::float8 * interval '1 ms'
    returning name`;
  if (begun.length > 0) await work();
}

/**
 * How often queues are compared with what operators have set for them, in ms: the exactness of a
 * pause's end.
 */
const CONTROLS = 2000;

/**
 * Applies pauses and limits that operators have set, and ends a pause at its time. API processes
 * and relays do it.
 */
export function startControls(
  { database, queues, log }: { database: Database; queues: Queues; log: Logger },
  started: ShutdownStack,
): void {
  const pass = async () => {
    await keepControls({ database, queues }, log);
    await forgetWorkers(database.pg);
  };
  started.add(
    repeat({ what: 'apply controls', everyMs: CONTROLS, log, restFactor: 5 }, pass),
    (loop) => loop.stop(),
  );
}
