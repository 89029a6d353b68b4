import { expect, it } from 'vitest';
import { Slots } from '../../../src/workflows/slots.ts';

it('lets so many calls be under way at once, in the order they came, whether or not they fail', async () => {
  const slots = new Slots(3);
  const began: number[] = [];
  let [now, most] = [0, 0];
  const call = (i: number) =>
    slots.use(async () => {
      began.push(i);
      now += 1;
      most = Math.max(most, now);
      await new Promise(setImmediate);
      now -= 1;
      if (i % 2) throw new Error(`${i}`);
      return i;
    });
  const results = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => call(i)));
  expect(most).toBe(3);
  expect(began).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(5);
});

it('gives slots to each share in turn, and no share more than its part', async () => {
  const slots = new Slots(8, 2);
  const began: string[] = [];
  const running = new Map<string, number>();
  let most = 0;
  const call = (share: string) =>
    slots.use(async () => {
      began.push(share);
      running.set(share, (running.get(share) ?? 0) + 1);
      most = Math.max(most, running.get(share)!);
      await new Promise(setImmediate);
      running.set(share, running.get(share)! - 1);
    }, share);
  await Promise.all([
    ...Array.from({ length: 50 }, () => call('many')),
    ...Array.from({ length: 4 }, () => call('few')),
    call('one'),
  ]);
  expect(most).toBe(2);
  expect(began.slice(0, 5).sort()).toEqual(['few', 'few', 'many', 'many', 'one']);
  expect(began).toHaveLength(55);
});
