/** Gets events that do not fit their schema; see `src/activities/schema`. */
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
