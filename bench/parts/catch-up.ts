import { performance } from 'node:perf_hooks';
import type { Contestant, Entrant } from '../contestants/contestant.ts';
import { shapes, USUAL } from '../shapes.ts';
import { lookAtMemory } from './memory.ts';
import { untilHappened } from './settle.ts';

/** What a contestant made of a backlog. */
export interface CatchUp {
  /** Messages that waited when its workers were started. */
  messages: number;
  /** Effects that happened meanwhile, and in how many seconds. */
  effects: number;
  seconds: number;
  perSecond: number;
  /** MB (PSS) of everything at the end, still at work or just done. */
  memory: number;
}

/**
 * A contestant takes in a backlog with its workers stopped; then they are started. Their start is
 * part of the time.
 */
export async function measureCatchUp(
  { effects, backlog = Number.POSITIVE_INFINITY }: Contestant,
  entrant: Entrant,
  { messages, seconds }: { messages: number; seconds: number },
): Promise<CatchUp> {
  // Whatever channels it needs are there before anything is counted.
  await entrant.requests(shapes[USUAL]);
  await entrant.stopWorkers();
  const watch = await entrant.watch();
  const waiting = Math.min(messages, backlog);
  await entrant.fill(waiting);
  await entrant.tidy();
  const began = performance.now();
  await entrant.startWorkers();
  const seen = await untilHappened(watch, waiting * effects, {
    withoutNews: 30_000,
    inAll: seconds * 1000,
  });
  const took = (seen.at - began) / 1000;
  const { all } = await lookAtMemory();
  return {
    messages: waiting,
    effects: seen.effects,
    seconds: took,
    perSecond: seen.effects / took,
    memory: all,
  };
}
