import { eq, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { operations } from '../../db/schema/operations.ts';
import { subscribers } from '../../db/schema/outbox.ts';
import { recordAction } from '../access/action-log.ts';
import { SubscriberUnknownError } from './controls.ts';

export interface Retire {
  name: string;
  by: string;
  /**
   * What becomes of what is open: its workers finish it, it is given up for good, or it is
   * another's work.
   */
  open: 'finish' | 'discard' | 'hand-to';
  /** Who that is. */
  handTo?: string;
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
 * @throws SubscriberUnknownError, HandOverError
 */
export async function retire(
  { db }: Database,
  { name, by, open, handTo, reason }: Retire,
): Promise<void> {
  await db.transaction(async (tx) => {
    // Of two at once the second finds what the first has done.
    const [known] = await tx
      .select()
      .from(subscribers)
      .where(eq(subscribers.name, name))
      .for('update');
    if (!known) throw new SubscriberUnknownError(name);
    const heir = open === 'hand-to' ? await heirOf(tx, known, handTo ?? '') : null;
    const isSame =
      known.retired_at !== null && known.retired_open === open && known.handed_to === heir;
    if (isSame && (open === 'finish' || (await isAtIt(tx, known.retire_operation)))) return;
    const operation =
      open === 'finish' ? null : await makeOperation(tx, { name, by, open, heir, reason });
    const retired_at = known.retired_at ? sql`${subscribers.retired_at}` : sql`now()`;
    await tx
      .update(subscribers)
      .set({
        retired_at,
        retired_by: by,
        retired_open: open,
        handed_to: heir,
        retire_operation: operation,
      })
      .where(eq(subscribers.name, name));
    await recordAction(tx, {
      by,
      verb: 'retire',
      subject: name,
      detail: { open, ...(heir && { hand_to: heir }), ...(operation && { operation }) },
      reason,
    });
  });
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
    const [known] = await tx
      .select()
      .from(subscribers)
      .where(eq(subscribers.name, name))
      .for('update');
    if (!known) throw new SubscriberUnknownError(name);
    if (known.retired_at === null) return;
    const back = {
      retired_at: null,
      retired_by: null,
      retired_open: null,
      handed_to: null,
      retire_operation: null,
      created_at: sql`now()`,
    };
    await tx.update(subscribers).set(back).where(eq(subscribers.name, name));
    await recordAction(tx, { by, verb: 'reinstate', subject: name });
  });
}

async function heirOf(
  tx: Transaction,
  retiring: typeof subscribers.$inferSelect,
  name: string,
): Promise<string> {
  if (name === retiring.name) throw new HandOverError('a subscriber can’t be handed its own work');
  const [heir] = await tx.select().from(subscribers).where(eq(subscribers.name, name));
  if (!heir) throw new SubscriberUnknownError(name);
  if (heir.retired_at) throw new HandOverError(`${name} is retired itself`);
  const lacks = heir.event_types.includes('*')
    ? []
    : retiring.event_types.filter((type) => !heir.event_types.includes(type));
  if (lacks.length > 0) {
    const what = lacks.includes('*')
      ? 'takes some event types alone, where its work has all'
      : `does not take ${lacks.join(', ')}`;
    throw new HandOverError(`${name} ${what}`);
  }
  return name;
}

async function isAtIt(tx: Transaction, operation: string | null): Promise<boolean> {
  if (operation === null) return false;
  const [found] = await tx
    .select({ state: operations.state })
    .from(operations)
    .where(eq(operations.id, operation));
  return found !== undefined && found.state !== 'cancelled' && found.state !== 'failed';
}

async function makeOperation(
  tx: Transaction,
  asked: { name: string; by: string; open: string; heir: string | null; reason?: string },
) {
  const { name, by, open, heir, reason } = asked;
  const input = {
    subscriber: name,
    open,
    ...(heir && { hand_to: heir }),
    ...(reason && { reason }),
  };
  const [row] = await tx
    .insert(operations)
    .values({ verb: 'retire', input, by })
    .returning({ id: operations.id });
  return row!.id;
}
