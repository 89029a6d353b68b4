import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../src/activities/runtime/effect.ts';
import type { Transaction } from '../../../src/db/client.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { soon } from '../test-transport.ts';
import { anEffect, type Kit } from '../recorded-effects.ts';

/** What becomes of a call that fails as a whole. */
export function wholeCalls(kit: Kit): void {
  describe('a call that fails as a whole', () => {
    it('is halved until the culprit is alone, and the others are done', async () => {
      let poison = '';
      const effect: Effect = anEffect({
        async transact(tx: Transaction, events: DomainEvent[]) {
          if (events.some(({ id }) => id === poison)) throw new Error('poison');
          await kit.noting(() => effect.name)(tx, events);
        },
      });
      await kit.bench.host(effect);
      const events = await kit.bench.post(16);
      poison = events[5]!;
      await kit.bench.dispatch();
      await expect
        .poll(() => kit.bench.letters(effect.name), soon)
        .toMatchObject([{ event_id: poison, reason: 'poison' }]);
      const others = events.filter((id) => id !== poison);
      await kit.bench.done(effect.name, others);
      expect(await kit.happened(effect)).toEqual(others);
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
            await kit.noting(() => effect.name)(tx, events);
          },
        });
        await kit.bench.host(effect);
        const events = await kit.bench.post(size);
        await kit.bench.dispatch();
        await kit.bench.done(effect.name, events);
        expect(calls).toEqual([size, size, size, size]);
        expect(await kit.bench.letters(effect.name)).toEqual([]);
        expect(
          await kit.bench.database.pg`select from attempts where subscriber = ${effect.name}`,
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
      await kit.bench.host(effect);
      const events = await kit.bench.post(1);
      await kit.bench.dispatch();
      await kit.bench.done(effect.name, events);
      expect(calls).toBe(2);
    });
  });
}
