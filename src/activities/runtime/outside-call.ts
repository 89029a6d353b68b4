import { crashPoint } from '../../crash-points.ts';
import type { Database } from '../../db/client.ts';
import { isDatabaseAway } from '../../db/errors.ts';
import type { DomainEvent } from '../../events/index.ts';
import {
  type EffectAnswer,
  type EffectCall,
  type OpenOutcome,
  workspaceShare,
} from '../../transport/dispatch.ts';
import type { CallSlots } from './call-slots.ts';
import type { Call, Effect, OutsideEffect } from './effect.ts';
import { explain } from './explain.ts';
import { asWaits, type Open } from './outcomes.ts';
import { type Paging, pageByPage, readAtOnce } from './paged-call.ts';
import {
  completeTargets,
  openEvents,
  recordAttempts,
  recordFailure,
  writeReceipts,
} from './receipts.ts';

type Db = Database['db'];

/**
 * At least once: a crash between the call and its receipt makes the call again, under the same id.
 */
export async function outside(
  effect: Effect & Pick<OutsideEffect, 'perform'>,
  db: Db,
  call: EffectCall,
  paging: Paging,
): Promise<EffectAnswer> {
  const reading = readAtOnce(effect, call, paging);
  const stillOpen = openEvents(db, call);
  stillOpen.catch(() => {});
  const perform = async (events: DomainEvent[]) => {
    const waiting = saidOnce(paging.slots);
    const { signal, told } = paging;
    const performing = {
      ...told,
      events,
      signal,
      onlyWaits: waiting.say,
      stillOpen: await stillOpen,
    };
    try {
      if (call.targets && !effect.manyTargets)
        return await performEach(effect, db, call, call.targets, performing);
      return await performAll(effect, db, call, performing);
    } finally {
      waiting.end();
    }
  };
  const read = await reading;
  if ('pages' in read)
    return await pageByPage(effect, call, read.pages, paging, (_, events) => perform(events));
  return await perform(read.events).finally(read.release);
}

/** What a call to the outside is made with. */
interface Performing {
  events: DomainEvent[];
  /** The ids of those that have no receipt. */
  stillOpen: Set<string>;
  signal: AbortSignal;
  onlyWaits(): void;
  now: Call['now'];
  attempt?: number;
}

/** Each target for itself: what one of them throws is a try of its own. */
async function performEach(
  effect: Effect & Pick<OutsideEffect, 'perform'>,
  db: Db,
  call: EffectCall,
  targets: string[],
  performing: Performing,
): Promise<EffectAnswer> {
  const performed = targets.map(async (target): Promise<EffectAnswer> => {
    const one = { ...call, target, targets: undefined };
    try {
      const { done, open } = await performAll(effect, db, one, performing);
      return { done, open: of(target, open) };
    } catch (error) {
      if (performing.signal.aborted || isDatabaseAway(error)) throw error;
      const { cause, reason } = explain(error);
      await recordFailure(db, one, reason).catch(() => {});
      return {
        done: 0,
        open: performing.events.map(({ id }) => ({
          event_id: id,
          target,
          state: 'retry',
          reason,
          cause,
        })),
      };
    }
  });
  // The others are seen through first, also where the database is away for one of them.
  await Promise.allSettled(performed);
  const answers = await Promise.all(performed);
  const open = answers.flatMap((answer) => answer.open);
  return { done: open.length === 0 ? 1 : 0, open };
}

async function performAll(
  effect: Effect & Pick<OutsideEffect, 'perform'>,
  db: Db,
  call: EffectCall,
  { events: all, stillOpen, ...performing }: Performing,
): Promise<EffectAnswer> {
  const events = all.filter((event) => stillOpen.has(event.id));
  if (events.length === 0) return { done: 0, open: [] };
  const { dispatch_id, target, targets } = call;
  const parts = mayPart(call, events);
  const told = { ...performing, db, dispatch_id, target, targets, parts };
  const open = asWaits(shared(events, (await effect.perform(events, told)) ?? []), told);
  crashPoint('in-effect');
  await recordAttempts(db, effect.name, open, { lazily: true });
  const notDone = new Set(open.map((outcome) => outcome.event_id));
  const done = events.filter((event) => !notDone.has(event.id)).map((event) => event.id);
  const asked = targets ?? (target === undefined ? undefined : [target]);
  if (!asked) await writeReceipts(db, effect.name, done);
  else
    for (const { id } of events)
      await completeTargets(db, effect.name, id, doneTargetsOf(asked, id, open));
  return { done: done.length, open };
}

/**
 * From when it says that it only waits, until it has answered, the call keeps no other from being
 * begun.
 */
function saidOnce(slots?: CallSlots): { say(): void; end(): void } {
  let worksAgain: (() => void) | undefined;
  return {
    say: () => {
      worksAgain ??= slots?.waits();
    },
    end: () => worksAgain?.(),
  };
}

/** Says whose each outcome is, so that nobody waits until all of another is done. */
function shared(events: DomainEvent[], open: Open[]): Open[] {
  if (open.length === 0) return open;
  const shares = new Map(events.map((event) => [event.id, shareOf(event)]));
  return open.map((outcome) => ({
    ...outcome,
    share: outcome.share ?? shares.get(outcome.event_id),
  }));
}

/** Those of an event's targets of which nothing is left open. */
function doneTargetsOf(targets: string[], eventId: string, open: OpenOutcome[]): string[] {
  const own = open.filter((outcome) => outcome.event_id === eventId);
  if (own.some(({ target }) => target === undefined)) return [];
  return targets.filter((target) => !own.some((outcome) => outcome.target === target));
}

/**
 * At the first call alone: events that are called again by their ids are one workspace's, or have
 * been parted before. Those of a page may be one workspace's while others wait for the same answer.
 */
const mayPart = ({ events }: EffectCall, read: DomainEvent[]): boolean =>
  'offset' in events && (read.length < events.limit || new Set(read.map(shareOf)).size > 1);

const shareOf = ({ workspace_id }: DomainEvent) => workspaceShare(workspace_id);

/**
 * An ordered effect takes one target a call: it holds its sequence meanwhile. The other targets are
 * called again at once.
 */
export async function oneTarget(
  call: EffectCall,
  run: (call: EffectCall) => Promise<EffectAnswer>,
): Promise<EffectAnswer> {
  const { targets, ...one } = call;
  const [target, ...others] = targets ?? [];
  if (target === undefined) return await run(call);
  const { open, ...answer } = await run({ ...one, target });
  const ids = 'ids' in call.events ? call.events.ids : [];
  const until = new Date().toISOString();
  const waiting = others.flatMap((other) =>
    ids.map(
      (event_id): OpenOutcome => ({ event_id, target: other, state: 'later', until, in_ms: 0 }),
    ),
  );
  return { ...answer, open: [...of(target, open), ...waiting] };
}

/** Whatever is said of the event was said of this target. */
const of = (target: string, open: OpenOutcome[]): OpenOutcome[] =>
  open.map((outcome) => ({ ...outcome, target: outcome.target ?? target }));
