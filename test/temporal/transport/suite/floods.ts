import { describe, expect, it } from 'vitest';
import { anEffect, type TransportFixture } from '../fixture.ts';
import { soon } from '../testbed.ts';

/** Most events of a dispatch. More than a twentieth of it from one workspace is a flood. */
const SIZE = 200;

export function floods(on: TransportFixture): void {
  describe('a flood of one workspace', () => {
    it('lets the events of others go first that come after it', async () => {
      let [begun, goOn] = [false, () => {}];
      const gate = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const order: string[] = [];
      const effect = anEffect({
        batch: 1,
        concurrency: 1,
        async perform(events: { id: string }[]) {
          begun = true;
          await gate;
          order.push(...events.map(({ id }) => id));
        },
      } as never);
      await on.testbed.host(effect);
      await on.testbed.post(40);
      await on.testbed.dispatch(SIZE);
      await expect.poll(() => begun, soon).toBe(true);
      const others = await on.testbed.post(3);
      await on.testbed.dispatch(SIZE);
      goOn();
      await expect.poll(() => order.length, soon).toBe(43);
      for (const id of others) expect(order.indexOf(id)).toBeLessThan(20);
    });
  });
}
