import { createHash, randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { groupBy } from '../../group-by.ts';
import {
  type EffectAnswer,
  type EffectCall,
  type OpenOutcome,
  workspaceShare,
} from '../../transport/dispatch.ts';
import type { Effect } from './effect.ts';
import { type OpenEvent, readOpen } from './held-rows.ts';
import { laterIn, type Open } from './outcomes.ts';
import { recordAttempts } from './receipts.ts';

type Db = Database['db'];

/** Says which subscribers limit workspaces. */
export interface LimitedSubscribers {
  has(subscriber: string): boolean;
}

/** Why an event waits, for operators. */
const REASON = 'waiting: its workspace is at its limit for this subscriber';

/**
 * How much longer than its time limit a call counts as under way of which nothing is heard, in ms.
 */
const GRACE = 5000;

/** What a workspace may have of a call. */
interface Turn {
  workspace_id: string;
  /** How many of its events. */
  may: number;
  /** When the first of the others comes again, how much later each further one, and the last. */
  wait_ms: number;
  gap_ms: number;
  most_ms: number;
}

interface Limited {
  effect: Effect;
  db: Db;
  call: EffectCall;
}

/**
 * Calls with those events that are their workspaces' turn, and puts the others off: that uses up no
 * try, and nothing is held meanwhile. Which slots are taken is counted in Postgres, for all
 * workers together.
 */
export async function withinWorkspaceLimits(
  { effect, db, call }: Limited,
  run: (call: EffectCall) => Promise<EffectAnswer>,
): Promise<EffectAnswer> {
  const events = await readOpen(db, call);
  if (events.length === 0) return await run(call);
  const token = randomUUID();
  const workspaces = groupBy(events, ({ workspace_id }) => workspace_id);
  const turns = await takeTurns({ effect, db, call }, token, workspaces);
  const deferred = turns.flatMap((turn) =>
    deferredOf(turn, workspaces.get(turn.workspace_id)!, call),
  );
  const later = new Set(deferred.map(({ event_id }) => event_id));
  const ids = events.map(({ event_id }) => event_id).filter((id) => !later.has(id));
  if (ids.length === 0) {
    await recordAttempts(db, effect.name, deferred, { lazily: true });
    return { done: 0, open: deferred };
  }
  const began = performance.now();
  try {
    if (deferred.length === 0) return await run(call);
    await recordAttempts(db, effect.name, deferred, { lazily: true });
    const { open, ...answer } = await run({ ...call, events: { ids } });
    return { ...answer, open: [...open, ...deferred] };
  } finally {
    await endTurns(db, effect.name, token, performance.now() - began);
  }
}

async function takeTurns(
  { effect, db, call }: Limited,
  token: string,
  workspaces: Map<string, OpenEvent[]>,
): Promise<Turn[]> {
  const groups = [...workspaces.values()];
  const rows = await db.execute<Turn & Record<string, unknown>>(sql`
    select * from knockon.take_workspace_turns(${effect.name}, ${nameOf(call)}, ${token}::uuid,
      ${effect.timeout_ms + GRACE}::float8, ${sql.param([...workspaces.keys()])}::uuid[],
      ${sql.param(groups.map((some) => some.length))}::int[],
      ${sql.param(groups.map((some) => `${some.some(({ waited }) => waited)}`))}::text[]::boolean[])`);
  return [...rows];
}

/** The same for every attempt of a call. */
const nameOf = ({ dispatch_id, events, target, targets }: EffectCall) =>
  createHash('sha256')
    .update(JSON.stringify([dispatch_id, events, target, targets]))
    .digest('base64url');

function deferredOf(
  { may, wait_ms, gap_ms, most_ms }: Turn,
  events: OpenEvent[],
  call: EffectCall,
) {
  const targets = call.targets ?? [call.target];
  return events.slice(may).flatMap(({ event_id, workspace_id }, i) => {
    const waits = laterIn({ id: event_id }, Math.min(wait_ms + i * gap_ms, most_ms), REASON);
    const share = workspaceShare(workspace_id);
    return targets.map((target): Open & OpenOutcome => ({
      ...waits,
      share,
      ...(target === undefined ? { apart: true } : { target }),
    }));
  });
}

/** What can't be said now is over once the call's time is. */
async function endTurns(db: Db, subscriber: string, token: string, ms: number): Promise<void> {
  await db
    .execute(sql`select knockon.end_workspace_turns(${subscriber}, ${token}::uuid, ${ms}::float8)`)
    .catch(() => {});
}
