/**
 * gRPC's codes, as far as we tell them apart. `refused`: we may not ask that here, with any key.
 */
export const CODE = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unavailable: 14,
  refused: [7, 12, 16],
};

/**
 * The code of a call to Temporal that has failed, by either of the SDK's connections; undefined
 * where it is no failure of a call.
 */
export function codeOf(error: unknown): number | undefined {
  for (let e = error; e instanceof Error; e = e.cause) {
    if (e.name === 'NamespaceNotFoundError') return CODE.notFound;
    if ('code' in e && typeof e.code === 'number') return e.code;
  }
  return undefined;
}

const AWAY = [CODE.deadlineExceeded, CODE.resourceExhausted, CODE.unavailable];

/**
 * True where Temporal does not answer, or has no room: the same call may pass later. Under pg-boss
 * the transport is the database.
 */
export function isTransportAway(error: unknown): boolean {
  return AWAY.includes(codeOf(error) ?? 0);
}
