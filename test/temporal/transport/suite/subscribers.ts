import { describe, expect, it } from 'vitest';
import { anEffect, type TransportFixture } from '../fixture.ts';
import { soon } from '../testbed.ts';

/** Who listens, and who is away. */
export function subscribers(fixture: TransportFixture): void {
  describe('a subscriber', () => {
    it('that is added while all runs gets the next event, and nobody is restarted', async () => {
      const first = fixture.recordingEffect();
      await fixture.testbed.host(first);
      const before = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(first.name, before);
      const second = fixture.recordingEffect();
      await fixture.testbed.host(second);
      const after = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(second.name, after);
      await fixture.testbed.done(first.name, [...before, ...after]);
      expect(await fixture.happened(second)).toEqual(after);
    });

    it('keeps its backlog while its consumer is away, and does it when that is back', async () => {
      const effect = fixture.recordingEffect();
      const stop = await fixture.testbed.host(effect);
      await stop();
      const events = await fixture.testbed.post(3);
      await fixture.testbed.dispatch();
      const backlog = () => fixture.testbed.chosen.queues.describe(effect.task_queue);
      await expect.poll(backlog, soon).toMatchObject({ calls: 1 });
      expect(await fixture.happened(effect)).toEqual([]);
      await fixture.testbed.host(effect);
      await fixture.testbed.done(effect.name, events);
      await expect.poll(backlog, soon).toMatchObject({ calls: 0 });
    });

    it('that fails holds up nobody beside it', async () => {
      const healthy = fixture.recordingEffect();
      const failing = anEffect({
        retry: { attempts: 0, initial: '50ms' },
        async transact() {
          throw new Error('the effect is broken');
        },
      });
      await fixture.testbed.host(failing, healthy);
      for (let i = 0; i < 3; i += 1) {
        const events = await fixture.testbed.post(4);
        await fixture.testbed.dispatch();
        await expect
          .poll(
            async () =>
              (await fixture.testbed.receipts(healthy.name)).filter((id) => events.includes(id)),
            soon,
          )
          .toEqual(events);
      }
      expect(await fixture.testbed.receipts(failing.name)).toEqual([]);
    });
  });
}
