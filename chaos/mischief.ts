import { setTimeout as wait } from 'node:timers/promises';
import type { Part } from './parts/part.ts';
import type { Strike } from './plan.ts';

/**
 * Kills parts as the plan says, until the time is up.
 *
 * @param until when to end, in ms since 1970
 */
export async function kill(parts: Part[], plan: Iterator<Strike, never>, until: number, tell: (line: string) => void): Promise<void> {
  for (;;) {
    const { afterMs, victims, downMs } = plan.next().value;
    if (Date.now() + afterMs > until) return;
    await wait(afterMs);
    for (const name of victims) {
      const hit = parts.find((part) => part.name === name)?.kill(downMs);
      tell(hit ? `kill -9 ${name}` : `${name} was down already`);
    }
  }
}
