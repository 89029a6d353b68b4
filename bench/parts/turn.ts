import { performance } from 'node:perf_hooks';
import type { Contestant, Entrant } from '../contestants/contestant.ts';
import { type Cpu, cpuMeter } from '../cpu.ts';
import { type Load, load } from '../load.ts';
import { untilHappened } from './settle.ts';

/** What one contestant did with one run of requests. */
export interface Turn extends Load {
  /** From the first request to the last effect; null for a contestant without effects. */
  effectsPerSecond: number | null;
  /** From the first request to the last effect. */
  cpu: Cpu;
  /** Temporal actions a message; null where there is no Temporal. */
  actions: number | null;
}

export interface TurnOptions {
  connections: number;
  /** Most requests. */
  amount: number;
  /**
   * No request is begun after so many seconds (default 90: a stuck contestant ends its visit, not
   * the day).
   */
  seconds?: number;
}

/** An effect that hasn't come after so long (ms) without another is not coming. */
const IN_VAIN = 45_000;

/** @throws where effects are missing: figures of a contestant that loses some say nothing */
export async function takeTurn(
  { effects }: Contestant,
  entrant: Entrant,
  requests: Buffer[],
  options: TurnOptions,
): Promise<Turn> {
  const cpu = await cpuMeter(entrant.apiPid);
  const watch = await entrant.watch();
  const since = Date.now();
  const began = performance.now();
  const result = await load(entrant.url, requests, { seconds: 90, ...options });
  const expected = result.requests * effects;
  const seen =
    effects > 0
      ? await untilHappened(watch, expected, { withoutNews: IN_VAIN })
      : { at: performance.now(), effects: 0 };
  if (seen.effects !== expected)
    throw new Error(`${expected} effects were to happen, ${seen.effects} have`);
  const used = await cpu(result.requests);
  const actions =
    entrant.actions && effects > 0 ? (await entrant.actions(since)) / result.requests : null;
  return {
    ...result,
    cpu: used,
    actions,
    effectsPerSecond: effects > 0 ? (expected * 1000) / (seen.at - began) : null,
  };
}

/** Messages a second, their effects included. */
export const pace = ({ perSecond, effectsPerSecond }: Turn, effects: number) =>
  effectsPerSecond === null ? perSecond : effectsPerSecond / effects;
