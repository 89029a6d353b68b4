import { beforeEach, describe, expect, it } from 'vitest';
import { emitted, emittedInOrder, ownEffect } from '../../../chaos/checks/bills.ts';
import type { Check, World } from '../../../chaos/checks/check.ts';
import { deadLetters, receipts } from '../../../chaos/checks/effects.ts';
import { keyOrder } from '../../../chaos/checks/order.ts';
import { posted, postedInOrder } from '../../../chaos/checks/postings.ts';
import { sequences } from '../../../chaos/checks/sequences.ts';
import { onceEach, stored } from '../../../chaos/checks/stored.ts';
import { webhooks } from '../../../chaos/checks/webhooks.ts';
import { makePostings, writePostings } from '../../../chaos/http-service/postings.ts';
import { makeSightings } from '../../../chaos/order/effect.ts';
import { makeTallies } from '../../../chaos/processes/start-and-stop.ts';
import { BILL, Bills } from '../../../chaos/traffic/bills.ts';
import { Client } from '../../../chaos/traffic/client.ts';
import { type Accepted, Journal } from '../../../chaos/traffic/journal.ts';
import { Mailbox } from '../../../chaos/traffic/mailbox.ts';
import { Receiver } from '../../../chaos/traffic/receiver.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';

let own: TestDatabase;
let world: World;

/** Three messages in a channel, seen in order by an effect, and a receipt of each. */
beforeEach(async () => {
  own = await freshDatabase();
  const { pg } = own.database;
  const journal = new Journal();
  const receiver = await Receiver.start(() => 1);
  await makeSightings(pg);
  await subscribe(own.database, { name: 'sightings', types: ['message.created'] });
  const { workspaceId, channelId } = await aChannel(own.database);
  const workspace = { id: workspaceId, key: '', channels: [channelId] };
  const writer = aWriter(own.database);
  for (const word of ['one', 'two', 'three']) {
    const posted = await writer.post(
      aMessage({ workspaceId, channelId }, { text: `${word} of three` }),
    );
    if (posted.state !== 'stored') throw new Error(posted.state);
    const { id, event_id, seq, text, author } = posted.message;
    const state = { mention: null, former: [], edits: 0, isDeleted: false, isUnsure: false };
    journal.messages.push({
      id,
      event_id,
      seq,
      channel_id: channelId,
      workspace,
      author,
      text,
      word,
      ...state,
    });
    await pg`insert into knockon.receipts (event_id, subscriber) values (${event_id}, 'sightings')`;
    await pg`insert into sightings (key, event_id, seq) values (${channelId}, ${event_id}, ${seq})`;
  }
  // The channel was made without an event of its own, where the log of a channel begins.
  await pg`insert into knockon.events (id, type, version, workspace_id, channel_id, sequence_id, seq, timestamp, payload)
    values (knockon.uuidv7(), 'channel.created', 1, ${workspaceId}, ${channelId}, ${channelId}, 0, now(), '{}')`;
  const mailbox = await Mailbox.start(() => 1);
  world = {
    pg,
    mailbox,
    journal,
    bills: new Bills(),
    receiver,
    workspaces: [workspace],
    client: new Client([], journal),
    env: {},
  };
  return async () => {
    receiver.stop();
    mailbox.stop();
    await own.close();
  };
});

const wrongIn = async (check: Check) => (await check.look(world)).wrong;
const tally = (id: string, seq: number) =>
  world.pg`insert into public.tallies (workspace_id, key, event_id, seq)
    values (${world.workspaces[0]!.id}, 'a', ${id}, ${seq})`;
const message = (n: number) => world.journal.messages[n] as Accepted;

