import { lte, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { Sql } from 'postgres';
import type { Database, Transaction } from '../../db/client.ts';
import { controls } from '../../db/schema/operators.ts';
import type { Queues } from '../../transport/queues.ts';
import { BY_ITSELF, recordAction } from '../access/action-log.ts';

/** What a control verb works with. */
export interface ControlContext {
  database: Database;
  queues: Queues;
}

/** What operators have set for a subscriber's queue. */
export interface Control {
  subscriber: string;
  task_queue: string;
  retired_at: Date | null;
  paused_at: Date | null;
  paused_by: string | null;
  pause_reason: string | null;
  paused_until: Date | null;
  /** Most events a second. */
  per_second: number | null;
  /** Most calls a second that keep to it; null: any number. */
  calls_per_second: number | null;
}

/** `retired`: nothing new is for it. */
export type SubscriberCondition = 'active' | 'paused' | 'limited' | 'retired';

type ControlState = Pick<Control, 'paused_at' | 'per_second'> & { retired_at?: Date | null };

/** What a subscriber's control makes of it. */
export function stateOf({ paused_at, per_second, retired_at }: ControlState): SubscriberCondition {
  if (retired_at) return 'retired';
  if (paused_at) return 'paused';
  return per_second === null ? 'active' : 'limited';
}

/**
 * While a subscriber is limited its calls are of few events, so that a limit is of events and not
 * of groups: below 200 a second each event is a call of its own. `claim` gives new dispatches that
 * size.
 */
const columns = (pg: Sql) => pg`
  c.subscriber, s.task_queue, s.retired_at, c.paused_at, c.paused_by, c.pause_reason,
    c.paused_until, c.per_second,
  c.per_second / least(s.batch, greatest(1, floor(c.per_second / 100))) as calls_per_second`;

/** The controls of all subscribers that have, or had, one. */
export async function readControls(pg: Sql): Promise<Control[]> {
  return await pg<Control[]>`select ${columns(pg)} from knockon.controls c
    join knockon.subscribers s on s.name = c.subscriber
    order by c.subscriber`;
}

/** @throws SubscriberUnknownError */
export async function assertSubscriber(tx: Transaction, name: string): Promise<void> {
  const found = await tx.query.subscribers.findFirst({
    where: (s, { eq }) => eq(s.name, name),
    columns: { name: true },
  });
  if (!found) throw new SubscriberUnknownError(name);
}

/** There is no subscriber of that name. */
export class SubscriberUnknownError extends Error {
  override name = 'SubscriberUnknownError';
}

/**
 * Makes the transport's queue what the control's row says, and looks afterwards whether it still
 * does: of two who set one at once the last one's word holds. No connection is held while the
 * transport is asked.
 *
 * @returns false where the transport does not answer: `keepControls` does it as soon as it does
 */
export async function applyControl(
  { database: { pg }, queues }: ControlContext,
  subscriber: string,
): Promise<boolean> {
  try {
    let control = await readControl(pg, subscriber);
    for (let looked = 0; control && looked < LOOKS; looked += 1) {
      await applyTo(queues, control);
      const now = await readControl(pg, subscriber);
      if (!now || wantedRate(now) === wantedRate(control)) return true;
      control = now;
    }
    return true;
  } catch {
    return false;
  }
}

/**
 * How often it is begun again because the control has changed meanwhile. What comes later is found
 * by `keepControls`.
 */
const LOOKS = 5;

async function readControl(pg: Sql, subscriber: string): Promise<Control | undefined> {
  const [control] = await pg<Control[]>`
    select ${columns(pg)} from knockon.controls c
      join knockon.subscribers s on s.name = c.subscriber
      where c.subscriber = ${subscriber}`;
  return control;
}

/** Calls a second that the control wants handed out; null: any number. */
const wantedRate = ({ paused_at, calls_per_second }: Control) => (paused_at ? 0 : calls_per_second);

async function applyTo(queues: Queues, control: Control): Promise<void> {
  await queues.setRate(control.task_queue, wantedRate(control), {
    identity: control.paused_by ?? BY_ITSELF,
    reason: reasonOf(control),
  });
}

function reasonOf({ paused_at, pause_reason, per_second }: Control): string {
  if (paused_at) return `paused: ${pause_reason ?? ''}`;
  return per_second === null ? 'resumed' : 'limited';
}

/**
 * Resumes what was paused until now, and brings back what the transport has forgotten (a dev server
 * that keeps nothing, a queue that is new). To be done every few seconds, by as many processes as
 * there are.
 */
export async function keepControls(
  context: ControlContext,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<void> {
  const { database, queues } = context;
  for (const name of await resumeDue(database)) {
    log.info({ subscriber: name }, 'resumed: it was paused until now');
    await applyControl(context, name);
  }
  if (queues.enforcedBy === 'workers') return;
  for (const control of await readControls(database.pg)) {
    const { rate } = await queues.describe(control.task_queue);
    if (isSame(rate, wantedRate(control))) continue;
    const applied = await applyControl(context, control.subscriber);
    if (applied)
      log.warn(
        { subscriber: control.subscriber, was: rate },
        'the queue was not as its control says; it is now',
      );
  }
}

/** Temporal keeps a rate in 32 bits. */
const isSame = (one: number | null, other: number | null) =>
  one === null || other === null
    ? one === other
    : Math.abs(one - other) <= 1e-6 * Math.max(1, Math.abs(other));

/** Of several processes that look at once one gets each name. */
async function resumeDue({ db }: Database): Promise<string[]> {
  return await db.transaction(async (tx) => {
    const cleared = {
      paused_at: null,
      paused_by: null,
      pause_reason: null,
      paused_until: null,
      changed_at: sql`now()`,
    };
    const due = await tx
      .update(controls)
      .set(cleared)
      .where(lte(controls.paused_until, sql`now()`))
      .returning({ name: controls.subscriber });
    for (const { name } of due) {
      await recordAction(tx, {
        by: BY_ITSELF,
        verb: 'resume',
        subject: name,
        reason: 'it was paused until this time',
      });
    }
    return due.map(({ name }) => name);
  });
}
