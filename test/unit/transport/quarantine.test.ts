import { expect, it } from 'vitest';
import { Quarantine } from '../../../src/transport/quarantine.ts';

it('makes one suspected call at a time, once those it has turned away are written down', async () => {
  const quarantine = new Quarantine();
  const story: string[] = [];
  let write = () => {};
  const written = new Promise<void>((resolve) => {
    write = resolve;
  });
  const first = quarantine.admit(
    async () => void story.push('first is made'),
    async () => void story.push('first is turned away'),
  );
  const second = quarantine.admit(
    async () => void story.push('second is made'),
    async () => {
      await written;
      story.push('second is turned away');
    },
  );
  // Longer than it waits for others to turn up.
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(story).toEqual([]);
  write();
  await Promise.all([first, second]);
  expect(story).toEqual(['second is turned away', 'first is made']);
});

it('is free again after a call that failed', async () => {
  const quarantine = new Quarantine();
  const fails = () => Promise.reject(new Error('could not be settled'));
  const never = () => Promise.reject(new Error('nobody else is there'));
  await expect(quarantine.admit(fails, never)).rejects.toThrow('could not be settled');
  await quarantine.admit(async () => {}, never);
});

it('makes its call though others turn up without end, each before the one before it is written down', async () => {
  const quarantine = new Quarantine();
  const ALL = 50;
  const turnedAway: Promise<void>[] = [];
  const another = () => {
    if (turnedAway.length === ALL) return;
    const written = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      another();
    };
    turnedAway.push(quarantine.admit(async () => {}, written));
  };
  let before = 0;
  const made = quarantine.admit(
    async () => {
      before = turnedAway.length;
    },
    async () => {},
  );
  another();
  await made;
  expect(before).toBeLessThan(ALL);
  await Promise.all(turnedAway);
});

it('turns each away for a moment of its own, as far from the one before as a call takes', async () => {
  const quarantine = new Quarantine(40);
  const took = () => new Promise<void>((resolve) => setTimeout(resolve, 300));
  const never = () => Promise.reject(new Error('nobody else is there'));
  await quarantine.admit(took, never);
  const moments: number[] = [];
  const appointed = async (inMs: number) => void moments.push(inMs);
  const made = quarantine.admit(took, never);
  await Promise.all(Array.from({ length: 400 }, () => quarantine.admit(took, appointed)));
  await made;
  const gaps = moments.slice(1, 100).map((inMs, i) => inMs - moments[i]!);
  expect(Math.min(...gaps)).toBeGreaterThan(300);
  expect(Math.max(...moments)).toBeLessThanOrEqual(60_000);
});
