import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import type { OpenDelivery } from './deliveries.ts';

/**
 * How far ahead moments are given away, in seconds: a call waits for them itself. Beyond it
 * deliveries wait by a durable timer.
 */
const AHEAD = 2;

/** A delivery's turn at an endpoint that has a limit. */
export interface RateSlot {
  delivery: OpenDelivery;
  /** From now, in ms. */
  inMs: number;
  /** False: not before then, and then it is asked for again. */
  given: boolean;
}

/**
 * Gives deliveries to one endpoint their turns, `max_per_second` apart, all workers together: the
 * endpoint's row says up to which moment turns are given away, and up to which they are promised to
 * deliveries that wait. One statement for however many.
 *
 * Promised turns are asked for again when they are due, so whatever has waited too long (workers
 * were away) does not come in one burst. Who has not waited yet comes after all who have.
 */
export async function takeRateSlots(
  db: Database['db'],
  deliveries: OpenDelivery[],
): Promise<RateSlot[]> {
  const [first] = deliveries;
  if (!first) return [];
  const isWaiting = ({ due_in_ms }: OpenDelivery) => due_in_ms !== null && due_in_ms > AHEAD * 1000;
  const due = deliveries.filter((delivery) => delivery.due_in_ms !== null && !isWaiting(delivery));
  const fresh = deliveries.filter(({ due_in_ms }) => due_in_ms === null);
  const waiting = deliveries
    .filter(isWaiting)
    .map((delivery) => ({ delivery, inMs: delivery.due_in_ms ?? 0, given: false }));
  const asking = [...due.sort((a, b) => (a.due_in_ms ?? 0) - (b.due_in_ms ?? 0)), ...fresh];
  if (asking.length === 0) return waiting;
  const found = await reserve(db, first.endpoint_id, due.length, fresh.length);
  // The limit was taken away meanwhile, or the endpoint: nothing to wait for.
  if (!found)
    return [...asking.map((delivery) => ({ delivery, inMs: 0, given: true })), ...waiting];
  const { given, first_ms, promised_ms, gap_ms } = found;
  const turns = asking.map((delivery, i) => {
    const inMs = i < given ? first_ms + i * gap_ms : promised_ms + (i - given) * gap_ms;
    return { delivery, inMs: Math.max(0, inMs), given: i < given };
  });
  await promise(db, turns.slice(given));
  return [...turns, ...waiting];
}

interface Reserved {
  given: number;
  first_ms: number;
  promised_ms: number;
  gap_ms: number;
}

async function reserve(
  db: Database['db'],
  endpointId: string,
  due: number,
  fresh: number,
): Promise<Reserved | undefined> {
  const [row] = await db.execute(sql`
    with held as (
      select id, max_per_second, reserved_until, queued_until, greatest(reserved_until, now()) as free from endpoints
      where id = ${endpointId} and max_per_second is not null for no key update
    ), roomy as (
      select *, greatest(0, ceil(extract(epoch from now() - free + ${`${AHEAD} s`}::interval)::float8 * max_per_second))::int as room from held
    ), shared as (
      select *, least(${due}::int, room) + case when queued_until > now() then 0 else least(${fresh}::int, room - least(${due}::int, room)) end as given
      from roomy
    ), reckoned as (
      select *, case when given > 0 then free + make_interval(secs => given / max_per_second) else reserved_until end as reserved,
        case when given < ${due + fresh}::int
          then greatest(queued_until, free + make_interval(secs => given / max_per_second))
            + make_interval(secs => (${due + fresh}::int - given) / max_per_second)
          else queued_until end as queued
      from shared
    )
    update endpoints e set reserved_until = r.reserved, queued_until = r.queued from reckoned r where e.id = r.id
    returning r.given, extract(epoch from r.free - now())::float8 * 1000 as first_ms,
      extract(epoch from greatest(r.queued_until, r.reserved, now()) - now())::float8 * 1000 as promised_ms,
      1000 / r.max_per_second as gap_ms`);
  return row as unknown as Reserved | undefined;
}

async function promise(db: Database['db'], turns: RateSlot[]): Promise<void> {
  if (turns.length === 0) return;
  await db.execute(sql`
    update deliveries d set due_at = now() + make_interval(secs => t.in_ms / 1000)
    from unnest(${sql.param(turns.map(({ delivery }) => delivery.id))}::uuid[], ${sql.param(turns.map(({ inMs }) => inMs))}::float8[]) as t (id, in_ms)
    where d.id = t.id and d.state <> 'delivered'`);
}
