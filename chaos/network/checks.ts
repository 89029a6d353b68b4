import type { Verdict } from '../checks/index.ts';
import type { Probe } from '../readiness.ts';
import type { ResponseTimes } from '../traffic/response-times.ts';
import { type PastFault, RECOVERY_MS, wrongAnswers } from './expected-readiness.ts';

export interface Seen {
  past: PastFault[];
  probes: Probe[];
  promptness: ResponseTimes;
}

/** What those who call see while the database can't be reached. */
export function networkVerdicts({
  past,
  probes,
  promptness: { count, late, rude },
}: Seen): Verdict[] {
  return [
    { promise: 'every request is answered within 15 s', examined: count, wrong: late },
    {
      promise: 'what the database is needed for is refused with 503 and Retry-After meanwhile',
      examined: count,
      wrong: rude,
    },
    {
      promise: '/readyz tells the truth, within 2 s',
      examined: probes.length,
      wrong: wrongAnswers(probes, past),
    },
    {
      promise: `within ${RECOVERY_MS / 1000} s of the end of a trouble everything moves again`,
      examined: past.length,
      wrong: still(past),
    },
  ];
}

const still = (past: PastFault[]): string[] =>
  past.flatMap(({ kind, movedAfter, readyAfter }) => [
    ...(isLate(movedAfter)
      ? [`after ${kind} a new message's webhook came ${told(movedAfter)}`]
      : []),
    ...(isLate(readyAfter) ? [`after ${kind} /readyz said 200 ${told(readyAfter)}`] : []),
  ]);

const isLate = (ms: number | null) => ms === null || ms > RECOVERY_MS;
const told = (ms: number | null) =>
  ms === null ? 'not within a minute' : `after ${(ms / 1000).toFixed(1)} s`;
