/** Hosts what is wrong with events that fit no schema; see `src/activities/schema`. */
export const SCHEMA_SUBSCRIBER = 'schema';

/** The subscribers that this version brings along. SQL knows them as `is_own_subscriber`. */
export const OWN_SUBSCRIBERS: readonly string[] = [
  'analytics',
  'audit',
  'cache',
  'notifications',
  SCHEMA_SUBSCRIBER,
  'search',
  'webhooks',
];

/**
 * What is wrong with the name of somebody's effect: it would take over a subscriber of ours, and
 * that one's events. Undefined: nothing.
 */
export function refusedOwnName(names: string[]): string | undefined {
  const own = names.find((name) => OWN_SUBSCRIBERS.includes(name));
  return own && `an effect named ${own} is Knock-on's own: rename yours`;
}
