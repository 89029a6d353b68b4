import type { World } from '../checks/check.ts';
import type { Verdict } from '../checks/index.ts';
import type { PastFault } from '../network/expected-readiness.ts';
import type { Options } from '../options.ts';
import type { ManagedProcess } from '../processes/managed-process.ts';
import { type IdleResult, inWords } from '../wait-until-idle.ts';

/** Everything that is to be said of a run. */
export interface Outcome {
  ok: boolean;
  seed: number;
  minutes: number;
  transport: string;
  /** What the clients and the endpoints have counted. */
  traffic: Record<string, number>;
  /** What the clients' calls were answered, by status. */
  answers: Record<string, number>;
  parts: {
    name: string;
    kills: number;
    freezes: number;
    failed_starts: number;
    ended_by_itself: string[];
  }[];
  /**
   * With `--network`: what was wrong for how long, and after how long all was well again; null: not
   * within a minute.
   */
  troubles?: {
    trouble: string;
    seconds: number;
    webhook_after: number | null;
    ready_after: number | null;
  }[];
  /** How long all took to come to rest after the last kill. */
  settled_seconds: number;
  still_open: Record<string, number>;
  checks: { promise: string; examined: number; wrong: string[] }[];
}

interface Course {
  world: World;
  parts: ManagedProcess[];
  rest: IdleResult;
  verdicts: Verdict[];
  /** The troubles there were, with `--network`. */
  past: PastFault[] | undefined;
  /** The call that took longest. */
  slowestMs: number;
}

export function outcomeOf(
  options: Options,
  { world, parts, rest, verdicts, past, slowestMs }: Course,
): Outcome {
  const { seed, minutes, transport } = options;
  const unsettled =
    Object.keys(rest.open).length > 0
      ? [`it did not come to rest: ${inWords(rest.open)} are still to come`]
      : [];
  const ends = parts.flatMap(({ name, ownEnds }) => ownEnds.map((how) => `${name} ${how}`));
  const checks = [
    {
      promise: 'after the last blow everything comes to rest by itself',
      examined: 1,
      wrong: unsettled,
    },
    { promise: 'nobody ends because others do', examined: parts.length, wrong: ends },
    ...verdicts,
  ];
  return {
    ok: checks.every(({ wrong }) => wrong.length === 0),
    seed,
    minutes,
    transport,
    traffic: { ...trafficOf(world), 'slowest call, s': inSeconds(slowestMs) },
    answers: Object.fromEntries([...world.journal.answers].sort()),
    parts: parts.map(({ name, kills, freezes, failedStarts, ownEnds }) => ({
      name,
      kills,
      freezes,
      failed_starts: failedStarts,
      ended_by_itself: ownEnds,
    })),
    ...(past && { troubles: past.map(told) }),
    settled_seconds: inSeconds(rest.ms),
    still_open: rest.open,
    checks,
  };
}

const inSeconds = (ms: number) => Math.round(ms / 100) / 10;

const told = ({ kind, began, ended, movedAfter, readyAfter }: PastFault) => ({
  trouble: kind,
  seconds: inSeconds(ended - began),
  webhook_after: movedAfter === null ? null : inSeconds(movedAfter),
  ready_after: readyAfter === null ? null : inSeconds(readyAfter),
});

function trafficOf({
  journal: { messages, edits, deletions, replays },
  receiver,
  mailbox,
}: World): Record<string, number> {
  const events = receiver.hooks.flatMap((hook) => [...hook.events.values()]);
  return {
    'messages accepted': messages.length,
    edits,
    deletions,
    'keys repeated': replays,
    'webhooks taken': events.filter(({ taken }) => taken > 0).length,
    'webhooks taken again': events.reduce((sum, { taken }) => sum + Math.max(0, taken - 1), 0),
    mails: mailbox.mails.size,
    'mails again': [...mailbox.mails.values()].reduce((sum, times) => sum + times - 1, 0),
  };
}
