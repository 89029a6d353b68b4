import { type Probe, READY_WITHIN } from '../readiness.ts';
import type { FaultKind } from './fault-plan.ts';

/** A trouble that is over. Moments are in ms since 1970. */
export interface PastFault {
  kind: FaultKind;
  began: number;
  ended: number;
  /** How long after its end a new message's webhook came, in ms; null: it did not in time. */
  movedAfter: number | null;
  /** How long after its end every API said that it is ready, in ms; null: not in time. */
  readyAfter: number | null;
}

/** Within so long after a trouble everything moves again, in ms. */
export const RECOVERY_MS = 20_000;

/** Asked so shortly after the beginning, an API may have looked just before it. */
const BEGINNING = 2000;

/** New connections work: whether the API is ready then is for it to say. */
const mayBeReady = (kind: FaultKind) => kind === 'forgotten';

/** Answers of /readyz that came late, or were not true. */
export function wrongAnswers(probes: readonly Probe[], troubles: readonly PastFault[]): string[] {
  return probes.flatMap((probe) => {
    const { at, ms, status } = probe;
    const found = troubles.findLast(({ began }) => began <= at);
    const when = found ? describe(found, at) : 'before any trouble';
    if (status === null || ms > READY_WITHIN)
      return [`${when}: ${status ?? 'no answer'} after ${(ms / 1000).toFixed(1)} s`];
    const expected = expectedOf(probe, found);
    return expected === undefined || expected === status
      ? []
      : [`${when}: it said ${status} instead of ${expected}`];
  });
}

/** What the answer has to be; undefined where either is true. */
function expectedOf({ at, ms }: Probe, trouble: PastFault | undefined): number | undefined {
  if (!trouble) return 200;
  const { kind, began, ended } = trouble;
  const isDuring = at + ms < ended;
  if (isDuring) return at < began + BEGINNING || mayBeReady(kind) ? undefined : 503;
  return at > ended + RECOVERY_MS ? 200 : undefined;
}

function describe({ kind, began, ended }: PastFault, at: number): string {
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  return at < ended
    ? `${kind}, ${seconds(at - began)} s after its beginning`
    : `${seconds(at - ended)} s after ${kind}`;
}
