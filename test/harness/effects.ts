import type { Effect } from '../../src/activities/runtime/effect.ts';
import { answer } from '../../src/activities/runtime/run-effect.ts';
import type { Database } from '../../src/db/client.ts';
import { claim } from '../../src/outbox/claim.ts';
import type { EffectAnswer } from '../../src/transport/dispatch.ts';
import { subscribe } from './messaging.ts';

/**
 * Claims all that waits in the outbox as one dispatch; the function it gives calls the effect with
 * it, as Temporal would.
 */
export async function aCallTo(
  effect: Effect,
  database: Database,
): Promise<() => Promise<EffectAnswer>> {
  await subscribe(database, { name: effect.name });
  const [dispatch, ...others] = await claim(database.pg, 2000);
  if (!dispatch || others.length > 0) throw new Error('there must be events of one type waiting');
  const events = { offset: 0, limit: dispatch.size };
  const call = {
    dispatch_id: dispatch.id,
    subscriber: effect.name,
    events,
    alone: dispatch.size === 1,
  };
  return () => answer(effect, database.db, call, new AbortController().signal);
}
