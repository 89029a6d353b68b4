/**
 * The Postgres or network error code (`23505`, `ECONNREFUSED`, …) somewhere in an error's chain of
 * causes.
 */
export function errorCode(error: unknown): string | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    if ('code' in e && typeof e.code === 'string') return e.code;
    if (e instanceof AggregateError && e.errors.length > 0) return errorCode(e.errors[0]);
  }
  return undefined;
}

/** True where a lock was not free within `lock_timeout` (55P03). */
export const isLockTimeout = (error: unknown): boolean => errorCode(error) === '55P03';

/** True where Postgres has no such time zone: 22023, the class of parameters that are no values. */
export const isUnknownZone = (error: unknown): boolean => errorCode(error) === '22023';

const away =
  /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|CONNECT|CONNECTION_|POOL_BUSY$|08|57P0|53|25006$|40001$|40P01$|55P03$)/;

/**
 * True where the database could not be reached, is starting or stopping, takes no writes (a
 * standby), or is out of resources, its connections included, or somebody else is in the way (a
 * lock, a deadlock, a serialization failure): the same call may pass later.
 */
export function isDatabaseAway(error: unknown): boolean {
  return away.test(errorCode(error) ?? '');
}

/** What is said where a table, the schema or a function of ours is not there. */
export const NOT_MIGRATED = {
  codes: ['42P01', '3F000', '42883'],
  problem: 'this database has no Knock-on, or an older one',
  hint: 'Run knockon migrate with its DATABASE_URL',
};

/** What is wrong with a database that answers, but not as it must, and what to do about it. */
const TROUBLES: Record<string, { problem: string; remedy: string }> = {
  '25006': {
    problem:
      'the database takes no writes: it is a standby, or default_transaction_read_only is on',
    remedy:
      'Name the primary in DATABASE_URL, or set default_transaction_read_only to off for the ' +
      'database and the role.',
  },
  '3D000': {
    problem: 'there is no such database',
    remedy: 'Correct DATABASE_URL, or make the database, then run `knockon migrate`.',
  },
};

/** What postgres.js tells as `write CONNECT_TIMEOUT`, with the host and the port. */
function noAnswer(error: unknown): string {
  if (error instanceof Error && error.cause) return noAnswer(error.cause);
  const { address, port } = error as { address?: unknown; port?: unknown };
  return `Postgres at ${address}:${port} did not answer in time`;
}

/** The same for an error; undefined where nothing better can be said than its own message. */
export function databaseTrouble(error: unknown): { problem: string; remedy: string } | undefined {
  const code = errorCode(error) ?? '';
  if (code === 'CONNECT_TIMEOUT') return { problem: noAnswer(error), remedy: 'Is it running?' };
  if (!NOT_MIGRATED.codes.includes(code)) return TROUBLES[code];
  return { problem: NOT_MIGRATED.problem, remedy: `${NOT_MIGRATED.hint}.` };
}

/** Thrown where a process starts on such a database. */
export class NotMigratedError extends Error {
  override name = 'NotMigratedError';
  constructor(cause: unknown) {
    super(`${NOT_MIGRATED.problem}. ${NOT_MIGRATED.hint}`, { cause });
  }
}
