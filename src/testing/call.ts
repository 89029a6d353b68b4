import type { Call, Effect } from '../activities/runtime/effect.ts';
import { answer } from '../activities/runtime/run-effect.ts';
import { registerEventTypes } from '../events/register.ts';
import { claim, handedOver } from '../outbox/claim.ts';
import { register } from '../outbox/subscribers.ts';
import type { EffectAnswer, EffectCall } from '../transport/dispatch.ts';
import { registration } from '../workers/effects.ts';
import { withOwnSettings } from '../workers/own-settings.ts';
import type { TestDatabase } from './database.ts';

export interface CallOptions {
  /** What the call's `now()` says (default: this machine's clock). */
  now?: Call['now'];
  /** Where settings of the effect's own are read (default `process.env`). */
  env?: NodeJS.ProcessEnv;
}

/**
 * Claims the events that wait for an effect, and gives what calls it with them, as a worker would:
 * with real receipts. Call it twice to see that a repetition changes nothing.
 *
 * @returns a call's answer: how many events are done, and which are not
 * @throws Error if no event of its types waits
 * @throws ConfigError if a setting of the effect's own is wrong
 */
export async function aCallTo(
  effect: Effect,
  { database: { pg, db } }: Pick<TestDatabase, 'database'>,
  { now, env = process.env }: CallOptions = {},
): Promise<() => Promise<EffectAnswer>> {
  const [hosted = effect] = withOwnSettings([effect], env);
  await registerEventTypes(pg);
  await register(pg, [registration(hosted)]);
  const claimed = (await claim(pg, 2000)).filter(({ subscribers }) =>
    subscribers.some(({ name }) => name === effect.name),
  );
  if (claimed.length === 0)
    throw new Error(`no event waits for the effect "${effect.name}": emit one first`);
  const calls = claimed.map((group): EffectCall => {
    const [{ id, size, origin }] = handedOver(group);
    const events = { offset: 0, limit: size };
    return { dispatch_id: id, origin, subscriber: effect.name, events, alone: size === 1 };
  });
  const { signal } = new AbortController();
  return async () => {
    const answers: EffectAnswer[] = [];
    for (const call of calls) answers.push(await answer(hosted, db, call, signal, { now }));
    return {
      done: answers.reduce((sum, { done }) => sum + done, 0),
      open: answers.flatMap(({ open }) => open),
    };
  };
}
