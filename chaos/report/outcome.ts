import type { World } from '../checks/check.ts';
import type { Verdict } from '../checks/index.ts';
import type { Options } from '../options.ts';
import type { Part } from '../parts/part.ts';
import { inWords, type Rest } from '../settle.ts';

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
  parts: { name: string; kills: number; freezes: number; failed_starts: number; ended_by_itself: string[] }[];
  /** How long all took to come to rest after the last kill. */
  settled_seconds: number;
  still_open: Record<string, number>;
  checks: { promise: string; examined: number; wrong: string[] }[];
}

export function outcomeOf(
  options: Options,
  { world, parts, rest, verdicts }: { world: World; parts: Part[]; rest: Rest; verdicts: Verdict[] },
): Outcome {
  const { seed, minutes, transport } = options;
  const unsettled = Object.keys(rest.open).length > 0 ? [`it did not come to rest: ${inWords(rest.open)} are still to come`] : [];
  const ends = parts.flatMap(({ name, ownEnds }) => ownEnds.map((how) => `${name} ${how}`));
  const checks = [
    { promise: 'after the last kill everything comes to rest by itself', examined: 1, wrong: unsettled },
    { promise: 'nobody ends because others do', examined: parts.length, wrong: ends },
    ...verdicts,
  ];
  return {
    ok: checks.every(({ wrong }) => wrong.length === 0),
    seed,
    minutes,
    transport,
    traffic: trafficOf(world),
    answers: Object.fromEntries([...world.journal.answers].sort()),
    parts: parts.map(({ name, kills, freezes, failedStarts, ownEnds }) => ({
      name,
      kills,
      freezes,
      failed_starts: failedStarts,
      ended_by_itself: ownEnds,
    })),
    settled_seconds: Math.round(rest.ms / 100) / 10,
    still_open: rest.open,
    checks,
  };
}

function trafficOf({ journal: { messages, edits, deletions, replays }, receiver, mailbox }: World): Record<string, number> {
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
