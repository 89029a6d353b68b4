import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { Contestant, Entrant } from '../contestants/contestant.ts';
import { type Journey, moments, type Times } from '../idle/journey.ts';
import { median } from '../statistics.ts';

/** POST to the sixth effect's commit, in ms. */
export interface Idle {
  median: number;
  longest: number;
  runs: number;
  /** Where the contestant knows the moments of a message's way: their medians. */
  journey?: Journey;
}

/** The first ones open connections and compile. */
const WARM_UP = 15;

/**
 * How often it is asked whether a message has had all its effects, in ms; rarely, as that takes
 * time from those who work.
 */
const ASK = 50;

/** A contestant that polls is measured less often rather than for minutes (s). */
const LONGEST = 20;

/** Posts a message at a time on an idle machine. */
export async function measureIdle(
  { effects }: Contestant,
  entrant: Entrant,
  runs: number,
): Promise<Idle> {
  const taken: number[] = [];
  const journeys: Journey[] = [];
  const began = performance.now();
  const isLate = () => performance.now() - began > LONGEST * 1000;
  for (
    let run = -Math.min(WARM_UP, runs);
    run < runs && !(isLate() && taken.length >= 5);
    run += 1
  ) {
    const { message, times } = await postOne(entrant, effects);
    // Until everybody sleeps again.
    await wait(150);
    if (run < 0) continue;
    taken.push(times.effects.at(-1)!);
    if (entrant.journey) journeys.push(await entrant.journey(message, times));
  }
  const idle = { median: median(taken), longest: Math.max(...taken), runs: taken.length };
  return journeys.length === 0 ? idle : { ...idle, journey: medians(journeys) };
}

const medians = (journeys: Journey[]) =>
  Object.fromEntries(
    moments.map((moment) => [moment, median(journeys.map((journey) => journey[moment]))]),
  ) as Journey;

async function postOne(
  entrant: Entrant,
  effects: number,
): Promise<{ message: string; times: Times }> {
  const began = performance.now();
  // The clock that Postgres goes by too; `performance`'s may have drifted from it since this
  // process began.
  const posted = Date.now();
  const message = await entrant.post();
  const answered = performance.now() - began;
  for (; performance.now() - began < 30_000; await wait(ASK)) {
    const committed = await entrant.happened(message);
    if (committed.length < effects) continue;
    return {
      message,
      times: {
        posted,
        answered,
        effects: committed.map((at) => at - posted).sort((a, b) => a - b),
      },
    };
  }
  throw new Error(`message ${message} has not had its ${effects} effects after 30 s`);
}
