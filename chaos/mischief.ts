import { setTimeout as wait } from 'node:timers/promises';
import type { Part } from './parts/part.ts';
import type { Strike } from './plan.ts';

/**
 * Kills and freezes parts as the plan says, until the time is up.
 *
 * @param until when to end, in ms since 1970
 */
export async function kill(parts: Part[], plan: Iterator<Strike, never>, until: number, tell: (line: string) => void): Promise<void> {
  for (;;) {
    const { afterMs, victims, downMs, freezes } = plan.next().value;
    if (Date.now() + afterMs > until) return;
    await wait(afterMs);
    for (const name of victims) {
      const victim = parts.find((part) => part.name === name);
      const hit = freezes ? victim?.freeze(downMs) : victim?.kill(downMs);
      const what = freezes ? `freeze ${name} for ${(downMs / 1000).toFixed(1)} s` : `kill -9 ${name}`;
      tell(hit ? what : `${name} was down already`);
    }
  }
}
