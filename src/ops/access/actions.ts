/** What the log of operations calls what was done. */
export const ACTIONS = [
  ...([
    'pause',
    'resume',
    'limit',
    'drain',
    'retry',
    'reset',
    'replay',
    'backfill',
    'rebuild',
    'discard',
    'retire',
    'reinstate',
  ] as const),
  ...([
    'pause operation',
    'resume operation',
    'cancel operation',
    'add operator',
    'remove operator',
  ] as const),
  ...([
    'limit endpoint',
    'enable endpoint',
    'disable endpoint',
    'try endpoint',
    'create key',
    'revoke key',
    'set event type',
  ] as const),
];
