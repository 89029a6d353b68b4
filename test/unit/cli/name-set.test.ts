import { expect, test } from 'vitest';
import { NameSet } from '../../../src/cli/import/name-set.ts';

test('a set of 10,000 names has each of them once and no other, and takes 24 bytes a name at most', () => {
  const names = new NameSet();
  for (let round = 0; round < 2; round++) for (let n = 0; n < 10_000; n++) names.add(`name ${n}`);
  expect(names.size).toBe(10_000);
  for (let n = 0; n < 10_000; n++) {
    if (!names.has(`name ${n}`)) expect.fail(`name ${n} is missing`);
    if (names.has(`another ${n}`)) expect.fail(`another ${n} is there`);
  }
  expect(names.bytes).toBeLessThanOrEqual(24 * 10_000);
});
