import type { Contestant, Entrant } from './contestants/contestant.ts';
import type { Ground } from './ground.ts';
import type { Extent, Part } from './options.ts';
import { type CatchUp, measureCatchUp } from './parts/catch-up.ts';
import { type Crash, measureCrash } from './parts/crash.ts';
import { type Growth, measureGrowth } from './parts/growth.ts';
import { type Idle, measureIdle } from './parts/idle.ts';
import { measureLoad, type ShapedTurn, warmUp } from './parts/load.ts';
import { type Memory, measureMemory } from './parts/memory.ts';
import { measureSustained, type Sustained } from './parts/sustained.ts';
import { killContestant } from './processes.ts';
import type { ShapeName } from './shapes.ts';

/** What a contestant is to do while its programs run. */
export interface Plan {
  parts: Part[];
  shapes: ShapeName[];
  extent: Extent;
}

/** What came of it. A contestant that fails keeps what it has done before. */
export interface Visit {
  contestant: string;
  turns: ShapedTurn[];
  idle?: Idle;
  memory?: Memory;
  crash?: Crash;
  catchUp?: CatchUp;
  sustained?: Sustained;
  growth?: Growth[];
  /** Why it ended before its end. */
  failed?: string;
}

/**
 * Starts a contestant, lets it do the parts of the plan, and stops it: only one runs at a time,
 * with the machine to itself.
 */
export async function visit(
  ground: Ground,
  contestant: Contestant,
  plan: Plan,
  tell: (line: string) => void,
): Promise<Visit> {
  const seen: Visit = { contestant: contestant.name, turns: [] };
  let entrant: Entrant | undefined;
  try {
    entrant = await contestant.enter(ground);
    for (const part of plan.parts) {
      const began = performance.now();
      const said = await steps[part](seen, { contestant, entrant, plan });
      if (said)
        tell(
          `${contestant.name}, ${part}: ${said} (${((performance.now() - began) / 1000).toFixed(1)} s)`,
        );
    }
  } catch (error) {
    seen.failed = error instanceof Error ? error.message : String(error);
    tell(`${contestant.name} FAILED: ${seen.failed}`);
  } finally {
    await entrant?.stop();
    await killContestant();
  }
  return seen;
}

interface Step {
  contestant: Contestant;
  entrant: Entrant;
  plan: Plan;
}

const whole = (n: number) => Math.round(n).toLocaleString('en');

/**
 * Each puts down what it has seen, and says it in a few words; undefined: it is not for this
 * contestant.
 */
const steps: Record<Part, (seen: Visit, step: Step) => Promise<string | undefined>> = {
  async idle(seen, { contestant, entrant, plan }) {
    if (contestant.effects === 0) return;
    seen.idle = await measureIdle(contestant, entrant, plan.extent.idle);
    return `${seen.idle.median.toFixed(1)} ms`;
  },
  async load(seen, { contestant, entrant, plan }) {
    seen.turns = await measureLoad(contestant, entrant, {
      extent: plan.extent,
      chosen: plan.shapes,
    });
    return seen.turns
      .map(
        (turn) => `${whole(turn.perSecond)} req/s, ${whole(turn.effectsPerSecond ?? 0)} effects/s`,
      )
      .join('; ');
  },
  async memory(seen, { contestant, entrant, plan }) {
    if (seen.turns.length === 0) await warmUp(contestant, entrant, plan.extent);
    seen.memory = await measureMemory(plan.extent.rest);
    return `${whole(seen.memory.all)} MB`;
  },
  async crash(seen, { contestant, entrant, plan }) {
    if (contestant.effects === 0) return;
    if (seen.turns.length === 0) await warmUp(contestant, entrant, plan.extent);
    seen.crash = await measureCrash(contestant, entrant, plan.extent.crash);
    return `${seen.crash.lost} effects of ${whole(seen.crash.messages)} messages lost`;
  },
  async 'catch-up'(seen, { contestant, entrant, plan }) {
    if (contestant.effects === 0 || contestant.backlog === 0) return;
    seen.catchUp = await measureCatchUp(contestant, entrant, plan.extent.catchUp);
    return `${whole(seen.catchUp.perSecond)} effects/s`;
  },
  async sustained(seen, { contestant, entrant, plan }) {
    seen.sustained = await measureSustained(contestant, entrant, plan.extent);
    return `${whole(seen.sustained.perSecond)} req/s, ${whole(seen.sustained.effectsPerSecond ?? 0)} effects/s`;
  },
  async growth(seen, { contestant, entrant, plan }) {
    seen.growth = await measureGrowth(contestant, entrant, plan.extent);
    return seen.growth
      .map(({ stored, cpu }) => `${whole(stored)} stored: ${cpu.toFixed(2)} CPU ms a message`)
      .join('; ');
  },
};
