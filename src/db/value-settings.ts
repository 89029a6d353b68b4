/** Settings by which values are read and written that a pooler keeps apart for its clients. */
export const TRACKED_SETTINGS = {
  DateStyle: 'ISO, MDY',
  standard_conforming_strings: 'on',
  TimeZone: 'UTC',
} as const;

/**
 * How Postgres reads and writes values. Each of our connections says so itself: a database or a
 * role may be set to something else, and then bytes, moments and numbers are read as others.
 */
export const VALUE_SETTINGS = {
  ...TRACKED_SETTINGS,
  array_nulls: 'on',
  bytea_output: 'hex',
  extra_float_digits: '1',
  IntervalStyle: 'postgres',
  quote_all_identifiers: 'off',
} as const;

/** What a session of ours is set to. */
export const SESSION_SETTINGS = {
  ...VALUE_SETTINGS,
  default_transaction_deferrable: 'off',
  default_transaction_isolation: 'read committed',
} as const;

/** What a transaction is set to where the session is shared with others. */
export const TRANSACTION_SETTINGS = {
  ...VALUE_SETTINGS,
  transaction_isolation: 'read committed',
} as const;

/** The calls that set these, in SQL. @param isLocal for the transaction alone */
export const setConfigs = (settings: Record<string, string | number>, isLocal: boolean): string =>
  Object.entries(settings)
    .map(([name, value]) => `set_config('${name}', '${value}', ${isLocal})`)
    .join(', ');
