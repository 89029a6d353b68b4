import type { Effect } from '../../src/activities/runtime/effect.ts';
import { answer } from '../../src/activities/runtime/run-effect.ts';
import type { Database } from '../../src/db/client.ts';
import { claim } from '../../src/outbox/claim.ts';
import type { EffectAnswer } from '../../src/transport/dispatch.ts';

/** Claims all that waits in the outbox as one dispatch; the function it gives calls the effect with it, as Temporal would. */
export async function aCallTo(effect: Effect, { sql, db }: Database): Promise<() => Promise<EffectAnswer>> {
  const [dispatch, ...others] = await claim(sql, 2000, { '*': [effect.name] });
  if (!dispatch || others.length > 0) throw new Error('there must be events of one type waiting');
  const events = { offset: 0, limit: dispatch.size };
  const call = { dispatch_id: dispatch.id, subscriber: effect.name, events, alone: dispatch.size === 1 };
  return () => answer(effect, db, call, new AbortController().signal);
}
