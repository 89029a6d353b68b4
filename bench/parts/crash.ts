import { setTimeout as wait } from 'node:timers/promises';
import type { Contestant, Entrant } from '../contestants/contestant.ts';
import { load } from '../load.ts';
import { shapes, USUAL } from '../shapes.ts';
import { untilHappened } from './settle.ts';

/** What became of the messages that were stored when the API was killed. */
export interface Crash {
  messages: number;
  /** Side effects that never came. */
  lost: number;
}

/**
 * Kills the API (SIGKILL) after so many seconds of load, starts it again and waits for what is
 * still to come.
 */
export async function measureCrash(
  { effects, patience = 8000 }: Contestant,
  entrant: Entrant,
  seconds: number,
): Promise<Crash> {
  const { connections } = shapes[USUAL];
  const requests = await entrant.requests(shapes[USUAL]);
  const watch = await entrant.watch();
  const underWay = load(entrant.url, requests, { connections, amount: 200_000, seconds: 60 }).catch(
    (error: Error) => error,
  );
  await wait(seconds * 1000);
  await entrant.killApi();
  // That ends every connection, and so the load.
  await underWay;
  await entrant.startApi();
  const messages = await watch.messages();
  const seen = await untilHappened(watch, messages * effects, { withoutNews: patience });
  return { messages, lost: messages * effects - seen.effects };
}
