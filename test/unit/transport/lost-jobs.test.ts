import { expect, it } from 'vitest';
import { LostJobs } from '../../../src/transport/pg-boss/lost-jobs.ts';

it('gives no job to others while the database is away, and not before those who live have been heard again', async () => {
  let looked = 0;
  const supervise = async () => {
    looked += 1;
  };
  const lost = new LostJobs({ supervise }, 100);
  const answers = async () => {};
  const grace = () => new Promise((resolve) => setTimeout(resolve, 120));
  await lost.look(answers);
  expect(looked).toBe(0);
  await grace();
  await lost.look(answers);
  expect(looked).toBe(1);
  await expect(lost.look(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
  await grace();
  await lost.look(answers);
  expect(looked).toBe(1);
  await grace();
  await lost.look(answers);
  expect(looked).toBe(2);
});
