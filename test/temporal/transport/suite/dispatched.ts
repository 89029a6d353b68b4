import { describe, expect, it } from 'vitest';
import { audit } from '../../../../src/activities/audit/index.ts';
import { verifyAudit } from '../../../../src/activities/audit/verify.ts';
import type { Transaction } from '../../../../src/db/client.ts';
import { createHeavy } from '../../../../src/db/heavy/heavy.ts';
import type { DomainEvent } from '../../../../src/events/index.ts';
import { editMessage } from '../../../../src/messages/edit.ts';
import { aChannel } from '../../../harness/messaging.ts';
import { anEffect, type TransportFixture } from '../fixture.ts';
import { soon, type TransportTestbed } from '../testbed.ts';

/** Each subscriber gets each event, once in the database, in its order. */
export function dispatched(fixture: TransportFixture): void {
  describe('events that are dispatched', () => {
    it('reach every subscriber, in calls of at most its batch', async () => {
      const sizes: number[] = [];
      const inSlices = anEffect({
        batch: 10,
        async transact(_tx: Transaction, events: DomainEvent[]) {
          sizes.push(events.length);
        },
      });
      const [one, another] = [fixture.recordingEffect(), fixture.recordingEffect()];
      await fixture.testbed.host(one, another, inSlices);
      const events = await fixture.testbed.post(25);
      await fixture.testbed.dispatch();
      for (const effect of [one, another, inSlices])
        await fixture.testbed.done(effect.name, events);
      expect(await fixture.happened(one)).toEqual(events);
      expect(await fixture.happened(another)).toEqual(events);
      expect(sizes.sort()).toEqual([10, 10, 5].sort());
    });

    it('happen once in the database, however often their dispatch is started', async () => {
      const effect = fixture.recordingEffect({ batch: 2 });
      await fixture.testbed.host(effect);
      const events = await fixture.testbed.post(5);
      const [dispatch] = await fixture.testbed.dispatch();
      const again = () =>
        fixture.testbed.chosen.transport.start(dispatch!, { workspace_ids: [], channel_ids: [] });
      await Promise.all([again(), again()]);
      await fixture.testbed.done(effect.name, events);
      await again();
      const marker = await fixture.testbed.post(1);
      await fixture.testbed.dispatch();
      await fixture.testbed.done(effect.name, [...events, ...marker].sort());
      expect(await fixture.happened(effect)).toEqual([...events, ...marker].sort());
    });

    it.each(['key', 'exclusive'] as const)(
      'are seen in the order of their channel by an effect that is ordered: %s',
      async (ordering) => {
        const effect = fixture.recordingEffect({ ordering, batch: 5 });
        const channels = [
          await aChannel(fixture.testbed.database),
          await aChannel(fixture.testbed.database),
        ];
        await Promise.all([fixture.testbed.host(effect), fixture.testbed.host(effect)]);
        const events = await manyInOverlappingDispatches(fixture.testbed, channels);
        await fixture.testbed.done(effect.name, events);
        for (const { channelId } of channels) {
          const rows = await fixture.testbed.database.pg`
          select h.seq from happened h join knockon.events e on e.id = h.event_id
          where h.effect = ${effect.name} and e.channel_id = ${channelId} order by h.id`;
          expect(rows.map((row) => row.seq)).toEqual(
            Array.from({ length: events.length / 2 }, (_, i) => i + 1),
          );
        }
      },
    );

    it('are recorded once and in one chain by an exclusive effect, whoever of several workers has them', async () => {
      const key = Buffer.alloc(32, 1);
      const where = await aChannel(fixture.testbed.database);
      await Promise.all([
        fixture.testbed.host(audit({ key })),
        fixture.testbed.host(audit({ key })),
      ]);
      const events = await manyInOverlappingDispatches(fixture.testbed, [where]);
      const verdict = () =>
        verifyAudit({ heavy: createHeavy(fixture.testbed.database), key })(where.workspaceId);
      await expect.poll(verdict, soon).toMatchObject({ valid: true, entries: events.length });
    });
  });
}

/**
 * Messages and edits of them in each channel, seven events a dispatch, while those before are under
 * way. @returns the events' ids, in order
 */
async function manyInOverlappingDispatches(
  testbed: TransportTestbed,
  channels: { workspaceId: string; channelId: string }[],
): Promise<string[]> {
  for (let round = 0; round < 4; round += 1) {
    for (const where of channels) {
      await testbed.post(8, where);
      await editOne(testbed, where);
    }
    while ((await testbed.dispatch(7)).length > 0);
  }
  const ids = channels.map(({ channelId }) => channelId);
  return (
    await testbed.database
      .pg`select id from knockon.events where channel_id = any(${ids}::uuid[]) order by id`
  ).map((row) => String(row.id));
}

/** Edits the channel's first message. */
async function editOne(
  testbed: TransportTestbed,
  { workspaceId, channelId }: { workspaceId: string; channelId: string },
): Promise<void> {
  const { db, pg: query } = testbed.database;
  const [message] =
    await query`select id from knockon.messages where channel_id = ${channelId} order by seq limit 1`;
  await db.transaction((tx) =>
    editMessage(tx, { workspaceId, id: String(message!.id) }, { text: 'edited' }),
  );
}
