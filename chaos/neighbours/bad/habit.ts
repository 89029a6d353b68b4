import { setTimeout as wait } from 'node:timers/promises';
import type { Ground } from './ground.ts';

/** What a bad neighbour does, again and again. */
export interface Habit {
  everyMs: number;
  /** Most of it that is under way at once: beyond that it is left out. */
  atOnce: number;
  /** @param n how often it was done before @param signal aborted when all is over */
  act(n: number, signal: AbortSignal): Promise<unknown>;
}

/** A bad neighbour. */
export interface Bad {
  name: string;
  /** In a few words, for the report. */
  does: string;
  /** Makes what it needs, before anything is measured. @returns what it does from then on */
  settleIn(ground: Ground): Promise<Habit[]>;
}

/** How often something was done, and left out because too much of it was under way. */
export interface Done {
  acts: number;
  leftOut: number;
}

/**
 * Does it until it is told to stop, at an even pace, whatever has become of what was begun before;
 * then waits for what is under way.
 *
 * @param afterMs how long it waits before it begins (default: not at all)
 */
export async function practise(
  { everyMs, atOnce, act }: Habit,
  signal: AbortSignal,
  done: Done,
  afterMs = 0,
): Promise<void> {
  const open = new Set<Promise<unknown>>();
  const once = () => {
    if (open.size >= atOnce) {
      done.leftOut += 1;
      return;
    }
    const acting: Promise<unknown> = act(done.acts, signal)
      .catch(() => {})
      .finally(() => open.delete(acting));
    done.acts += 1;
    open.add(acting);
  };
  await wait(afterMs, undefined, { signal }).catch(() => {});
  if (signal.aborted) return;
  once();
  const timer = setInterval(once, everyMs);
  await new Promise<void>((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  clearInterval(timer);
  await Promise.all(open);
}

/** `count` at once. */
export const together = (count: number, act: (n: number) => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, n) => act(n)));
