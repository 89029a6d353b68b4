import { sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Database } from '../../db/client.ts';
import { attempts, deadLetters } from '../../db/schema/outbox.ts';
import { among } from '../../db/statements.ts';
import type { SeeCalls, SeenCall } from '../../transport/transport.ts';
import { isRetried } from './deliveries.ts';
import type { EffectState } from './journey.ts';

export type { SeeCalls };

/** What is open with one target of an effect, or with the event as a whole. */
export interface TargetState {
  /** Which endpoint or recipient; null for the event as a whole. */
  target: string | null;
  /** Tries that failed. */
  attempts: number;
  last_error: string | null;
  tried_at: string;
  /** When it is tried again; null where it does not wait. */
  waiting_until: string | null;
}

/** A dead letter of an effect. */
export interface EffectLetter {
  id: string;
  target: string | null;
  cause: string;
  reason: string;
  created_at: string;
  /** Somebody tries it again at this moment. */
  retrying: boolean;
}

/** One call in which the event was, as the transport saw it. */
export interface EventCall {
  attempt: number;
  /** Events that were in the same call. */
  events: number;
  scheduled_at: string;
  /** Null while it waits in its queue. */
  started_at: string | null;
  /** Null while it is under way. */
  ended_at: string | null;
  /** Why it failed as a whole; null where it did not. */
  failure: string | null;
}

/**
 * An effect as an operator sees it: with what is open, what was given up, and how long it was in
 * its queue and at work.
 */
export interface InspectedEffect extends EffectState {
  targets: TargetState[];
  letters: EffectLetter[];
  /** Null where the transport does not know any more, or does not answer. */
  calls: EventCall[] | null;
}

const l = alias(deadLetters, 'l');

interface Key {
  event_id: string;
  subscriber: string;
}
const isOf = (eventId: string, subscriber: string) => (row: Key) =>
  row.event_id === eventId && row.subscriber === subscriber;

/**
 * Adds to each event's effects what operators want to know of them. @param seeCalls undefined:
 * nobody knows of calls
 */
export async function inspectEffects<E extends { id: string; effects: EffectState[] }>(
  db: Database['db'],
  events: E[],
  seeCalls: SeeCalls | undefined,
): Promise<(Omit<E, 'effects'> & { effects: InspectedEffect[] })[]> {
  const ids = events.map(({ id }) => id);
  const [open, letters, seen] = await Promise.all([
    db
      .select({
        row: attempts,
        waits: sql<boolean>`coalesce(${attempts.waiting_until} > now(), false)`,
      })
      .from(attempts)
      .where(among(attempts.event_id, ids)),
    db.select({ row: l, retrying: isRetried }).from(l).where(among(l.event_id, ids)),
    seeCalls
      ? callsOf(db, ids, seeCalls)
      : new Map<string, (EventCall & Pick<SeenCall, 'subscriber'>)[]>(),
  ]);
  return events.map((event) => ({
    ...event,
    effects: event.effects.map((effect) => {
      const own = isOf(event.id, effect.subscriber);
      const isOpen = effect.state !== 'done';
      return {
        ...effect,
        targets: isOpen
          ? open
              .filter(({ row }) => own(row))
              .map(toTargetState)
              .sort(byTarget)
          : [],
        letters: letters
          .filter(({ row }) => own(row))
          .map(toEffectLetter)
          .sort(byTarget),
        calls:
          seen
            .get(event.id)
            ?.flatMap(({ subscriber, ...call }) =>
              subscriber === effect.subscriber ? [call] : [],
            ) ?? null,
      };
    }),
  }));
}

const byTarget = (a: { target: string | null }, b: { target: string | null }) =>
  (a.target ?? '') < (b.target ?? '') ? -1 : 1;

const toTargetState = ({
  row,
  waits,
}: {
  row: typeof attempts.$inferSelect;
  waits: boolean;
}): TargetState => ({
  target: row.target || null,
  attempts: row.attempts,
  last_error: row.last_error,
  tried_at: row.updated_at.toISOString(),
  waiting_until: waits ? (row.waiting_until?.toISOString() ?? null) : null,
});

const toEffectLetter = ({
  row,
  retrying,
}: {
  row: typeof deadLetters.$inferSelect;
  retrying: boolean;
}): EffectLetter => ({
  id: row.id,
  target: row.target || null,
  cause: row.cause,
  reason: row.reason,
  created_at: row.created_at.toISOString(),
  retrying,
});

/**
 * Workflows that are asked about one journey: a message that was edited often has many, and the
 * newest tell most.
 */
const MOST_ASKED = 5;

/**
 * The calls in which each of these events was, oldest first. An event whose workflow can't be asked
 * is left out.
 */
async function callsOf(db: Database['db'], ids: string[], seeCalls: SeeCalls) {
  const places = (await db.execute(sql`
    select t.id as event_id, d.dispatch_id, coalesce((select restarts from knockon.dispatches
      where id = d.dispatch_id), 0) as restarts,
      (select count(*)::int from (select event_id from knockon.dispatched
        where dispatch_id = d.dispatch_id offset 0) o where o.event_id < t.id) as place
    from unnest(${sql.param(ids)}::uuid[]) as t (id)
    cross join lateral (select dispatch_id from knockon.dispatched where event_id = t.id offset 0)
      d`)) as unknown as Place[];
  places.sort((a, b) => (a.dispatch_id > b.dispatch_id ? -1 : 1));
  const workflows = [...new Set(places.flatMap(workflowsOf))].slice(0, MOST_ASKED);
  const seen = await Promise.all(
    workflows.map(async (id) => [id, await seeCalls(id).catch(() => null)] as const),
  );
  const calls = new Map(seen.flatMap(([id, known]) => (known ? [[id, known]] : [])));
  const found = new Map<string, (EventCall & Pick<SeenCall, 'subscriber'>)[]>();
  for (const place of places) {
    const known = workflowsOf(place).flatMap((id) => calls.get(id) ?? []);
    const own = known.filter(({ events }) =>
      'ids' in events ? events.ids.includes(place.event_id) : isWithin(place.place, events),
    );
    if (known.length > 0)
      found.set(
        place.event_id,
        [...(found.get(place.event_id) ?? []), ...own.map(toEventCall)].sort(byTime),
      );
  }
  return found;
}

interface Place {
  event_id: string;
  dispatch_id: string;
  restarts: number;
  /** Where it stands in the dispatch, from 0. */
  place: number;
}

const workflowsOf = ({ dispatch_id, restarts }: Place): string[] =>
  restarts === 0 ? [dispatch_id] : [dispatch_id, `${dispatch_id}.${restarts}`];

const isWithin = (place: number, { offset, limit }: { offset: number; limit: number }) =>
  place >= offset && place < offset + limit;

const toEventCall = ({
  subscriber,
  events,
  attempt,
  scheduled_at,
  started_at,
  ended_at,
  failure,
}: SeenCall) => {
  const size = 'ids' in events ? events.ids.length : events.limit;
  return { subscriber, attempt, events: size, scheduled_at, started_at, ended_at, failure };
};

const byTime = (a: EventCall, b: EventCall) => (a.scheduled_at < b.scheduled_at ? -1 : 1);
