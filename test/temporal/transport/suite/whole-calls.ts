import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../../src/activities/runtime/effect.ts';
import type { Transaction } from '../../../../src/db/client.ts';
import type { DomainEvent } from '../../../../src/events/index.ts';
import { anEffect, type TransportFixture } from '../fixture.ts';
import { soon } from '../testbed.ts';

/** What becomes of a call that fails as a whole. */
export function wholeCalls(fixture: TransportFixture): void {
  describe('a call that fails as a whole', () => {
    it('is halved until the culprit is alone, and the others are done', async () => {
      let poison = '';
      const effect: Effect = anEffect({
        async transact(tx: Transaction, events: DomainEvent[]) {
          if (events.some(({ id }) => id === poison)) throw new Error('poison');
          await fixture.recordIn(() => effect.name)(tx, events);
        },
      });
      await fixture.testbed.host(effect);
      const events = await fixture.testbed.post(16);
      poison = events[5]!;
      await fixture.testbed.dispatch();
      await expect
        .poll(() => fixture.testbed.letters(effect.name), soon)
        .toMatchObject([{ event_id: poison, reason: 'poison' }]);
      const others = events.filter((id) => id !== poison);
      await fixture.testbed.done(effect.name, others);
      expect(await fixture.happened(effect)).toEqual(others);
    });

    it.each([1, 3])(
      'because the database was away is made again as it is, and uses up no try: %i event(s)',
      async (size) => {
        const calls: number[] = [];
        const effect: Effect = anEffect({
          retry: { attempts: 1 },
          async transact(tx: Transaction, events: DomainEvent[]) {
            calls.push(events.length);
            if (calls.length < 4)
              throw Object.assign(new Error('shutting down'), { code: '57P01' });
            await fixture.recordIn(() => effect.name)(tx, events);
          },
        });
        await fixture.testbed.host(effect);
        const events = await fixture.testbed.post(size);
        await fixture.testbed.dispatch();
        await fixture.testbed.done(effect.name, events);
        expect(calls).toEqual([size, size, size, size]);
        expect(await fixture.testbed.letters(effect.name)).toEqual([]);
        expect(
          await fixture.testbed.database
            .pg`select from knockon.attempts where subscriber = ${effect.name}`,
        ).toHaveLength(0);
      },
    );

    it('is given up at its time limit, and made again', async () => {
      let calls = 0;
      const effect = anEffect({
        timeout: '1s',
        async perform(_events: DomainEvent[], { signal }: { signal: AbortSignal }) {
          calls += 1;
          if (calls === 1)
            await new Promise((_, reject) =>
              signal.addEventListener('abort', () => reject(new Error('aborted'))),
            );
          return undefined;
        },
      });
      await fixture.testbed.host(effect);
      const events = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(effect.name, events);
      expect(calls).toBe(2);
    });
  });
}
