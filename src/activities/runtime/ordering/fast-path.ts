import type { Database } from '../../../db/client.ts';
import type { EffectCall, OpenOutcome } from '../../../transport/dispatch.ts';
import type { Call, DatabaseEffect, Effect } from '../effect.ts';
import type { LockRequest, Locks } from '../locks/lock.ts';
import { chosen } from '../receipts.ts';
import { type Place, readPlaces, type Stretch } from './channel-log.ts';
import { type Turn, transactTurn } from './run-turn.ts';

/** Locks taken in one statement. Postgres has room for some thousands in all. */
export const KEYS_AT_ONCE = 200;

/** Events read beyond those that are asked for: predecessors that have not been done. */
export const EXTRA = 2000;

/** What an ordered call works with. */
export interface Dependencies {
  db: Database['db'];
  locks: Locks;
  signal: AbortSignal;
  /** Which try of this very call it is, from 1. */
  attempt: number;
  /** What the effect is told of the call. */
  told: Call;
}

/**
 * How long statements may take and transactions lie idle. An effect that changes our database has
 * no reason to be idle.
 */
export function limitsOf(effect: Effect): Pick<LockRequest, 'statementMs' | 'idleMs'> {
  const { timeout_ms } = effect;
  return {
    statementMs: timeout_ms * 0.9,
    idleMs: 'transact' in effect ? Math.min(timeout_ms, 10_000) : timeout_ms,
  };
}

/** What a group came to that was tried as a whole. */
export interface FastPath {
  /**
   * Every event of it is done; else somebody has to see to those that are neither done nor in
   * `open`.
   */
  isAll: boolean;
  /** How many were done by this. */
  done: number;
  open: OpenOutcome[];
  /**
   * Channels that stood still because of an event that is done now, and what is locked for them.
   */
  freed: Map<string, string>;
}

/**
 * Gives a group's channels their turns in the hope that all are free and nothing fails, without
 * looking at its events one by one first: that is how it nearly always is, and costs half.
 */
export async function tryFastPath(
  effect: Effect & Pick<DatabaseEffect, 'transact'>,
  { db, locks, signal, told }: Dependencies,
  call: EffectCall,
  began: number,
): Promise<FastPath> {
  const deadline = began + effect.timeout_ms * 0.9;
  const limits = limitsOf(effect);
  const places = await readPlaces(db, effect, call);
  const turns: Turn[] = [];
  const pass = async (keys: string[]) => {
    const held = new Set<string>();
    for (let i = 0; i < keys.length; i += KEYS_AT_ONCE) {
      await locks.hold(
        { owner: effect.name, keys: keys.slice(i, i + KEYS_AT_ONCE), ...limits },
        async (got) => {
          if (got.keys.length === 0) return;
          const stretches = stretchesOf(places, new Set(got.keys));
          const ask = {
            keys: got.keys,
            stretches,
            mine: chosen(call),
            most: effect.batch,
            deadline,
            idleMs: limits.idleMs,
            waits: () => [],
            told,
          };
          turns.push(await transactTurn(got, effect, ask));
          for (const key of got.keys) held.add(key);
        },
      );
    }
    return keys.filter((key) => !held.has(key));
  };
  const keys = [...new Set(places.map((place) => place.key))].sort();
  await whileBusy({ locks, owner: effect.name, signal }, keys, pass);
  return sumUp(effect, places, turns);
}

/**
 * A busy channel is looked at again after so long, in ms, doubled each time; after `most` a durable
 * timer waits for it, and nobody here. A group is waited for longer: the holder mostly has one too,
 * and calling five hundred events again costs more.
 */
export const PAUSE = { first: 10, most: 640, group: 2000 };

/**
 * Repeats passes until nothing is left or the wait is over. A key that this process frees ends a
 * pause early.
 */
async function whileBusy(
  { locks, owner, signal }: { locks: Locks; owner: string; signal: AbortSignal },
  keys: string[],
  pass: (keys: string[]) => Promise<string[]>,
): Promise<void> {
  let waited = 0;
  let left = await pass(keys);
  for (
    let pause = PAUSE.first;
    left.length > 0 && waited < PAUSE.group && !signal.aborted;
    pause *= 2
  ) {
    const paused = performance.now();
    await locks.freed({ owner, keys: left }, pause);
    waited += performance.now() - paused;
    left = await pass(left);
  }
}

function stretchesOf(places: Place[], held: Set<string>): Stretch[] {
  const there = places.filter((place) => held.has(place.key));
  const extra = Math.ceil(EXTRA / Math.max(1, there.length));
  return there.flatMap(({ channel_id, upto, events }) =>
    channel_id && upto !== null ? [{ channel_id, upto, most: events + extra }] : [],
  );
}

function sumUp(effect: Effect, places: Place[], turns: Turn[]): FastPath {
  const own = turns.flatMap((turn) => turn.own);
  const freed = new Map<string, string>();
  for (const { entry, isNew } of own) {
    if (isNew && entry.tried && entry.channel_id)
      freed.set(
        entry.channel_id,
        effect.ordering === 'exclusive' ? entry.workspace_id : entry.channel_id,
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
