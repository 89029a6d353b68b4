import type { Sql } from 'postgres';
import type { OpenLetters } from '../../transport/dispatch.ts';
import type { LetterBoard } from '../../transport/transport.ts';

/** Most dispatches that are shown, those with the oldest letters first. */
const MOST = 5000;

/**
 * How often to look for letters that are shown though there are none, in ms: another process may
 * have shown them.
 */
const QUIET = 60_000;

/** Shows which dispatches have open dead letters. */
export function showOpenLetters(pg: Sql, board: LetterBoard): () => Promise<void> {
  let quietUntil = 0;
  return async () => {
    const rows = await pg<(OpenLetters & { dispatch_id: string })[]>`
      select dispatch_id, count(*)::int as open, array_agg(distinct subscriber
        order by subscriber) as effects
      from knockon.dead_letters group by dispatch_id order by min(id::text) limit ${MOST}`;
    if (rows.length === 0 && performance.now() < quietUntil) return;
    await board.show(new Map(rows.map(({ dispatch_id, ...letters }) => [dispatch_id, letters])));
    quietUntil = rows.length === 0 ? performance.now() + QUIET : 0;
  };
}
