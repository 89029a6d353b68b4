import { describe, expect, it, vi } from 'vitest';
import type { DomainEvent } from '../../../../src/events/index.ts';
import { anEffect, type TransportFixture } from '../fixture.ts';
import { soon } from '../testbed.ts';

/** Workers come, go and lose their connections. */
export function workers(fixture: TransportFixture): void {
  describe('a worker', () => {
    it('goes on when all its connections to the database are cut', async () => {
      const effect = fixture.recordingEffect();
      await fixture.testbed.host(effect);
      const before = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(effect.name, before);
      await fixture.testbed.cutConnections();
      const after = await vi.waitFor(() => fixture.testbed.post(1), soon);
      await vi.waitFor(() => fixture.testbed.dispatch(), soon);
      await fixture.testbed.done(effect.name, [...before, ...after]);
      expect(await fixture.happened(effect)).toEqual([...before, ...after]);
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
      const stop = await fixture.testbed.host(effect);
      const events = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await expect.poll(() => calls, soon).toBe(1);
      await stop();
      expect(await fixture.testbed.receipts(effect.name)).toEqual([]);
      await fixture.testbed.host(effect);
      await fixture.testbed.done(effect.name, events);
      expect(calls).toBe(2);
    });
  });
}
