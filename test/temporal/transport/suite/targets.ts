import { describe, expect, it } from 'vitest';
import { retry } from '../../../../src/activities/runtime/outcomes.ts';
import type { DomainEvent } from '../../../../src/events/index.ts';
import { anEffect, type TransportFixture } from '../fixture.ts';
import { soon } from '../testbed.ts';

/** Events with several outside parties. */
export function targets(fixture: TransportFixture): void {
  describe('an event with several outside parties', () => {
    it('has each tried alone, and is called once more when all are settled', async () => {
      const open = new Set(['a', 'b', 'c']);
      const calls: (string | undefined)[] = [];
      const effect = anEffect({
        async perform([event]: DomainEvent[], { target }: { target: string | undefined }) {
          calls.push(target);
          if (calls.length === 1)
            return [...open].map((name) =>
              retry({ event: event!, target: name }, `${name} is down`),
            );
          if (target === 'b' && calls.filter((name) => name === 'b').length === 1)
            return [retry({ event: event!, target }, 'still down')];
          if (target) open.delete(target);
          return [...open]
            .map((name) => retry({ event: event!, target: name }, `${name} is down`))
            .filter(() => !target);
        },
      });
      await fixture.testbed.host(effect);
      const events = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(effect.name, events);
      expect(calls.slice(1, -1).sort()).toEqual(['a', 'b', 'b', 'c']);
      expect([calls[0], calls.at(-1)]).toEqual([undefined, undefined]);
    });

    it('is dead where one of them is, and the others are still settled', async () => {
      const settled: string[] = [];
      const calls: (string | undefined)[] = [];
      const effect = anEffect({
        async perform([event]: DomainEvent[], { target }: { target: string | undefined }) {
          calls.push(target);
          if (!target)
            return ['a', 'b'].map((name) =>
              retry({ event: event!, target: name }, `${name} is down`),
            );
          if (target === 'a') return [retry({ event: event!, target }, 'a is down')];
          settled.push(target);
          return undefined;
        },
      });
      await fixture.testbed.host(effect);
      const [event] = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await expect
        .poll(() => fixture.testbed.letters(effect.name), soon)
        .toMatchObject([{ event_id: event, target: 'a', reason: 'a is down' }]);
      await expect.poll(() => settled, soon).toEqual(['b']);
      expect(await fixture.testbed.receipts(effect.name)).toEqual([]);
      expect(calls.filter((target) => target === 'a')).toHaveLength(3);
      expect(calls.filter((target) => target === undefined)).toHaveLength(1);
    });
  });
}
