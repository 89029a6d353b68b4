import { beforeAll, describe, expect, it } from 'vitest';
import { emitDue } from '../../../../src/ops/schedules/emit-due.ts';
import { putSchedule } from '../../../../src/ops/schedules/put.ts';
import { DueEvents } from '../../../../src/outbox/due-events.ts';
import { declareTypes } from '../../../harness/event-types.ts';
import { aChannel } from '../../../harness/messaging.ts';
import type { TransportFixture } from '../fixture.ts';

/** Events that come at a moment: for later, by a schedule, or after others of their key. */
export function later(fixture: TransportFixture): void {
  let workspaceId: string;
  beforeAll(async () => {
    const { database } = fixture.testbed;
    workspaceId = (await aChannel(database)).workspaceId;
    await declareTypes(database, ['cart.changed'], { schema: { type: 'object' } });
  });

  /** @returns its id */
  const emit = async (key: string, hours = 0): Promise<string> => {
    const { pg } = fixture.testbed.database;
    const [row] = await pg<{ id: string }[]>`
      select knockon.emit('cart.changed', ${workspaceId}, '{}', key => ${key},
        deliver_at => now() + ${hours} * interval '1 hour') as id`;
    return row!.id;
  };
  const inOrder = async (name: string) => {
    const rows = await fixture.testbed.database.pg<{ event_id: string; seq: number }[]>`
      select event_id, seq from happened where effect = ${name} order by id`;
    return rows.map(({ event_id, seq }) => [event_id, seq]);
  };
  const promote = () => new DueEvents(fixture.testbed.database.pg, 500).promote(1000);

  describe('an event that is for later', () => {
    it('happens when it is due, in the order of its key, unless it was cancelled', async () => {
      const { pg } = fixture.testbed.database;
      const effect = fixture.recordingEffect({ ordering: 'key' });
      await fixture.testbed.host(effect);
      const second = await emit('later', 3);
      const first = await emit('later', 2);
      const cancelled = await emit('later', 2);
      expect([await promote(), await fixture.testbed.dispatch()]).toEqual([0, []]);
      const [row] = await pg`select knockon.cancel(${cancelled}) as is_so`;
      expect(row).toEqual({ is_so: true });
      await pg`update knockon.scheduled set deliver_at = deliver_at - interval '3 hours'`;
      expect(await promote()).toBe(2);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(effect.name, [first, second].sort());
      expect(await inOrder(effect.name)).toEqual([
        [first, 0],
        [second, 1],
      ]);
    });
  });

  describe('a run of a schedule', () => {
    it('happens once, whoever emits it', async () => {
      const { database } = fixture.testbed;
      const effect = fixture.recordingEffect();
      await fixture.testbed.host(effect);
      const emits = { event_type: 'cart.changed', payload: {}, key: null };
      const timetable = { cron: '0 9 * * *', zone: 'UTC', catch_up_seconds: 86_400 };
      const name = 'daily';
      await putSchedule(
        database,
        { name, ...emits, ...timetable, overlap: 'allow', workspace_id: workspaceId },
        { by: 'ada', replace: false },
      );
      await database.pg`update knockon.schedules set next_at = next_at - interval '1 day'`;
      const log = { warn: () => {} };
      await Promise.all(Array.from({ length: 3 }, () => emitDue(database, log)));
      await fixture.testbed.dispatch();
      const runs = await database.pg<{ event_id: string }[]>`
        select event_id from knockon.schedule_runs where schedule = ${name}`;
      expect(runs).toHaveLength(1);
      const events = runs.map(({ event_id }) => event_id);
      await fixture.testbed.done(effect.name, events);
      expect(await fixture.happened(effect)).toEqual(events);
    });
  });

  describe('a debounced effect', () => {
    it('is called once for what came while it was down, though not all of it is quiet yet', async () => {
      const { pg } = fixture.testbed.database;
      const debounce = { by: 'key', wait: '3s', most: '8s' } as const;
      const effect = fixture.recordingEffect({ debounce });
      await (await fixture.testbed.host(effect))();
      const events: string[] = [];
      for (const secondsAgo of [5, 4, 3, 2, 1]) {
        const id = await emit('cart-3');
        await pg`update knockon.events set timestamp = now() - ${secondsAgo} * interval '1 second'
          where id = ${id}`;
        await fixture.testbed.dispatch();
        events.push(id);
      }
      await pg`update knockon.dispatches set unchecked = null`;
      await fixture.testbed.host(effect);
      await fixture.testbed.done(effect.name, events.toSorted());
      expect(await fixture.happened(effect)).toEqual(events.slice(-1));
    });

    it('is called for the last event of a key, which stands for those before it', async () => {
      const { pg } = fixture.testbed.database;
      const debounce = { by: 'key', wait: '3s', most: '30s' } as const;
      const effect = fixture.recordingEffect({ debounce, batch: 1 });
      await fixture.testbed.host(effect);
      const events: string[] = [];
      for (const key of ['cart-1', 'cart-2', 'cart-1', 'cart-1']) events.push(await emit(key));
      for (let n = 0; n < 2; n++) await fixture.testbed.dispatch(2);
      await fixture.testbed.done(effect.name, events.toSorted());
      const [first, alone, second, last] = events;
      expect(await fixture.happened(effect)).toEqual([alone, last].sort());
      const merges = await pg<{ event_id: string; merged_into: string }[]>`
        select event_id, merged_into from knockon.merges where subscriber = ${effect.name}`;
      expect(new Map(merges.map((row) => [row.event_id, row.merged_into]))).toEqual(
        new Map([first, second].map((id) => [id, last])),
      );
    });
  });
}
