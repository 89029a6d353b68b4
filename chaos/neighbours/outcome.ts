import type { Verdict } from '../checks/index.ts';
import type { Options } from '../options.ts';
import type { ManagedProcess } from '../processes/managed-process.ts';
import type { Hook } from '../traffic/receiver.ts';
import { type IdleResult, inWords } from '../wait-until-idle.ts';
import { type Bar, barsOf, type Course } from './bars.ts';
import { type Figures, figuresOf } from './figures.ts';
import type { Phase, What } from './phase.ts';

/** Everything that is to be said of a run beside bad neighbours. */
export interface NeighboursOutcome {
  ok: boolean;
  seed: number;
  minutes: number;
  transport: string;
  slack: number;
  bars: Bar[];
  /** The good one's times in ms, by the time (`alone`, `beside`) and what it did. */
  good: Record<string, Record<string, Figures>>;
  bad: {
    name: string;
    does: string;
    acts: number;
    left_out: number;
    answers: Record<string, number>;
    slowest_seconds: number;
    late: number;
  }[];
  settled_seconds: number;
  checks: { promise: string; examined: number; wrong: string[] }[];
}

interface Told {
  course: Course;
  parts: ManagedProcess[];
  rest: IdleResult;
  verdicts: Verdict[];
}

export function outcomeOf(
  { seed, minutes, transport, slack }: Options,
  { course, parts, rest, verdicts }: Told,
): NeighboursOutcome {
  const { alone, beside, hook, bad } = course;
  const bars = barsOf(course, slack);
  const unsettled =
    Object.keys(rest.open).length > 0
      ? [`it did not come to rest: ${inWords(rest.open)} are still to come`]
      : [];
  const ends = parts.flatMap(({ name, ownEnds }) => ownEnds.map((how) => `${name} ${how}`));
  const checks = [
    { promise: 'afterwards everything comes to rest by itself', examined: 1, wrong: unsettled },
    { promise: 'no process ends', examined: parts.length, wrong: ends },
    ...verdicts,
  ];
  return {
    ok: bars.every(({ kept }) => kept) && checks.every(({ wrong }) => wrong.length === 0),
    seed,
    minutes,
    transport,
    slack,
    bars,
    good: Object.fromEntries([alone, beside].map((phase) => [phase.name, timesOf(phase, hook)])),
    bad: bad.map(({ name, does, acts, leftOut, answers, slowestMs, late }) => ({
      name,
      does,
      acts,
      left_out: leftOut,
      answers,
      slowest_seconds: inSeconds(slowestMs),
      late: late.length,
    })),
    settled_seconds: inSeconds(rest.ms),
    checks,
  };
}

const activities: What[] = [
  'post',
  'search',
  'read',
  'fresh key',
  'operator',
  'session',
  'sign-in',
];

function timesOf(phase: Phase, hook: Hook): Record<string, Figures> {
  const calls = activities.map((what) => [what, figuresOf(phase.times(what))] as const);
  return { ...Object.fromEntries(calls), webhook: figuresOf(phase.webhooks(hook)) };
}

const inSeconds = (ms: number) => Math.round(ms / 100) / 10;
