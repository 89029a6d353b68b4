import { expect, it } from 'vitest';
import { Quarantine } from '../../src/transport/quarantine.ts';

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
