import { describe, expect, it } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { refusedPattern } from '../../../src/events/wanted.ts';

const wanting = (on: string[]) =>
  defineEffect({ name: 'any', description: '', on, transact: async () => {} });

describe('a pattern of event types', () => {
  it.each(['*', 'message.*', 'reading_list.*', 'user2.*'])('may be %s', (pattern) => {
    expect(refusedPattern(pattern)).toBeUndefined();
    expect(wanting([pattern]).on).toEqual([pattern]);
  });

  it.each(['mess*', '*.paid', 'message.cre*', 'message.**', '.*', '**', 'Message.*', 'a.b.*'])(
    'may not be %s, and an effect says what may',
    (pattern) => {
      expect(refusedPattern(pattern)).toMatch(
        /<aggregate>\.\* such as message\.\*, or \* for all$/,
      );
      expect(() => wanting([pattern])).toThrow(`\`on\`: "${pattern}" is no pattern`);
    },
  );

  it('is no longer than a name', () => {
    expect(refusedPattern(`${'a'.repeat(199)}.*`)).toBeDefined();
  });
});
