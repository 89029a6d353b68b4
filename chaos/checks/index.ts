import { answers } from './answers.ts';
import { emitted, emittedInOrder, ownEffect } from './bills.ts';
import { channels } from './channels.ts';
import type { Check, Finding, World } from './check.ts';
import { deadLetters, receipts } from './effects.ts';
import { ledger } from './ledger.ts';
import { mails } from './mails.ts';
import { audit, chainOrder, keyOrder } from './order.ts';
import { posted, postedInOrder } from './postings.ts';
import { analytics, notifications, summaries } from './read-models.ts';
import { index, searched } from './search.ts';
import { sequences } from './sequences.ts';
import { onceEach, stored } from './stored.ts';
import { deliveries, webhooks } from './webhooks.ts';

const checks: Check[] = [
  stored,
  onceEach,
  channels,
  sequences,
  receipts,
  deadLetters,
  ledger,
  analytics,
  summaries,
  notifications,
  mails,
  index,
  searched,
  audit,
  chainOrder,
  keyOrder,
  emitted,
  emittedInOrder,
  ownEffect,
  posted,
  postedInOrder,
  webhooks,
  deliveries,
  answers,
];

export type Verdict = Finding & { promise: string };

/**
 * Looks at everything (or at what is given), one thing after another. A check that can't be made
 * has failed.
 */
export async function lookAtAll(world: World, these: Check[] = checks): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const { promise, look } of these) {
    const finding = await look(world).catch((error: Error) => ({
      examined: 0,
      wrong: [`it could not be looked at: ${error.message}`],
    }));
    verdicts.push({ promise, ...finding });
  }
  return verdicts;
}
