import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type HttpSubscriber,
  putHttpSubscriber,
} from '../../../../src/ops/http-subscribers/change.ts';
import { HttpService, results } from '../../../harness/http-service.ts';
import { aChannel } from '../../../harness/messaging.ts';
import { seal } from '../../../harness/webhook-receiver.ts';
import type { TransportFixture } from '../fixture.ts';
import { soon } from '../testbed.ts';

const SECRET = 'whsec_c2VjcmV0IG9mIHRoaXJ0eS10d28gY2hhcmFjdGVycw==';

/** Services that take events over HTTP, as the workers of effects host them. */
export function httpSubscribers(fixture: TransportFixture): void {
  describe('an HTTP subscriber', () => {
    let service: HttpService;
    let subscribers = 0;
    let name: string;
    beforeEach(async () => {
      service = await HttpService.start();
      service.secret = SECRET;
      subscribers += 1;
      name = `service-${subscribers}`;
    });
    afterEach(() => service.stop());

    const subscribe = (rest: Partial<HttpSubscriber> = {}) =>
      putHttpSubscriber(
        fixture.testbed.database,
        {
          name,
          description: '',
          url: service.url,
          event_types: ['*'],
          ordering: 'none',
          batch: 2,
          timeout_ms: 2000,
          call_timeout_ms: 14_000,
          attempts: 5,
          task_queue: `effects.${name}`,
          by: 'tests',
          ...rest,
        },
        seal.close(SECRET),
      );

    it('is taken up, changed and let go while all runs, and nobody is restarted', async () => {
      await fixture.testbed.host(fixture.recordingEffect());
      await subscribe();
      const events = await fixture.testbed.post(3);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(name, events);
      expect(service.calls.map((call) => call.events.length).sort()).toEqual([1, 2]);

      await subscribe({ ordering: 'key' });
      const { pg } = fixture.testbed.database;
      await expect
        .poll(async () => {
          service.calls.length = 0;
          await fixture.testbed.post(2);
          await fixture.testbed.dispatch();
          await expect.poll(() => service.ids.length, soon).toBe(2);
          return service.calls.length;
        }, soon)
        .toBe(2);

      const backlog = () => fixture.testbed.chosen.queues.describe(`effects.${name}`);
      await pg`update knockon.subscribers set retired_at = now() where name = ${name}`;
      const workers = async () =>
        (
          await pg`select effects -> ${name} as here from knockon.workers where kind = 'effects'`
        ).map(({ here }) => here);
      await expect.poll(workers, soon).toEqual([null]);
      expect(await backlog()).toMatchObject({ calls: 0 });
    });

    it('that was retired is called until what it has open is done, also where that was cancelled', async () => {
      await fixture.testbed.host(fixture.recordingEffect());
      await subscribe();
      const [event] = await fixture.testbed.post(1);
      // The host looks for what it need not call any more every two seconds.
      service.serve = results(() => [{ event_id: event, state: 'later', after_ms: 6000 }]);
      await fixture.testbed.dispatch();
      await expect.poll(() => service.ids.length, soon).toBe(1);
      const { pg } = fixture.testbed.database;
      await pg`with cancelled as (
          insert into knockon.operations (verb, input, by, state)
          values ('retire', '{}', 'tests', 'cancelled') returning id
        )
        update knockon.subscribers set retired_at = now(), retire_operation = cancelled.id
        from cancelled where name = ${name}`;
      service.serve = results(() => []);
      await fixture.testbed.done(name, [event!]);
    });

    it('names what is not done: that alone is tried again, or given up', async () => {
      await fixture.testbed.host(fixture.recordingEffect());
      await subscribe({ batch: 100 });
      const [again, dead, ...fine] = await fixture.testbed.post(5);
      service.serve = results(({ events }) =>
        events.flatMap(({ id }) => {
          if (id === dead) return { event_id: id, state: 'dead', reason: 'unknown' };
          const isFirst = service.ids.filter((one) => one === again).length === 1;
          return id === again && isFirst ? { event_id: id, state: 'retry', after_ms: 100 } : [];
        }),
      );
      await fixture.testbed.dispatch();
      await fixture.testbed.done(name, [again!, ...fine].sort());
      await expect.poll(() => fixture.testbed.letters(name), soon).toHaveLength(1);
      const [letter] = await fixture.testbed.letters(name);
      expect(letter).toMatchObject({ event_id: dead, cause: 'answered dead' });
      expect(letter!.reason).toContain('answered dead: unknown');
    });

    it('in order asks for time, and has it, whichever event of the key was called first', async () => {
      await subscribe({ ordering: 'key' });
      const where = await aChannel(fixture.testbed.database);
      const events: string[] = [];
      for (let i = 0; i < 4; i += 1) {
        events.push(...(await fixture.testbed.post(1, where)));
        await fixture.testbed.dispatch();
      }
      const [busy, hopeless] = [events[1], events[2]];
      const times: number[] = [];
      service.serve = results(({ events: [event] }) => {
        if (event?.id === hopeless) return [{ event_id: hopeless, state: 'dead' }];
        if (event?.id !== busy || times.push(Date.now()) > 1) return [];
        return [{ event_id: busy, state: 'later', after_ms: 4000 }];
      });
      await fixture.testbed.host(fixture.recordingEffect());
      await expect.poll(() => fixture.testbed.letters(name), soon).toHaveLength(1);
      expect(service.ids).toEqual([events[0], busy, busy, hopeless]);
      expect(service.calls.map(({ attempt }) => attempt)).toEqual([1, 1, 2, 1]);
      expect(times[1]! - times[0]!).toBeGreaterThan(3900);
    });

    it('that is debounced is posted the last event of a key alone', async () => {
      await fixture.testbed.host(fixture.recordingEffect());
      await subscribe({ batch: 100, debounce: { wait_ms: 1000, most_ms: 10_000 } });
      const events = await fixture.testbed.post(5);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(name, events);
      expect(service.ids).toEqual(events.slice(-1));
    });

    it('that does not answer holds up nobody beside it', async () => {
      const healthy = fixture.recordingEffect();
      await fixture.testbed.host(healthy);
      service.serve = () => {};
      await subscribe({ batch: 1, ordering: 'key', timeout_ms: 30_000 });
      for (let i = 0; i < 3; i += 1) {
        const events = await fixture.testbed.post(40);
        await fixture.testbed.dispatch();
        await expect.poll(() => service.calls.length, soon).toBeGreaterThan(0);
        const done = async () =>
          (await fixture.testbed.receipts(healthy.name)).filter((id) => events.includes(id));
        await expect.poll(done, soon).toEqual(events);
      }
    });
  });
}
