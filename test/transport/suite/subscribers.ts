import { describe, expect, it } from 'vitest';
import { soon } from '../test-transport.ts';
import { anEffect, type Kit } from '../recorded-effects.ts';

/** Who listens, and who is away. */
export function subscribers(kit: Kit): void {
  describe('a subscriber', () => {
    it('that is added while all runs gets the next event, and nobody is restarted', async () => {
      const first = kit.aNoter();
      await kit.bench.host(first);
      const before = await kit.bench.post(1);
      await kit.bench.dispatch();
      await kit.bench.done(first.name, before);
      const second = kit.aNoter();
      await kit.bench.host(second);
      const after = await kit.bench.post(1);
      await kit.bench.dispatch();
      await kit.bench.done(second.name, after);
      await kit.bench.done(first.name, [...before, ...after]);
      expect(await kit.happened(second)).toEqual(after);
    });

    it('keeps its backlog while its consumer is away, and does it when that is back', async () => {
      const effect = kit.aNoter();
      const stop = await kit.bench.host(effect);
      await stop();
      const events = await kit.bench.post(3);
      await kit.bench.dispatch();
      const backlog = () => kit.bench.chosen.queues.describe(effect.task_queue);
      await expect.poll(backlog, soon).toMatchObject({ calls: 1 });
      expect(await kit.happened(effect)).toEqual([]);
      await kit.bench.host(effect);
      await kit.bench.done(effect.name, events);
      await expect.poll(backlog, soon).toMatchObject({ calls: 0 });
    });

    it('that fails holds up nobody beside it', async () => {
      const healthy = kit.aNoter();
      const failing = anEffect({
        retry: { attempts: 0, initial: '50ms' },
        async transact() {
          throw new Error('the effect is broken');
        },
      });
      await kit.bench.host(failing, healthy);
      for (let i = 0; i < 3; i += 1) {
        const events = await kit.bench.post(4);
        await kit.bench.dispatch();
        await expect
          .poll(
            async () =>
              (await kit.bench.receipts(healthy.name)).filter((id) => events.includes(id)),
            soon,
          )
          .toEqual(events);
      }
      expect(await kit.bench.receipts(failing.name)).toEqual([]);
    });
  });
}
