import { describe, expect, it, vi } from 'vitest';
import type { DomainEvent } from '../../../src/events/index.ts';
import { soon } from '../test-transport.ts';
import { anEffect, type Kit } from '../recorded-effects.ts';

/** Workers come, go and lose their connections. */
export function workers(kit: Kit): void {
  describe('a worker', () => {
    it('goes on when all its connections to the database are cut', async () => {
      const effect = kit.aNoter();
      await kit.bench.host(effect);
      const before = await kit.bench.post(1);
      await kit.bench.dispatch();
      await kit.bench.done(effect.name, before);
      await kit.bench.cutConnections();
      const after = await vi.waitFor(() => kit.bench.post(1), soon);
      await vi.waitFor(() => kit.bench.dispatch(), soon);
      await kit.bench.done(effect.name, [...before, ...after]);
      expect(await kit.happened(effect)).toEqual([...before, ...after]);
    });

    it('that stops leaves to another what it could not end in time', async () => {
      let calls = 0;
      const effect = anEffect({
        async perform(_events: DomainEvent[], { signal }: { signal: AbortSignal }) {
          calls += 1;
          if (calls === 1)
            await new Promise((_, reject) =>
              signal.addEventListener('abort', () => reject(new Error('aborted'))),
            );
          return undefined;
        },
      });
      const stop = await kit.bench.host(effect);
      const events = await kit.bench.post(1);
      await kit.bench.dispatch();
      await expect.poll(() => calls, soon).toBe(1);
      await stop();
      expect(await kit.bench.receipts(effect.name)).toEqual([]);
      await kit.bench.host(effect);
      await kit.bench.done(effect.name, events);
      expect(calls).toBe(2);
    });
  });
}
