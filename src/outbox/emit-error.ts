import { NOT_MIGRATED } from '../db/errors.ts';

/** More about an {@link EmitError}, for programs. */
interface About {
  /** SQLSTATE: of the class `KN` where Knock-on refused the event. */
  code?: string | undefined;
  /** What was wrong exactly, such as the path of a number. */
  detail?: string | undefined;
  /** What to do. */
  hint?: string | undefined;
  cause?: unknown;
}

/**
 * Thrown by `emit` where nothing was emitted. Either before anything was sent: the event is
 * malformed, or its payload does not fit its type. Or the database refused the event: the
 * transaction is aborted then.
 */
export class EmitError extends Error {
  override name = 'EmitError';
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly hint: string | undefined;

  constructor(problem: string, { code, detail, hint, cause }: About = {}) {
    const message = hint ? `${problem}. ${hint}` : problem;
    super(message, cause === undefined ? undefined : { cause });
    Object.assign(this, { code, detail, hint });
  }
}

/** What is said of some SQLSTATEs instead of Postgres' own words, and what to do. */
const known: Record<string, { problem: string; hint: string }> = {
  '25P02': {
    problem: 'the transaction is aborted, because an earlier statement of it failed',
    hint: 'Nothing can be emitted in it any more: roll it back',
  },
  '25006': {
    problem: 'the transaction is read-only, or the server takes no writes',
    hint: 'Emit in a transaction that may write',
  },
  '42501': {
    problem: 'the role of this connection may not emit',
    hint: 'Let an administrator run: grant knockon_emitter to ROLE',
  },
};
for (const code of NOT_MIGRATED.codes) known[code] = NOT_MIGRATED;

const CLOSED = {
  problem: 'the connection is closed, or the transaction is over',
  hint: 'Nothing was emitted. Emit before the transaction ends, and wait for it',
};

/** How libraries say that. */
const isClosing = new RegExp(
  [
    'closed|not queryable|connection (terminated|ended)|released connection|not started yet',
    'already (been )?(complete|committed|rolled|released|destroyed)',
    '(^| )(ECONN|EPIPE|CONNECTION_|57P0|08)',
  ].join('|'),
  'i',
);

/** What was said, between what libraries put before it, and what our own client puts behind it. */
const told = /events\[0\](?::| is malformed:) (.*?)(?: \(SQLSTATE \w+\))?$/s;

/** What SQL says of a `deliverAt` that no calendar has, such as the 30th of February. */
const isNoMoment = /^`deliver_at` is no moment/;

/** What members of an event are called in TypeScript, where that is not as in SQL. */
const inTypeScript: Record<string, string> = {
  workspace: 'workspaceId',
  channel: 'channelId',
  message: 'messageId',
  deliver_at: 'deliverAt',
};

/** What SQL says, with the members as TypeScript has them. */
function named<T extends string | undefined>(said: T): T {
  return said?.replace(/`(\w+)`/g, (quoted, member: string) =>
    inTypeScript[member] === undefined ? quoted : `\`${inTypeScript[member]}\``,
  ) as T;
}

/** Postgres' error as one of the libraries has wrapped it. */
interface Found {
  code: string;
  message: string;
  detail?: string | undefined;
  hint?: string | undefined;
}

/**
 * An {@link EmitError} that says what to do, where we know.
 *
 * @returns every other error as it is: callers repeat their transactions because of some
 */
export function explainFailure(error: unknown): unknown {
  const found = links(error).flatMap(postgresError);
  const ours = found.find(({ code }) => /^KN\d{3}$/.test(code));
  if (ours) {
    const [, problem = ours.message] = told.exec(ours.message) ?? [];
    const hint = isNoMoment.test(problem)
      ? 'Pass a Date, or a text that names a day and a time that exist'
      : named(ours.hint);
    const about = { code: ours.code, detail: named(ours.detail), hint };
    return new EmitError(named(problem), { ...about, cause: error });
  }
  const [first] = found.filter(({ code }) => code in known);
  if (first) {
    const { problem, hint } = known[first.code]!;
    return new EmitError(problem, { code: first.code, hint, cause: error });
  }
  if (!links(error).some(saysClosed)) return error;
  const { problem, hint } = CLOSED;
  return new EmitError(problem, { code: found[0]?.code, hint, cause: error });
}

interface Link {
  code?: unknown;
  message?: unknown;
  detail?: unknown;
  hint?: unknown;
  cause?: unknown;
  /** TypeORM. */
  driverError?: unknown;
  /** Prisma, and within it the next three. */
  meta?: unknown;
  driverAdapterError?: unknown;
  originalCode?: unknown;
  originalMessage?: unknown;
}

/** An error with all that it was made of: each library keeps Postgres' somewhere else. */
function links(error: unknown, depth = 6): Link[] {
  if (typeof error !== 'object' || error === null || depth === 0) return [];
  const link: Link = error;
  const inner = [link.cause, link.driverError, link.meta, link.driverAdapterError];
  return [link, ...inner.flatMap((one) => links(one, depth - 1))];
}

function postgresError(link: Link): Found[] {
  const code = link.originalCode ?? link.code;
  if (typeof code !== 'string') return [];
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const message = text(link.originalMessage) ?? text(link.message) ?? '';
  return [{ code, message, detail: text(link.detail), hint: text(link.hint) }];
}

const saysClosed = ({ code, message }: Link): boolean =>
  [code, message].some((said) => typeof said === 'string' && isClosing.test(said));
