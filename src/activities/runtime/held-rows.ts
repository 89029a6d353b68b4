import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { isLockTimeout } from '../../db/errors.ts';
import {
  type EffectAnswer,
  type EffectCall,
  type OpenOutcome,
  workspaceShare,
} from '../../transport/dispatch.ts';
import type { Effect } from './effect.ts';
import { deferredAnswer } from './outage.ts';
import { apart } from './outcomes.ts';
import { chosen, isDone } from './receipts.ts';

type Db = Database['db'];

/** A workspace of which another transaction was seen to hold a row that the effect changes. */
interface Held {
  /** When that was, of `performance.now()`. */
  at: number;
  /** Whether a call looks at this moment whether it still does. */
  isTried: boolean;
}

/** How long a workspace counts as held after that was last seen, in ms. */
const REMEMBERED = 15_000;

/** When a workspace's call is made again whose rows are held, in ms. */
const LATER = 2000;

/** What the calls of a process have seen, by effect and workspace. */
const seen = new WeakMap<Db, Map<string, Held>>();

interface Calling {
  effect: Effect;
  db: Db;
  call: EffectCall;
}

/** An event of a call that is not done. */
export interface OpenEvent {
  event_id: string;
  workspace_id: string;
  /** It has been put off before. */
  waited: boolean;
}

/** The events of a call without a receipt, in the order of their ids. */
export async function readOpen(db: Db, call: EffectCall): Promise<OpenEvent[]> {
  const rows = await db.execute<OpenEvent & Record<string, unknown>>(sql`
    select c.event_id, e.workspace_id, exists (
        select from knockon.attempts a where a.event_id = c.event_id
          and a.subscriber = ${call.subscriber} and a.waiting_until is not null) as waited
    from (${chosen(call)}) c cross join lateral (
      select workspace_id from knockon.events where id = c.event_id limit 1) e
    where not ${isDone(call)} order by c.event_id`);
  return [...rows];
}

/**
 * Makes a call without the events of workspaces that are known to be held: these are called again
 * apart. Of a held workspace one call at a time looks whether its rows are free, so that its calls
 * take no connections and no places from others.
 */
export async function asideFromHeld(
  { effect, db, call }: Calling,
  run: (call: EffectCall) => Promise<EffectAnswer>,
): Promise<EffectAnswer> {
  const held = heldOf(db, effect);
  if (held.size === 0) return await run(call);
  const events = await readOpen(db, call);
  const stuck = events.filter(({ workspace_id }) => held.has(workspace_id));
  if (stuck.length === 0) return await run(call);
  if (workspacesOf(events).length === 1) return await tryAlone(held.get(stuck[0]!.workspace_id)!);
  const ids = events.filter((event) => !stuck.includes(event)).map(({ event_id }) => event_id);
  if (ids.length === 0) return { done: 0, open: stuck.map(onItsOwn) };
  const { open, ...answer } = await run({ ...call, events: { ids } });
  return { ...answer, open: [...open, ...stuck.map(onItsOwn)] };

  async function tryAlone(one: Held): Promise<EffectAnswer> {
    if (one.isTried) return deferredAnswer(LATER);
    one.isTried = true;
    try {
      const answer = await run(call);
      marks(db).delete(nameOf(effect, stuck[0]!.workspace_id));
      return answer;
    } finally {
      one.isTried = false;
    }
  }
}

/**
 * The answer of a call that has waited in vain for a row that another transaction holds. Where its
 * events are several workspaces', each is called again apart; the one that is left is put off, and
 * noted as held.
 *
 * @returns undefined for every other error
 */
export async function partHeld(
  { effect, db, call }: Calling,
  error: unknown,
): Promise<EffectAnswer | undefined> {
  if (!isLockTimeout(error) || !changesAlone(effect)) return undefined;
  const events = await readOpen(db, call);
  const [only, ...others] = workspacesOf(events);
  if (only === undefined) return undefined;
  if (others.length > 0) return { done: 0, open: events.map(onItsOwn) };
  const name = nameOf(effect, only);
  marks(db).set(name, { isTried: false, ...marks(db).get(name), at: performance.now() });
  return deferredAnswer(LATER);
}

/** Whether it changes our database, in a transaction for all events of a call. */
export const changesAlone = (effect: Effect): boolean =>
  'transact' in effect && effect.ordering === 'none';

const onItsOwn = ({ event_id, workspace_id }: OpenEvent): OpenOutcome =>
  apart({ id: event_id }, workspaceShare(workspace_id));

const workspacesOf = (events: OpenEvent[]) => [
  ...new Set(events.map(({ workspace_id }) => workspace_id)),
];

const nameOf = ({ name }: Effect, workspace: string) => `${name} ${workspace}`;

function marks(db: Db): Map<string, Held> {
  const known = seen.get(db) ?? new Map<string, Held>();
  seen.set(db, known);
  return known;
}

/** The workspaces that an effect has found held a moment ago. */
function heldOf(db: Db, effect: Effect): Map<string, Held> {
  const all = marks(db);
  const now = performance.now();
  const held = new Map<string, Held>();
  for (const [name, mark] of all) {
    if (now - mark.at > REMEMBERED && !mark.isTried) all.delete(name);
    else if (name.startsWith(`${effect.name} `)) held.set(name.slice(effect.name.length + 1), mark);
  }
  return held;
}
