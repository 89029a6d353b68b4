import type { Sql } from 'postgres';
import { type Call, type Effect, isEffect } from '../activities/runtime/effect.ts';
import { answer } from '../activities/runtime/run-effect.ts';
import type { Database } from '../db/client.ts';
import { registerEventTypes } from '../events/register.ts';
import { EventTypeRegistry } from '../events/registry.ts';
import { aFunction, anObject, checkOptions } from '../known-members.ts';
import { checkPayloads, fitsSchema } from '../outbox/check-payloads.ts';
import { type ClaimedDispatch, claim, handedOver } from '../outbox/claim.ts';
import { register } from '../outbox/subscribers.ts';
import type { EffectAnswer, EffectCall } from '../transport/dispatch.ts';
import { registration } from '../workers/effect-settings.ts';
import { withOwnSettings } from '../workers/own-settings.ts';

export interface CallOptions {
  /** What the call's `now()` says (default: this machine's clock). */
  now?: Call['now'] | undefined;
  /** Where settings of the effect's own are read (default `process.env`). */
  env?: NodeJS.ProcessEnv | undefined;
}

/**
 * Claims the events that wait for an effect, and gives what calls it with them, as a worker would:
 * with real receipts. Call it twice to see that a repetition changes nothing.
 *
 * @returns a call's answer: how many events are done, and which are not
 * @throws Error if no event of its types waits that fits the schema of its type
 * @throws ConfigError if a setting of the effect's own is wrong
 * @throws TypeError if an option is unknown, or not what it must be
 */
export async function aCallTo(
  effect: Effect,
  { database: { pg, db } }: { database: Pick<Database, 'pg' | 'db'> },
  options: CallOptions = {},
): Promise<() => Promise<EffectAnswer>> {
  checkOptions('aCallTo', options, { now: aFunction, env: anObject });
  if (!isEffect(effect)) throw new TypeError('aCallTo: it must be given what defineEffect returns');
  const { now, env = process.env } = options;
  const [hosted = effect] = withOwnSettings([effect], env);
  await registerEventTypes(pg);
  await register({ db }, [registration(hosted)]);
  const claimed = await claimFor(effect.name, pg);
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

async function claimFor(name: string, pg: Sql): Promise<ClaimedDispatch[]> {
  const fits = fitsSchema(new EventTypeRegistry({ pg }));
  const isOwn = ({ subscribers }: ClaimedDispatch) => subscribers.some((one) => one.name === name);
  const waiting = (await claim(pg, 2000)).filter(isOwn);
  const checked: ClaimedDispatch[] = [];
  for (const group of waiting) checked.push(...(await checkPayloads(pg, group, fits)));
  const fitting = checked.filter(isOwn);
  if (fitting.length > 0) return fitting;
  throw new Error(
    waiting.length > 0
      ? `no event that waits for the effect "${name}" fits the schema of its type`
      : `no event waits for the effect "${name}": emit one first${await whereElse(pg, name)}`,
  );
}

/** Who emits for later and asks at once is told, and who has called another effect before. */
async function whereElse(pg: Sql, name: string): Promise<string> {
  const [row] = await pg<{ later: number; is_claimed: boolean }[]>`
    select (select count(*)::int from knockon.scheduled where cancelled_at is null) as later,
      exists (select from knockon.dispatches where ${name} = any(subscribers)) as is_claimed`;
  const reasons = [
    row?.later ? `. What is scheduled (${row.later}) is not due yet: FanOut skips time to it` : '',
    row?.is_claimed ? '. An earlier aCallTo has claimed what waited: FanOut calls several' : '',
  ];
  return reasons.join('');
}
