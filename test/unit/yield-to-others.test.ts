import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { atOnce, createPauses, inPauses, type Steps } from '../../src/yield-to-others.ts';

/** Computes for so many ms. */
function compute(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function loop(rounds: number, done: () => void): Promise<void> {
  const pause = createPauses();
  for (let i = 0; i < rounds; i += 1) {
    compute(6);
    done();
    await pause();
  }
}

it('lets one loop go on with each turn, however many there are', async () => {
  let rounds = 0;
  const loops = Array.from({ length: 10 }, () => loop(5, () => (rounds += 1)));
  const turns: number[] = [];
  while (rounds < 50) {
    const before = rounds;
    await nextTurn();
    turns.push(rounds - before);
  }
  await Promise.all(loops);
  expect(Math.max(...turns)).toBe(1);
});

function* counting(to: number): Steps<number> {
  for (let i = 0; i < to; i += 1) yield;
  return to;
}

it('computes the same in steps and in one go', async () => {
  expect(atOnce(counting(100))).toBe(100);
  expect(await inPauses(counting(100), createPauses())).toBe(100);
});
