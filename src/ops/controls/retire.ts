import { and, eq, isNotNull, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { subscribers } from '../../db/schema/outbox.ts';
import { gets } from '../../events/wanted.ts';
import { recordAction } from '../access/action-log.ts';
import type { TemporalUi } from '../inspect/temporal-ui.ts';
import { findOperation, insertOperation, type OperationView } from '../operations/operations.ts';
import { SubscriberUnknownError } from './controls.ts';
import type { OpenWay } from './open-ways.ts';

export interface Retire {
  name: string;
  by: string;
  open: OpenWay;
  /** With `hand_over`: the other. */
  to?: string;
  reason?: string;
}

/**
 * Thrown where a subscriber can't take over another's work; the message says why, in a sentence.
 */
export class HandOverError extends Error {
  override name = 'HandOverError';
}

/**
 * Retires a subscriber: no event that is dispatched from then on is for it, and what is open goes
 * the way that was asked. The others are left alone. Once more it may go another way; the same once
 * more changes nothing.
 *
 * @returns the operation that handles what is open
 * @throws SubscriberUnknownError, HandOverError
 */
export async function retire(
  tx: Transaction,
  { name, by, open, to, reason }: Retire,
  ui: TemporalUi | null,
): Promise<OperationView> {
  const known = await holdSubscriber(tx, name);
  const successor = open === 'hand_over' ? await successorOf(tx, known, to ?? '') : null;
  const isSame =
    known.retired_at !== null && known.retired_open === open && known.handed_to === successor;
  const last = isSame && known.retire_operation;
  const operation = last ? await findOperation(tx, last, ui) : undefined;
  if (operation && operation.state !== 'cancelled' && operation.state !== 'failed')
    return operation;
  const way = { open, ...(successor && { to: successor }) };
  const input = { subscriber: name, ...way, ...(reason && { reason }) };
  const made = await insertOperation(tx, { verb: 'retire', input, by }, ui);
  await tx
    .update(subscribers)
    .set({
      retired_at: known.retired_at ? sql`${subscribers.retired_at}` : sql`now()`,
      retired_by: by,
      retired_open: open,
      handed_to: successor,
      retire_operation: made.id,
    })
    .where(eq(subscribers.name, name));
  const detail = { ...way, operation: made.id };
  await recordAction(tx, { by, verb: 'retire', subject: name, detail, reason });
  return made;
}

/** Of two at once the second finds what the first has done. @throws SubscriberUnknownError */
async function holdSubscriber(
  tx: Transaction,
  name: string,
): Promise<typeof subscribers.$inferSelect> {
  const [known] = await tx
    .select()
    .from(subscribers)
    .where(eq(subscribers.name, name))
    .for('update');
  if (!known) throw new SubscriberUnknownError(name);
  return known;
}

/**
 * Takes it back: what is dispatched from then on is for it again. What it was not given meanwhile a
 * backfill brings. @throws SubscriberUnknownError
 */
export async function reinstate(
  { db }: Database,
  { name, by }: { name: string; by: string },
): Promise<void> {
  await db.transaction(async (tx) => {
    await holdSubscriber(tx, name);
    if (await clearRetirement(tx, name))
      await recordAction(tx, { by, verb: 'reinstate', subject: name });
  });
}

/** What is dispatched from then on is for it again. @returns whether it was retired */
export async function clearRetirement(tx: Transaction, name: string): Promise<boolean> {
  const back = {
    retired_at: null,
    retired_by: null,
    retired_open: null,
    handed_to: null,
    retire_operation: null,
    created_at: sql`now()`,
  };
  const taken = await tx
    .update(subscribers)
    .set(back)
    .where(and(eq(subscribers.name, name), isNotNull(subscribers.retired_at)))
    .returning({ name: subscribers.name });
  return taken.length > 0;
}

async function successorOf(
  tx: Transaction,
  retiring: typeof subscribers.$inferSelect,
  name: string,
): Promise<string> {
  if (name === retiring.name) throw new HandOverError('a subscriber can’t be handed its own work');
  const [successor] = await tx.select().from(subscribers).where(eq(subscribers.name, name));
  if (!successor) throw new SubscriberUnknownError(name);
  if (successor.retired_at) throw new HandOverError(`${name} is retired itself`);
  const lacks = retiring.event_types.filter((type) => !gets(successor.event_types, type));
  if (lacks.length > 0) {
    const what = lacks.includes('*')
      ? 'takes only some event types, and the retired subscriber takes all'
      : `does not take ${lacks.join(', ')}`;
    throw new HandOverError(`${name} ${what}`);
  }
  return name;
}
