import { cursorOf, type EventFilter, FIRST, matching, placeOf, scan } from './scan.ts';
import { standings } from './standing.ts';
import { take, type Verb } from './verb.ts';

/** What a backfill is asked for. */
interface BackfillInput {
  subscriber: string;
  /** RFC 3339; default: from the beginning of the log. */
  from?: string;
}

/** A statement that claims events lasts less than this, in ms: what is claimed later is claimed for everybody who was registered then. */
const CLAIMING = 15_000;

const inputOf = (input: Record<string, unknown>): { subscriber: string; filter: EventFilter } => {
  const { subscriber, from } = input as unknown as BackfillInput;
  return { subscriber, filter: from ? { from } : {} };
};

/**
 * Dispatches to a subscriber what was dispatched before it was registered. What is dispatched since comes by itself, and is not
 * taken: no double. An event that waits for its first dispatch while it is looked at may be in the hands of a dispatcher who does not
 * know the subscriber yet, so it is looked at once more: no gap.
 */
export const backfill: Verb = {
  async count({ sql }, { input }) {
    const { subscriber, filter } = inputOf(input);
    const [row] = await sql<{ n: number }[]>`
      select count(*)::int as n from (${standings(sql, matching(sql, filter), subscriber)}) p where standing = 'never'`;
    return row?.n ?? 0;
  },

  step: (deps, job, limit) =>
    take(deps, job, async (tx, cursor) => {
      const { subscriber, filter } = inputOf(job.input);
      const place = placeOf(cursor);
      const { pairs, last, isLast } = await scan(tx, filter, { subscriber, after: place.after, limit });
      const isUnsure = pairs.some(({ standing }) => standing === 'waiting') && Date.now() - job.created_at.getTime() < CLAIMING;
      const again = place.again ?? (isUnsure ? (place.after ?? FIRST) : undefined);
      const goBack = isLast && again !== undefined;
      return {
        send: pairs.filter(({ standing }) => standing === 'never').map((pair) => ({ ...pair, purpose: 'first' })),
        skipped: 0,
        cursor: goBack ? cursorOf({ after: again }) : cursorOf({ after: last ?? place.after, again }),
        exhausted: isLast && !goBack,
        pause: goBack,
      };
    }),
};
