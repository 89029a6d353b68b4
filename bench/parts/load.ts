import { setTimeout as wait } from 'node:timers/promises';
import type { Contestant, Entrant } from '../contestants/contestant.ts';
import type { Extent } from '../options.ts';
import { type ShapeName, shapes, USUAL } from '../shapes.ts';
import { pace, type Turn, takeTurn } from './turn.ts';

export interface ShapedTurn extends Turn {
  shape: ShapeName;
}

/**
 * A turn in each shape, after a warm-up. Each is made as long as the one before it says, so that a
 * contestant of 200 effects/s and one of 20,000 are both measured for the same time, and both to
 * their last effect.
 */
export async function measureLoad(
  contestant: Contestant,
  entrant: Entrant,
  { extent, chosen }: { extent: Extent; chosen: ShapeName[] },
): Promise<ShapedTurn[]> {
  let perSecond = await warmUp(contestant, entrant, extent);
  const turns: ShapedTurn[] = [];
  for (const name of chosen) {
    const shape = shapes[name];
    const requests = await entrant.requests(shape);
    await entrant.tidy();
    const amount = Math.max(2 * shape.connections, Math.round(perSecond * extent.turn));
    const turn = await takeTurn(contestant, entrant, requests, {
      connections: shape.connections,
      amount,
    });
    perSecond = pace(turn, contestant.effects);
    turns.push({ ...turn, shape: name });
    // What is still being written (a checkpoint, a collection) should not fall into the next turn.
    await wait(300);
  }
  return turns;
}

/**
 * Twice: the first run tells the second's size, and that one's pace is what a warm contestant keeps
 * up.
 */
export async function warmUp(
  contestant: Contestant,
  entrant: Entrant,
  { warmUp: seconds }: Extent,
): Promise<number> {
  const requests = await entrant.requests(shapes[USUAL]);
  const { connections } = shapes[USUAL];
  const first = await takeTurn(contestant, entrant, requests, {
    connections,
    amount: 500,
    seconds: seconds / 2,
  });
  const amount = Math.round(Math.max(100, pace(first, contestant.effects) * seconds));
  return pace(
    await takeTurn(contestant, entrant, requests, { connections, amount }),
    contestant.effects,
  );
}
