import { setTimeout as wait } from 'node:timers/promises';
import type { PlannedKill } from './kill-plan.ts';
import type { ManagedProcess } from './processes/managed-process.ts';

/**
 * Parts that may be down at once, whoever they are. On a slow machine nobody would ever be up
 * otherwise.
 */
const DOWN_AT_ONCE = 4;

/**
 * Nobody is left out, however short the time and slow the machine, unless it takes so much longer,
 * in ms.
 */
const PATIENCE = 3 * 60_000;

/**
 * Kills and freezes parts as the plan says, until the time is up and everybody was hit once.
 *
 * @param forMs how long at least
 */
export async function killProcesses(
  parts: ManagedProcess[],
  plan: Iterator<PlannedKill, never>,
  forMs: number,
  tell: (line: string) => void,
): Promise<void> {
  const began = Date.now();
  const isOver = () => {
    const passed = Date.now() - began;
    return (
      passed > forMs + PATIENCE ||
      (passed > forMs && parts.every(({ kills, freezes }) => kills + freezes > 0))
    );
  };
  while (!isOver()) {
    const strike = plan.next().value;
    await wait(strike.afterMs);
    while (parts.filter((part) => !part.isUp).length >= DOWN_AT_ONCE) await wait(100);
    if (!isOver())
      for (const name of strike.victims)
        tell(hit(parts.find((part) => part.name === name)!, strike));
  }
}

function hit(victim: ManagedProcess, { freezes, downMs }: PlannedKill): string {
  const isHit = freezes ? victim.freeze(downMs) : victim.kill(downMs);
  if (!isHit) return `${victim.name} was down already`;
  return freezes
    ? `freeze ${victim.name} for ${(downMs / 1000).toFixed(1)} s`
    : `kill -9 ${victim.name}`;
}
