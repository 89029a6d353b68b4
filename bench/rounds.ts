import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { Contestant, Entrant, Shape } from './contestants/contestant.ts';
import { shapes } from './contestants/contestant.ts';
import { type Cpu, cpuMeter } from './cpu.ts';
import { type Load, load } from './load.ts';
import { CONNECTIONS, type Extent, LONGEST_ROUND } from './options.ts';
import type { Product } from './product.ts';

/** What one contestant did in one round of one shape. */
export interface Turn extends Load {
  contestant: string;
  shape: Shape;
  round: number;
  /** From the first request to the last effect; null for a contestant without effects. */
  effectsPerSecond: number | null;
  /** From the first request to the last effect. */
  cpu: Cpu;
}

export interface Entered {
  contestant: Contestant;
  entrant: Entrant;
}

/**
 * Lets the contestants take turns: in each round all of them, in another order each time, so that what the machine does
 * meanwhile hits none of them more than another.
 *
 * @param tell told of each turn
 */
export async function playRounds(product: Product, entered: Entered[], extent: Extent, tell: (line: string) => void): Promise<Turn[]> {
  const turns: Turn[] = [];
  for (const shape of shapes) {
    const ready = new Map<Entered, Buffer[]>();
    for (const one of entered) {
      ready.set(one, await one.entrant.requests(shape));
      await takeTurn(product, one.entrant, ready.get(one)!, extent.warmUp);
      tell(`${one.contestant.name} is warm, ${shape} channels`);
    }
    for (let round = 0; round < extent.rounds; round += 1) {
      for (const one of rotated(entered, round)) {
        const { contestant } = one;
        const turn = {
          contestant: contestant.name,
          shape,
          round,
          ...(await takeTurn(product, one.entrant, ready.get(one)!, extent.requests)),
        };
        turns.push(turn);
        tell(`round ${round + 1}, ${shape} channels, ${contestant.name}: ${Math.round(turn.perSecond)} requests/s`);
      }
    }
  }
  return turns;
}

async function takeTurn(product: Product, entrant: Entrant, requests: Buffer[], amount: number) {
  const cpu = await cpuMeter(product, entrant.pid);
  const watch = await entrant.watch();
  const began = performance.now();
  const result = await load(entrant.url, requests, { connections: CONNECTIONS, amount, seconds: LONGEST_ROUND });
  await inTime(watch.settled(result.requests));
  const seconds = (performance.now() - began) / 1000;
  const used = await cpu(result.requests);
  // What is still being tidied up (a checkpoint, a collection) should not fall into the next one's turn.
  await wait(300);
  return { ...result, cpu: used, effectsPerSecond: entrant.effects > 0 ? (result.requests * entrant.effects) / seconds : null };
}

/** Every other round backwards: the neighbour before is another one each time. */
const rotated = <T>(list: T[], round: number): T[] => (round % 2 === 0 ? list : [...list].reverse());

async function inTime(settled: Promise<void>): Promise<void> {
  const patience = new AbortController();
  const late = wait(2 * LONGEST_ROUND * 1000, undefined, { signal: patience.signal }).then(() => {
    throw new Error(`effects have not come to an end after ${2 * LONGEST_ROUND} s`);
  });
  await Promise.race([settled, late]).finally(() => patience.abort());
  late.catch(() => {});
}
