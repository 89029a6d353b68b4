import { type Effect, isEffect } from '../activities/runtime/effect.ts';
import { OWN_SUBSCRIBERS } from '../outbox/subscribers.ts';

/**
 * Checks effects of one's own, as JavaScript may give them.
 *
 * @param reserved names that none of them may have
 * @throws TypeError
 */
export function checkEffects(what: string, effects: Effect[], reserved = OWN_SUBSCRIBERS): void {
  if (!Array.isArray(effects) || !effects.every(isEffect))
    throw new TypeError(`${what}: \`effects\` must be an array of what \`defineEffect\` returns`);
  const refused = refusedNames(
    effects.map(({ name }) => name),
    reserved,
  );
  if (refused) throw new TypeError(`${what}: ${refused}`);
}

/** What is wrong with the names of effects of one's own; undefined: nothing. */
export function refusedNames(names: string[], reserved = OWN_SUBSCRIBERS): string | undefined {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) return `two effects called "${twice}"`;
  // It would take over a subscriber of ours, and that one's events.
  const own = names.find((name) => reserved.includes(name));
  return own && `an effect named ${own} is Knock-on's own: rename yours`;
}
