import { setTimeout as wait } from 'node:timers/promises';
import type { ReadinessWatch } from '../readiness.ts';
import type { Canary } from './canary.ts';
import type { PastFault } from './expected-readiness.ts';
import type { Fault, FaultKind } from './fault-plan.ts';
import type { Switches } from './switches.ts';

export interface Scene {
  switches: Switches;
  ready: ReadinessWatch;
  canary: Canary;
  /** Every one of them comes once, however short the time. */
  kinds: readonly FaultKind[];
  tell: (line: string) => void;
}

/** Longest that is waited for everything to move again, in ms. */
const PATIENCE = 60_000;

/**
 * Makes one trouble after another as the plan says, until the time is up and each kind has been.
 */
export async function causeFaults(
  plan: Iterator<Fault, never>,
  forMs: number,
  scene: Scene,
): Promise<PastFault[]> {
  const began = Date.now();
  const past: PastFault[] = [];
  const isOver = () =>
    Date.now() - began > forMs &&
    scene.kinds.every((kind) => past.some((one) => one.kind === kind));
  while (!isOver()) past.push(await once(plan.next().value, scene));
  return past;
}

async function once(
  { kind, afterMs, forMs }: Fault,
  { switches, ready, canary, tell }: Scene,
): Promise<PastFault> {
  await wait(afterMs);
  tell(`${kind}, for ${seconds(forMs)}`);
  const began = Date.now();
  await switches.begin(kind);
  await wait(forMs);
  const ended = Date.now();
  await switches.end(kind);
  const [movedAfter, readyAfter] = await Promise.all([
    canary.sings(PATIENCE).then((sings) => (sings ? Date.now() - ended : null)),
    readyAgain(ready, ended),
  ]);
  tell(
    `${kind} is over: a webhook came after ${told(movedAfter)}, ready after ${told(readyAfter)}`,
  );
  return { kind, began, ended, movedAfter, readyAfter };
}

async function readyAgain(ready: ReadinessWatch, since: number): Promise<number | null> {
  while (Date.now() - since < PATIENCE) {
    if (ready.isReady(since)) return Date.now() - since;
    await wait(50);
  }
  return null;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const told = (ms: number | null) => (ms === null ? `more than ${seconds(PATIENCE)}` : seconds(ms));