describe('what chaos looks for', () => {
  it('is not found where all is well', async () => {
    for (const check of [stored, onceEach, sequences, receipts, deadLetters, keyOrder, webhooks])
      expect(await wrongIn(check)).toEqual([]);
  });

  it('is found where an accepted message is gone', async () => {
    await world.pg`delete from knockon.messages where id = ${message(1).id}`;
    expect(await wrongIn(stored)).toEqual([
      `message ${message(1).id} was answered for and is not there`,
    ]);
    expect(await wrongIn(sequences)).toHaveLength(1);
  });

  it('is found where an edit that was answered is gone', async () => {
    Object.assign(message(0), { former: ['one'], word: 'uno', text: 'uno of three', edits: 1 });
    expect(await wrongIn(stored)).toHaveLength(2);
  });

  it('is found where a message is stored that nobody was answered', async () => {
    world.journal.messages.pop();
    expect(await wrongIn(onceEach)).toHaveLength(1);
  });

  it('is found where an effect has not happened, or was given up', async () => {
    const { event_id } = message(2);
    await world.pg`delete from knockon.receipts where event_id = ${event_id}`;
    expect(await wrongIn(receipts)).toEqual(['sightings has not happened for 1 events']);
    await world.pg`insert into knockon.dead_letters (event_id, subscriber, dispatch_id, cause, reason) values (${event_id}, 'sightings', knockon.uuidv7(), 'HTTP 500', '')`;
    expect(await wrongIn(deadLetters)).toHaveLength(1);
  });

  it('is found where an ordered effect saw an event twice, out of order, or not at all', async () => {
    const again = ({ channel_id, event_id, seq }: Accepted) =>
      world.pg`insert into sightings (key, event_id, seq) values (${channel_id}, ${event_id}, ${seq})`;
    await again(message(2));
    expect(await wrongIn(keyOrder)).toHaveLength(2);
    await world.pg`delete from sightings where event_id = ${message(0).event_id}`;
    expect(await wrongIn(keyOrder)).toHaveLength(3);
    await again(message(0));
    expect(await wrongIn(keyOrder)).toEqual(
      expect.arrayContaining([
        expect.stringContaining(`${message(0).event_id} (seq 1) came after seq 3`),
      ]),
    );
  });

  it('is found where an emitted event is lost, or there though it was rolled back, or seen twice', async () => {
    const { pg, bills } = world;
    const [workspace] = world.workspaces;
    await declareTypes({ pg }, [BILL], { schema: { type: 'object' } });
    await makeTallies(pg);
    const ids: string[] = [];
    for (const nth of [1, 2]) {
      const payload = pg.json({ by: 'h0', nth });
      const [row] = await pg`
        select knockon.emit(${BILL}, ${workspace!.id}::uuid, ${payload}, key => 'a') as id`;
      ids.push(row!['id']);
      await tally(row!['id'], nth);
    }
    const bill = (id: string, nth: number) => ({
      id,
      workspace: workspace!,
      key: 'a',
      by: 'h0',
      nth,
    });
    bills.committed.push(bill(ids[0]!, 1));
    for (const check of [emitted, emittedInOrder, ownEffect])
      expect(await check.look(world)).toMatchObject({ examined: expect.any(Number), wrong: [] });
    bills.undone.push(ids[1]!);
    bills.committed.push(bill(workspace!.id, 3));
    expect(await wrongIn(emitted)).toHaveLength(2);
    await tally(ids[0]!, 1);
    expect(await wrongIn(ownEffect)).toHaveLength(2);
    await pg`update knockon.events set payload = '{"by": "h0", "nth": 9}' where id = ${ids[0]!}`;
    expect(await wrongIn(emittedInOrder)).toHaveLength(1);
  });

  it('is found where an HTTP subscriber lacks an event, has another’s, or got one too early', async () => {
    const { pg } = world;
    await makePostings(pg);
    const [workspace] = world.workspaces;
    const edits = await pg<{ id: string; seq: number }[]>`
      insert into knockon.events (id, type, version, workspace_id, channel_id, sequence_id, key, seq,
        timestamp, payload)
      select knockon.uuidv7(), 'message.updated', 1, workspace_id, channel_id, sequence_id,
        channel_id, seq + n, now(), '{}'
      from knockon.events, unnest(array[101, 102]) as n where type = 'channel.created'
      returning id, seq::int`;
    const [first, second] = edits.map(({ id, seq }) => ({
      id,
      seq,
      key: workspace!.channels[0]!,
      workspace_id: workspace!.id,
    }));
    await writePostings(pg, 'ordered-postings', [second!]);
    expect(await wrongIn(posted)).toEqual(['ordered-postings never got 1 of its events']);
    expect(await wrongIn(postedInOrder)).toEqual([]);
    await writePostings(pg, 'ordered-postings', [first!, second!]);
    expect(await wrongIn(posted)).toEqual([]);
    expect(await wrongIn(postedInOrder)).toHaveLength(1);
    await writePostings(pg, 'postings', [first!]);
    expect(await wrongIn(posted)).toEqual(['postings got 1 events that are not its']);
  });

  it('is found where an endpoint did not take what it wants, or got what nobody has emitted', async () => {
    const hook = world.receiver.open(world.workspaces[0]!.id, ['message.created']);
    for (const { event_id } of world.journal.messages)
      hook.events.set(event_id, {
        id: event_id,
        digest: '',
        type: 'message.created',
        taken: 1,
        cameAt: [0],
      });
    expect(await wrongIn(webhooks)).toEqual([]);
    hook.events.get(message(0).event_id)!.taken = 0;
    hook.events.set('somebody else', {
      id: 'somebody else',
      digest: '',
      type: 'message.created',
      taken: 1,
      cameAt: [0],
    });
    expect(await wrongIn(webhooks)).toHaveLength(2);
  });
});
