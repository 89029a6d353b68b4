import type { Context } from 'hono';
import type { TransactionSql } from 'postgres';
import type { Database } from '../db/client.ts';
import { NoPlaceError } from '../db/fair-places.ts';
import { type Asked, type Heavy, TookTooLongError } from '../db/heavy/heavy.ts';
import { Problem } from './problem.ts';
import type { Env } from './router.ts';

/** What a request asks that may be expensive. */
export interface Question {
  /** Such as `search`; a person reads it. */
  what: string;
  /** What to do where it takes too long, a sentence. */
  advice: string;
  limitMs: number;
  /** See `Asked`. */
  byIndex?: boolean;
}

/** Longest run of what is a list or a count, in ms. */
export const LIST_MS = 5_000;

export const LISTING: Question = {
  what: 'list',
  limitMs: LIST_MS,
  advice: 'Narrow it down, or ask again when less is going on.',
};

/** How soon it is worth asking again, in seconds. */
const SOON = { headers: { 'retry-after': '2' } };

/**
 * Reads what may be expensive, apart from everything else; it ends with the request. The owner of
 * its place is the workspace, or the operator.
 *
 * @throws Problem 503 where there is no place, or it takes too long
 */
export async function heavily<T>(
  c: Context<Env>,
  heavy: Heavy,
  question: Question,
  work: (pg: TransactionSql) => Promise<T>,
): Promise<T> {
  return await orProblem(c, question, () => heavy.read({ ...ownership(c), ...question }, work));
}

/**
 * The same for what asks the database by itself, statement after statement. Each has the time that
 * any statement of a request has.
 */
export async function inPlace<T>(
  c: Context<Env>,
  heavy: Heavy,
  question: Question,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  return await orProblem(c, question, () => heavy.run(ownership(c), work));
}

/** Whose place it takes, and what ends it. */
export const ownership = (c: Context<Env>): Pick<Asked, 'owner' | 'signal'> => ({
  owner: c.get('workspaceId'),
  signal: c.req.raw.signal,
});

/**
 * Makes a problem of what heavy work throws.
 *
 * @throws Problem 503, or what `work` throws
 */
export async function orProblem<T>(
  c: Context<Env>,
  { what, advice, limitMs }: Question,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NoPlaceError) throw busy(error, what);
    if (error instanceof TookTooLongError) {
      throw new Problem(
        503,
        `This ${what} took longer than ${limitMs / 1000} s and was stopped. ${advice}`,
        {
          type: 'took-too-long',
          ...SOON,
        },
      );
    }
    if (c.req.raw.signal.aborted)
      throw new Problem(503, `The client left before this ${what} was answered.`, {
        type: 'left',
        ...SOON,
      });
    throw error;
  }
}

function busy({ ownShare }: NoPlaceError, what: string): Problem {
  const why = ownShare
    ? 'As many expensive requests as one caller may have at once are under way (searches, ' +
      `audits, analytics, lists of operators), so this ${what} was not begun.`
    : `All places for expensive requests are taken, so this ${what} was not begun.`;
  return new Problem(503, `${why} Try again in 2 s.`, { type: 'busy', ...SOON });
}
