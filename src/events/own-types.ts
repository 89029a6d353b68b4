/**
 * Types that Knock-on itself emits. Its effects and its audit chain trust them. SQL has the same in
 * `knockon.is_own_type`.
 */
const OWN = new Set([
  'message.created',
  'message.updated',
  'message.deleted',
  'channel.created',
  'effect.discarded',
]);

/** Whether only Knock-on itself may emit events of that type. */
export const isOwnType = (name: string): boolean => OWN.has(name) || name.startsWith('endpoint.');
