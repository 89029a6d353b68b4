import { type Probe, READY_WITHIN } from '../readiness.ts';
import type { Hook } from '../traffic/receiver.ts';
import type { BadReport } from './bad-neighbours.ts';
import { percentile } from './figures.ts';
import type { Phase } from './phase.ts';

/** What the good one may expect, and what it got. Times are in ms; null: it never came. */
export interface Bar {
  bar: string;
  alone: number | null;
  beside: number | null;
  /** The most that is allowed beside the others. */
  most: number;
  kept: boolean;
  /** Some of what is beyond it. */
  such_as: string[];
}

/**
 * What it may take anyway, in ms. A retry is due after 5 s, give or take a fifth, and has a
 * webhook's time on top.
 */
const ANYWAY = { post: 100, webhook: 2000, retry: 8000, search: 1000 };

/**
 * Times as long as alone that its POST may take; and all else, which matters where a machine is so
 * slow that alone is slow too.
 */
const TIMES = 3;
const SLOWER = 1.5;

export interface Course {
  alone: Phase;
  beside: Phase;
  hook: Hook;
  /** Events that the endpoint refused once. */
  refused: ReadonlySet<string>;
  probes: Probe[];
  /** The good one's calls that were answered late, or not at all. */
  late: string[];
  bad: BadReport[];
}

/** Every bar, kept or not. @param slack factor on every time that is allowed */
export function barsOf(
  { alone, beside, hook, refused, probes, late, bad }: Course,
  slack = 1,
): Bar[] {
  const p99 = (times: number[]) => percentile(times, 0.99);
  const most = (times: number[]) => percentile(times, 1);
  const both = (pick: (phase: Phase) => number | null) => [pick(alone), pick(beside)] as const;
  const all = (pick: (phase: Phase) => string[]) => counted(pick(alone), pick(beside));
  const unready = (phase: Phase) =>
    probes.filter(({ at }) => at >= phase.began && at <= phase.ended).flatMap(unreadiness);
  return [
    timed(
      'its POST, p99',
      both((phase) => p99(phase.times('post'))),
      { anyway: ANYWAY.post * slack, times: TIMES * slack },
    ),
    timed(
      'its webhook after the answer, p99',
      both((phase) => p99(phase.webhooks(hook))),
      { anyway: ANYWAY.webhook * slack, times: SLOWER * slack },
    ),
    timed(
      'its webhook that was refused, again, slowest',
      both((phase) => most(phase.retries(hook, refused))),
      { anyway: ANYWAY.retry * slack, times: SLOWER * slack },
    ),
    timed(
      'its search, slowest',
      both((phase) => most(phase.times('search'))),
      { anyway: ANYWAY.search * slack, times: SLOWER * slack },
    ),
    { bar: 'valid credentials refused', ...all((phase) => phase.refused()) },
    { bar: 'its calls that were not served', ...all((phase) => phase.unserved()) },
    { bar: '/readyz other than 200, or later than 2 s', ...all(unready) },
    {
      bar: 'calls of anybody without an answer within 15 s',
      ...counted([], [...late, ...bad.flatMap(lateOnes)]),
    },
    {
      bar: 'calls of the others that were answered 500',
      ...counted(
        [],
        bad.flatMap(({ name, wrong }) => wrong.map((what) => `${name}: ${what}`)),
      ),
    },
  ];
}

/** The larger of both counts: a time in ms, and how often the time alone. */
interface Allowed {
  anyway: number;
  times: number;
}

function timed(
  bar: string,
  [alone, beside]: readonly [number | null, number | null],
  { anyway, times }: Allowed,
): Bar {
  const most = Math.max(anyway, Math.round(times * (finite(alone) ?? 0)));
  return {
    bar,
    alone: finite(alone),
    beside: finite(beside),
    most,
    kept: beside !== null && beside <= most,
    such_as: [],
  };
}

const finite = (ms: number | null) => (ms === null || !Number.isFinite(ms) ? null : Math.round(ms));

const SHOWN = 5;

const counted = (alone: string[], beside: string[]) => ({
  alone: alone.length,
  beside: beside.length,
  most: 0,
  kept: alone.length + beside.length === 0,
  such_as: [...alone, ...beside].slice(0, SHOWN),
});

const lateOnes = ({ name, late }: BadReport) => late.map((what) => `${name}: ${what}`);

function unreadiness({ status, ms }: Probe): string[] {
  if (status === 200 && ms <= READY_WITHIN) return [];
  return [`${status ?? 'no answer'} after ${(ms / 1000).toFixed(1)} s`];
}
