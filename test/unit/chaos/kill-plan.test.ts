import { describe, expect, it } from 'vitest';
import { type PlannedKill, planKills } from '../../../chaos/kill-plan.ts';
import { randomFrom } from '../../../chaos/random.ts';

const names = ['postgres', 'temporal', 'api 1', 'api 2', 'relay'];

function first(count: number, seed: number): PlannedKill[] {
  const plan = planKills(randomFrom(seed), names);
  return Array.from({ length: count }, () => plan.next().value);
}

describe('the plan of kills', () => {
  it('follows from its seed', () => {
    expect(first(100, 42)).toEqual(first(100, 42));
    expect(first(100, 42)).not.toEqual(first(100, 43));
  });

  it("comes to everybody before anybody's second turn", () => {
    const victims = first(100, 7).flatMap((strike) => strike.victims);
    for (let n = 0; n + names.length <= victims.length; n += names.length) {
      expect(victims.slice(n, n + names.length).sort()).toEqual([...names].sort());
    }
  });

  it('leaves pauses of seconds', () => {
    for (const { afterMs, downMs } of first(1000, 1)) {
      expect(afterMs).toBeGreaterThanOrEqual(800);
      expect(afterMs).toBeLessThan(4500);
      expect(downMs).toBeLessThan(3000);
    }
  });
});
