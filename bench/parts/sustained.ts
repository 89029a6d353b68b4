import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { Contestant, Entrant } from '../contestants/contestant.ts';
import { type Load, load } from '../load.ts';
import type { Extent } from '../options.ts';
import { shapes, USUAL } from '../shapes.ts';
import { warmUp } from './load.ts';
import { lookAtMemory, type Memory } from './memory.ts';
import { untilHappened } from './settle.ts';

/** What a contestant does when the load doesn't end. */
export interface Sustained extends Load {
  effectsPerSecond: number | null;
  /** Effects that were still to come when the last request was answered. */
  behind: number;
  /** Looked at ten times, evenly, under load. */
  memory: Memory[];
}

const LOOKS = 10;

export async function measureSustained(
  contestant: Contestant,
  entrant: Entrant,
  extent: Extent,
): Promise<Sustained> {
  const { effects } = contestant;
  await warmUp(contestant, entrant, extent);
  const requests = await entrant.requests(shapes[USUAL]);
  const watch = await entrant.watch();
  const began = performance.now();
  const seconds = extent.sustained;
  const [result, memory] = await Promise.all([
    load(entrant.url, requests, {
      connections: shapes[USUAL].connections,
      amount: 20_000 * seconds,
      seconds,
    }),
    lookOften(seconds),
  ]);
  const expected = result.requests * effects;
  const behind = effects > 0 ? expected - (await watch.effects()) : 0;
  const seen = await untilHappened(watch, expected, { withoutNews: 60_000 });
  if (effects > 0 && seen.effects !== expected)
    throw new Error(`${expected} effects were to happen, ${seen.effects} have`);
  return {
    ...result,
    memory,
    behind,
    effectsPerSecond: effects > 0 ? (expected * 1000) / (seen.at - began) : null,
  };
}

async function lookOften(seconds: number): Promise<Memory[]> {
  const seen: Memory[] = [];
  for (let look = 0; look < LOOKS; look += 1) {
    await wait((seconds * 1000) / (LOOKS + 1));
    seen.push(await lookAtMemory());
  }
  return seen;
}
