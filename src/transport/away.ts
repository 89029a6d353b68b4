import { CODE, codeOf } from './temporal/grpc.ts';

const AWAY = [CODE.deadlineExceeded, CODE.resourceExhausted, CODE.unavailable];

/**
 * True where Temporal does not answer, or has no room: the same call may pass later. Under pg-boss
 * the transport is the database.
 */
export function isTransportAway(error: unknown): boolean {
  return AWAY.includes(codeOf(error) ?? 0);
}
