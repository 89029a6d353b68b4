import type { Context, MiddlewareHandler } from 'hono';
import { FairPlaces, NoPlaceError } from '../../db/fair-places.ts';
import { Problem } from '../problem.ts';
import type { Env } from '../router.ts';

/**
 * The changes of all workspaces that are under way at once in this process. A change may wait for a
 * row that another transaction holds, and has a connection meanwhile: of the eight that requests
 * have, two are left to what only reads, and one workspace has half of the others at most.
 */
const places = new FairPlaces({ places: 6, each: 3, waiting: 100 });

/** Longest wait for a workspace's own changes, in ms; for those of others, four times as long. */
const WAIT = 1500;

/**
 * Runs a change once its workspace has a place.
 *
 * @throws Problem 503 where it has found none in time
 */
export async function afterTurn<T>(c: Context<Env>, work: () => Promise<T>): Promise<T> {
  const giveBack = await places.take(c.get('workspaceId'), { waitMs: WAIT }).catch((error) => {
    throw error instanceof NoPlaceError ? busy(error) : error;
  });
  try {
    return await work();
  } finally {
    giveBack();
  }
}

/** For routes that change something: the changes of a workspace take turns. */
export const inTurn: MiddlewareHandler<Env> = (c, next) => afterTurn(c, next);

function busy({ ownShare }: NoPlaceError): Problem {
  const why = ownShare
    ? 'Other changes of this workspace are under way and take long, so this one was not begun.'
    : 'Too many changes are under way, so this one was not begun.';
  return new Problem(503, `${why} Nothing was changed; try again in 2 s.`, {
    type: 'busy',
    headers: { 'retry-after': '2' },
  });
}
