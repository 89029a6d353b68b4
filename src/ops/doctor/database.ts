import { statfs } from 'node:fs/promises';
import { databaseTrouble, errorCode } from '../../db/errors.ts';
import { compareMigrations, missingObjects } from '../../db/migrations.ts';
import { askServer, databaseTime, UnsupportedPostgresError } from '../../db/server.ts';
import { soon } from '../../db/soon.ts';
import { safeReason } from '../../safe-error.ts';
import { counted } from '../wording.ts';
import { type DoctorContext, type Finding, fail, pass } from './finding.ts';

export async function checkDatabase({ database: { pg } }: DoctorContext): Promise<Finding[]> {
  const began = performance.now();
  const server = await soon(askServer(pg)).catch(asError);
  if (server instanceof UnsupportedPostgresError)
    return [fail('database', server.message, 'Then start every process again.')];
  if (server instanceof Error) {
    const trouble = databaseTrouble(server);
    if (trouble) return [fail('database', trouble.problem, trouble.remedy)];
    const remedy =
      'Start Postgres, or correct DATABASE_URL of all processes. Messages are refused with 503 ' +
      'meanwhile; what is stored is safe.';
    return [fail('database', `Postgres does not answer: ${safeReason(server)}`, remedy)];
  }
  const name = `PostgreSQL ${Math.floor(server.version / 10_000)}.${server.version % 10_000}`;
  return [
    pass(
      'database',
      `${name} answers in ${Math.round(performance.now() - began)} ` +
        `ms${server.pooled ? ', by way of a pooler' : ''}`,
    ),
  ];
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));

/**
 * Writes and rolls back, for a full disk and a standby that was never promoted still answer reads.
 */
export async function checkWrites({ database: { pg } }: DoctorContext): Promise<Finding[]> {
  const takeBack = new Error('taken back');
  const failure = await pg
    .begin(async (tx) => {
      await tx`insert into knockon.action_log (by, verb, subject)
        values ('knockon', 'doctor', 'writes')`;
      throw takeBack;
    })
    .catch(asError);
  if (failure === takeBack) return [pass('writes', 'Postgres takes what is written')];
  const meanwhile = 'Messages are refused with 503 meanwhile; what is stored is safe.';
  const trouble = databaseTrouble(failure);
  if (trouble) return [fail('writes', trouble.problem, `${trouble.remedy} ${meanwhile}`)];
  const detail = `Postgres takes nothing: ${whyNoWrites(failure)}`;
  const remedy =
    'Make room on its disk (https://www.postgresql.org/docs/current/disk-full.html), or see in ' +
    "Postgres' log what stops it.";
  return [fail('writes', detail, `${remedy} ${meanwhile}`)];
}

/** In our words too, for the text of an error that a function raised is not told. */
function whyNoWrites(failure: Error): string {
  const reason = safeReason(failure);
  return errorCode(failure) === '53100' ? `no space is left on its disk (${reason})` : reason;
}

export async function checkMigrations({ database: { pg } }: DoctorContext): Promise<Finding[]> {
  const { pending, changed, unknown, applied } = await compareMigrations(pg);
  if (pending.length > 0) {
    return [
      fail(
        'migrations',
        `not applied: ${pending.join(', ')}`,
        'Run `knockon migrate`; it is safe while everything runs.',
      ),
    ];
  }
  if (changed.length > 0) {
    const detail = `the database has had ${changed.join(', ')} in another form than this version's`;
    return [
      fail(
        'migrations',
        detail,
        'Deploy the build that made this database, or one whose drizzle/ has the same files.',
      ),
    ];
  }
  const missing = unknown > 0 ? [] : await missingObjects(pg);
  if (missing.length > 0) {
    const detail = `all ${applied} are applied, and yet the database lacks ${missing.join(', ')}`;
    return [
      fail(
        'migrations',
        detail,
        'Somebody has removed it: restore it from a backup, or with the statements in drizzle/.',
      ),
    ];
  }
  if (unknown > 0) {
    const detail =
      `the database has ${counted(unknown, 'migration')} that this version does not know: a newer version ` +
      'has been here';
    return [
      fail(
        'migrations',
        detail,
        'Deploy the newer version of every process, or go on knowingly after a rollback.',
      ),
    ];
  }
  return [pass('migrations', `all ${applied} are applied`)];
}

/**
 * Seconds by which the clocks may differ: times of events are Postgres', times of requests the
 * process'.
 */
const SKEW = 2;

export async function checkClock({ database: { pg } }: DoctorContext): Promise<Finding[]> {
  const before = Date.now();
  const theirs = await databaseTime(pg);
  const skew = (theirs - (before + Date.now()) / 2) / 1000;
  const detail = `Postgres' clock and this process' differ by ${Math.abs(skew).toFixed(2)} s`;
  if (Math.abs(skew) <= SKEW) return [pass('clock', detail)];
  return [
    fail(
      'clock',
      detail,
      'Let both machines keep their time by NTP: pauses, timers and signatures of webhooks go by ' +
        'it.',
    ),
  ];
}

/** Free space below which Postgres is about to stop. */
const LEAST = { bytes: 1024 ** 3, part: 0.03 };

/** The disk of Postgres where it is on this machine, else this process' own. */
export async function checkDisk({ database: { pg } }: DoctorContext): Promise<Finding[]> {
  const [row] = await pg<
    { size: string }[]
  >`select pg_size_pretty(pg_database_size(current_database())) as size`;
  const folder = await pg<
    { folder: string }[]
  >`select current_setting('data_directory') as folder`.then(
    ([found]) => found?.folder,
    () => undefined,
  );
  const theirs = folder && (await statfs(folder).catch(() => undefined));
  const disk = theirs || (await statfs('.'));
  const free = disk.bavail * disk.bsize;
  const whose = theirs
    ? "Postgres' disk"
    : "this process' disk (Postgres' own can't be seen from here)";
  const gib = (free / 1024 ** 3).toFixed(1);
  const detail = `${gib} GiB are free on ${whose}; the database has ${row?.size}`;
  if (free >= LEAST.bytes && free >= disk.blocks * disk.bsize * LEAST.part)
    return [pass('disk', detail)];
  return [
    fail(
      'disk',
      detail,
      'Make room, or let events expire with KNOCKON_RETENTION_EVENTS; a full disk stops Postgres.',
    ),
  ];
}
