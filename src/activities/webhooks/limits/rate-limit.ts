import { sql } from 'drizzle-orm';
import type { Database } from '../../../db/client.ts';
import { askUntilFree } from '../../../db/row-locks.ts';
import type { OpenDelivery } from '../delivery/deliveries.ts';

/** A call waits itself for slots within so many seconds. Later ones take a durable timer. */
const AHEAD = 2;

/** When a delivery to an endpoint with a limit may be sent. */
export interface RateSlot {
  delivery: OpenDelivery;
  /** From now, in ms. */
  inMs: number;
  /** True: the slot is reserved. False: it is promised, and the delivery asks again then. */
  given: boolean;
}

/**
 * Gives deliveries to one endpoint their slots, `1 / max_per_second` apart, across all workers. The
 * endpoint's row holds two moments: up to `reserved_until` slots are taken, up to `queued_until`
 * they are promised to deliveries that wait. It takes one statement for any number of deliveries.
 *
 * A delivery with a promise asks again when it is due. So a backlog does not burst after workers
 * were away. Deliveries that have waited come before new ones.
 */
export async function takeRateSlots(
  db: Database['db'],
  deliveries: OpenDelivery[],
): Promise<RateSlot[]> {
  const [first] = deliveries;
  if (!first) return [];
  const { due, fresh, waiting } = byDueTime(deliveries);
  const asking = [...due, ...fresh];
  if (asking.length === 0) return waiting;
  const began = performance.now();
  const asked = { endpointId: first.endpoint_id, due: due.length, fresh: fresh.length };
  const reserved = await askUntilFree(
    () => reserve(db, { ...asked, forMs: performance.now() - began }),
    (answer) => answer?.is_locked === true,
  );
  // The limit or the endpoint was removed meanwhile.
  if (!reserved) return [...asking.map(slotAtOnce), ...waiting];
  if (reserved.is_locked) return [...asking.map(slotLater), ...waiting];
  const slots = asking.map((delivery, i) => slotOf(delivery, i, reserved));
  await recordPromises(db, slots.slice(reserved.given));
  return [...slots, ...waiting];
}

/** A slot without any wait. */
export const slotAtOnce = (delivery: OpenDelivery): RateSlot => ({
  delivery,
  inMs: 0,
  given: true,
});

/** For a delivery that asks again: the endpoint's row is locked. */
const slotLater = (delivery: OpenDelivery): RateSlot => ({ delivery, inMs: 1000, given: false });

/** `due`: the promise has come. `fresh`: no promise yet. `waiting`: still promised. */
function byDueTime(deliveries: OpenDelivery[]) {
  const fresh = deliveries.filter(({ due_in_ms }) => due_in_ms === null);
  const promised = deliveries.flatMap((delivery) =>
    delivery.due_in_ms === null ? [] : { delivery, inMs: delivery.due_in_ms, given: false },
  );
  const due = promised
    .filter(({ inMs }) => inMs <= AHEAD * 1000)
    .sort((a, b) => a.inMs - b.inMs)
    .map(({ delivery }) => delivery);
  return { due, fresh, waiting: promised.filter(({ inMs }) => inMs > AHEAD * 1000) };
}

/** How many deliveries ask for slots. */
interface Asked {
  endpointId: string;
  due: number;
  fresh: number;
  /** Since when they ask, in ms. Their slots count from then. */
  forMs: number;
}

interface Reserved {
  /** Nothing is reserved: somebody else holds the endpoint's row. The rest is null then. */
  is_locked: boolean;
  /** Slots that are reserved. Further deliveries get promises. */
  given: number;
  /** When the first reserved slot is, and the first promised one: from now, in ms. */
  first_ms: number;
  promised_ms: number;
  /** Between two slots, in ms. */
  gap_ms: number;
}

function slotOf(delivery: OpenDelivery, i: number, reserved: Reserved): RateSlot {
  const { given, first_ms, promised_ms, gap_ms } = reserved;
  const inMs = i < given ? first_ms + i * gap_ms : promised_ms + (i - given) * gap_ms;
  return { delivery, inMs: Math.max(0, inMs), given: i < given };
}

/**
 * Reserves slots within `AHEAD`, first for due deliveries, then for fresh ones if no promise is
 * open. All others get promises behind the last one.
 *
 * @returns undefined if there is no such endpoint, or it has no limit
 */
async function reserve(
  db: Database['db'],
  { endpointId, due, fresh, forMs }: Asked,
): Promise<Reserved | undefined> {
  const asking = sql`${due + fresh}::int`;
  const ahead = sql`make_interval(secs => ${AHEAD})`;
  const seconds = (slots: ReturnType<typeof sql>) =>
    sql`make_interval(secs => (${slots}) / max_per_second)`;
  const [row] = await db.execute(sql`
    with endpoint as (
      select id, max_per_second, reserved_until, queued_until, t.asked_at,
        greatest(reserved_until, t.asked_at) as free
      from knockon.endpoints,
        (values (now() - make_interval(secs => ${forMs / 1000}))) t (asked_at)
      where id = ${endpointId} and max_per_second is not null
      for no key update of endpoints skip locked
    ), with_room as (
      select *, greatest(0,
        ceil(extract(epoch from asked_at - free + ${ahead})::float8 * max_per_second))::int as room
      from endpoint
    ), with_due as (
      select *, least(${due}::int, room) as given_due from with_room
    ), with_given as (
      select *, given_due
        + case when queued_until > asked_at then 0 else least(${fresh}::int, room - given_due) end
        as given
      from with_due
    ), moved as (
      select *,
        case when given > 0 then free + ${seconds(sql`given`)} else reserved_until end as reserved,
        case when given < ${asking}
          then greatest(queued_until, free + ${seconds(sql`given`)})
            + ${seconds(sql`${asking} - given`)}
          else queued_until end as queued
      from with_given
    ), reserved as (
      update knockon.endpoints e set reserved_until = m.reserved, queued_until = m.queued
      from moved m where e.id = m.id
      returning m.given, extract(epoch from m.free - m.asked_at)::float8 * 1000 as first_ms,
        extract(epoch from greatest(m.queued_until, m.reserved, m.asked_at) - m.asked_at)
          ::float8 * 1000 as promised_ms,
        1000 / m.max_per_second as gap_ms
    )
    select r.*, r.given is null as is_locked
    from knockon.endpoints e left join reserved r on true
    where e.id = ${endpointId} and e.max_per_second is not null`);
  return row as unknown as Reserved | undefined;
}

/** A delivery whose row is locked gets no promise, and asks again as a new one. */
async function recordPromises(db: Database['db'], slots: RateSlot[]): Promise<void> {
  if (slots.length === 0) return;
  const ids = sql.param(slots.map(({ delivery }) => delivery.id));
  const inMs = sql.param(slots.map((slot) => slot.inMs));
  await db.execute(sql`
    update knockon.deliveries d set due_at = now() + make_interval(secs => t.in_ms / 1000)
    from unnest(${ids}::uuid[], ${inMs}::float8[]) as t (id, in_ms)
    where d.id = t.id and d.id = any(array(
      select id from knockon.deliveries where id = any(${ids}::uuid[]) and state <> 'delivered'
        for no key update skip locked
    ))`);
}
