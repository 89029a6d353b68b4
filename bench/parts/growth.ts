import type { Contestant, Entrant } from '../contestants/contestant.ts';
import { allOf } from '../cpu.ts';
import type { Extent } from '../options.ts';
import { shapes, USUAL } from '../shapes.ts';
import { takeTurn } from './turn.ts';

/** What a message costs when so many are stored. */
export interface Growth {
  stored: number;
  requestsPerSecond: number;
  effectsPerSecond: number | null;
  /** CPU ms a message, all processes. */
  cpu: number;
}

/**
 * The same turn twice, with few messages stored and with many; before each all programs are started
 * anew and warmed up alike.
 */
export async function measureGrowth(
  contestant: Contestant,
  entrant: Entrant,
  { growth }: Extent,
): Promise<Growth[]> {
  const { connections } = shapes[USUAL];
  const turn = async (amount: number) => {
    const requests = await entrant.requests(shapes[USUAL]);
    return await takeTurn(contestant, entrant, requests, { connections, amount, seconds: 600 });
  };
  const seen: Growth[] = [];
  for (const stored of [growth.few, growth.many]) {
    const [first] = seen;
    if (first) {
      await turn(stored - growth.few - growth.turn - growth.few);
      await startAnew(entrant);
    }
    await turn(growth.few);
    await entrant.tidy();
    const { perSecond, effectsPerSecond, cpu } = await turn(growth.turn);
    seen.push({ stored, requestsPerSecond: perSecond, effectsPerSecond, cpu: allOf(cpu) });
  }
  return seen;
}

async function startAnew(entrant: Entrant): Promise<void> {
  await entrant.stopWorkers();
  await entrant.killApi();
  await entrant.startWorkers();
  await entrant.startApi();
}
