import { sql } from 'drizzle-orm';
import type { EffectCall, OpenOutcome } from '../../../transport/dispatch.ts';
import type { Effect } from '../effect.ts';
import { holdFree } from '../locks/lock.ts';
import { chosen } from '../receipts.ts';
import { lockKeyOf, type Queryable, type Stretch, withPredecessors } from './read-log.ts';
import { lockRequest, type OrderedCall, runTurn, type Turn } from './run-turn.ts';

/** What a group came to that was tried as a whole. */
export interface FastPath {
  /** Every event of it is done. If not, the slow path does those in neither `done` nor `open`. */
  isAll: boolean;
  /** How many were done by this. */
  done: number;
  open: OpenOutcome[];
  /** Sequences that stood still because of an event that is done now, and their keys. */
  freed: Map<string, string>;
}

const NOT_TRIED: FastPath = { isAll: false, done: 0, open: [], freed: new Map() };

/**
 * Gives a group's sequences their turns without looking at its events one by one first. Nearly
 * always all sequences are free and nothing fails. Then this costs half.
 */
export async function tryFastPath(ordered: OrderedCall): Promise<FastPath> {
  const { call, db, effect, locks } = ordered;
  if (call.alone || !('transact' in effect)) return NOT_TRIED;
  const places = await readPlaces(db, effect, call);
  const turns: Turn[] = [];
  const keys = [...new Set(places.map((place) => place.key))].sort();
  await whileBusy(ordered, keys, (busy) =>
    holdFree(locks, lockRequest(effect, busy), async (held) => {
      const stretches = stretchesOf(places, new Set(held.keys));
      const mine = chosen(call);
      const ask = { keys: held.keys, stretches, mine, most: effect.batch, waits: () => [] };
      turns.push(await runTurn(held, ordered, ask));
    }),
  );
  return sumUp(effect, places, turns);
}

/**
 * Where a call's events are: a sequence (null: events that are in none), what is locked for it, how
 * many there, done or not, and the last's `seq`.
 */
interface Place {
  sequence_id: string | null;
  key: string;
  events: number;
  upto: number | null;
}

export async function readPlaces(
  db: Queryable,
  effect: Effect,
  call: EffectCall,
): Promise<Place[]> {
  const rows = await db.execute(sql`
    with chosen as (${chosen(call)})
    select e.sequence_id, ${lockKeyOf(effect)} as key, count(*)::int as events,
      max(e.seq)::float8 as upto
    from chosen c cross join lateral (select * from knockon.events where id = c.event_id limit 1) e
      group by 1, 2`);
  return rows as unknown as Place[];
}

/**
 * A busy sequence is looked at again after so long, in ms, doubled each time, up to `most` in all.
 * A group is waited for longer than a call alone: the holder mostly has one too, and calling five
 * hundred events again costs more.
 */
const PAUSE = { first: 10, most: 2000 };

/**
 * Repeats passes until nothing is left or the wait is over. A key that this process frees ends a
 * pause early.
 */
async function whileBusy(
  { effect, locks, signal }: OrderedCall,
  keys: string[],
  pass: (keys: string[]) => Promise<string[]>,
): Promise<void> {
  let waited = 0;
  let left = await pass(keys);
  for (
    let pause = PAUSE.first;
    left.length > 0 && waited < PAUSE.most && !signal.aborted;
    pause *= 2
  ) {
    const paused = performance.now();
    await locks.freed({ owner: effect.name, keys: left }, pause);
    waited += performance.now() - paused;
    left = await pass(left);
  }
}

function stretchesOf(places: Place[], held: Set<string>): Stretch[] {
  const stretches = places.flatMap(({ sequence_id, key, upto, events }) =>
    held.has(key) && sequence_id && upto !== null ? [{ sequence_id, upto, most: events }] : [],
  );
  return withPredecessors(stretches);
}

function sumUp(effect: Effect, places: Place[], turns: Turn[]): FastPath {
  const own = turns.flatMap((turn) => turn.own);
  const freed = new Map<string, string>();
  for (const { entry, isNew } of own) {
    if (isNew && entry.tried && entry.sequence_id)
      freed.set(
        entry.sequence_id,
        effect.ordering === 'exclusive' ? entry.workspace_id : entry.sequence_id,
      );
  }
  const open = turns.flatMap((turn) =>
    turn.open.filter((outcome) => turn.mine.has(outcome.event_id)),
  );
  const events = places.reduce((n, place) => n + place.events, 0);
  return {
    isAll: own.length === events && freed.size === 0,
    done: own.filter(({ isNew }) => isNew).length,
    open,
    freed,
  };
}
