import { expect, it } from 'vitest';
import { fairnessKey } from '../../../src/transport/temporal-bytes.ts';

it('is a share itself up to 64 bytes, and a hash of a longer one', () => {
  expect(fairnessKey('w1')).toBe('w1');
  expect(fairnessKey('é'.repeat(32))).toBe('é'.repeat(32));
  // Workflows in flight must give the same again.
  expect(fairnessKey('é'.repeat(33))).toBe('3c09af418b1df424');
});

it('is another one for another share, however alike they are', () => {
  const keys = Array.from({ length: 1000 }, (_, i) => fairnessKey(`${'y'.repeat(64)}${i}`));
  expect(new Set(keys).size).toBe(1000);
});
