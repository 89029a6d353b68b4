import { expect, it } from 'vitest';
import { Slots } from '../../src/workflows/slots.ts';

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
