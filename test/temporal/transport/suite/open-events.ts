import { describe, expect, it } from 'vitest';
import { dead, later, retry } from '../../../../src/activities/runtime/outcomes.ts';
import type { Transaction } from '../../../../src/db/client.ts';
import type { DomainEvent } from '../../../../src/events/index.ts';
import { anEffect, type TransportFixture } from '../fixture.ts';
import { soon } from '../testbed.ts';

/** What becomes of an event that is not done. */
export function openEvents(fixture: TransportFixture): void {
  describe('an event that is not done', () => {
    it('is tried again under the policy until it is, its tries counted', async () => {
      let calls = 0;
      const effect = anEffect({
        async perform([event]: DomainEvent[]) {
          calls += 1;
          return calls < 3 ? [retry(event!, `busy, try ${calls}`)] : undefined;
        },
      });
      await fixture.testbed.host(effect);
      const events = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(effect.name, events);
      expect(calls).toBe(3);
      expect(
        await fixture.testbed.database
          .pg`select attempts, last_error from knockon.attempts where subscriber = ${effect.name}`,
      ).toEqual([{ attempts: 2, last_error: 'busy, try 2' }]);
      expect(await fixture.testbed.letters(effect.name)).toEqual([]);
    });

    it('waits as long as the other side asks', async () => {
      const times: number[] = [];
      const effect = anEffect({
        async perform([event]: DomainEvent[]) {
          times.push(Date.now());
          return times.length === 1 ? [retry(event!, 'slow down', { after_ms: 1500 })] : undefined;
        },
      });
      await fixture.testbed.host(effect);
      const events = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(effect.name, events);
      expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(1500);
    });

    it('is called again at the time it names, without a try being counted', async () => {
      const calls: { at: number; events: number }[] = [];
      const until = Date.now() + 3000;
      const effect = anEffect({
        retry: { attempts: 1 },
        async perform(events: DomainEvent[]) {
          calls.push({ at: Date.now(), events: events.length });
          return calls.length === 1
            ? events.slice(0, 2).map((event) => later(event, new Date(until)))
            : undefined;
        },
      });
      await fixture.testbed.host(effect);
      const events = await fixture.testbed.post(3);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(effect.name, events);
      expect(calls.map((call) => call.events)).toEqual([3, 2]);
      expect(calls[1]!.at).toBeGreaterThanOrEqual(until);
    });

    it('becomes a dead letter when its tries are used up, and the others are done', async () => {
      const calls: string[][] = [];
      let bad = '';
      const effect = anEffect({
        async transact(_tx: Transaction, events: DomainEvent[]) {
          calls.push(events.map(({ id }) => id));
          return events
            .filter(({ id }) => id === bad)
            .map((event) => retry(event, 'no such recipient', { cause: 'HTTP 404' }));
        },
      });
      await fixture.testbed.host(effect);
      const events = await fixture.testbed.post(100);
      bad = events[41]!;
      await fixture.testbed.dispatch();
      await expect
        .poll(() => fixture.testbed.letters(effect.name), soon)
        .toEqual([{ event_id: bad, target: '', cause: 'HTTP 404', reason: 'no such recipient' }]);
      await fixture.testbed.done(
        effect.name,
        events.filter((id) => id !== bad),
      );
      // The group once, the bad one alone until four tries are used up.
      expect(calls.map((ids) => ids.length)).toEqual([100, 1, 1, 1]);
    });

    it('becomes a dead letter at once where the effect says that it is one', async () => {
      let calls = 0;
      const effect = anEffect({
        async perform([event]: DomainEvent[]) {
          calls += 1;
          return [dead(event!, 'gone for good', { cause: 'HTTP 410' })];
        },
      });
      await fixture.testbed.host(effect);
      const [event] = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await expect
        .poll(() => fixture.testbed.letters(effect.name), soon)
        .toEqual([{ event_id: event, target: '', cause: 'HTTP 410', reason: 'gone for good' }]);
      expect(calls).toBe(1);
    });
  });
}
