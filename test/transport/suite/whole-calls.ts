import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../src/activities/runtime/effect.ts';
import type { Transaction } from '../../../src/db/client.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { soon } from '../bench.ts';
import { anEffect, type Kit } from '../kit.ts';

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
      await expect.poll(() => kit.bench.letters(effect.name), soon).toMatchObject([{ event_id: poison, reason: 'poison' }]);
      const others = events.filter((id) => id !== poison);
      await kit.bench.done(effect.name, others);
      expect(await kit.happened(effect)).toEqual(others);
    });

    it('is given up at its time limit, and made again', async () => {
      let calls = 0;
      const effect = anEffect({
        timeout: '1s',
        async perform(_events: DomainEvent[], { signal }: { signal: AbortSignal }) {
          calls += 1;
          if (calls === 1) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
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
