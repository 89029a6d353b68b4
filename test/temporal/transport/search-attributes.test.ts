import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dead } from '../../../src/activities/runtime/outcomes.ts';
import type { DomainEvent } from '../../../src/events/index.ts';
import { anEffect, TransportFixture } from './fixture.ts';
import { soon, TransportTestbed } from './testbed.ts';

const KEYWORD_LIST = 7;
const fixture = new TransportFixture();
let client: Client;
beforeAll(async () => {
  await fixture.use(await TransportTestbed.open('temporal'));
  const { address, namespace } = fixture.testbed.temporal;
  client = new Client({ connection: await Connection.connect({ address }), namespace });
  // A namespace in a SQL database has three lists of keywords. Somebody else has them all.
  const theirs = Object.fromEntries(
    ['Theirs', 'TheirsToo', 'TheirsAsWell'].map((name) => [name, KEYWORD_LIST]),
  );
  await client.connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: theirs,
  });
}, 60_000);
afterAll(async () => {
  await client?.connection.close();
  await fixture.close();
});

const statusOf = async (id: string) => (await client.workflow.getHandle(id).describe()).status.name;

it('dispatches without search attributes where the namespace refuses them, and the doctor names them', async () => {
  const effect = fixture.recordingEffect();
  await fixture.testbed.host(effect);
  const events = await fixture.testbed.post(3);
  const dispatches = await fixture.testbed.dispatch();
  await fixture.testbed.done(effect.name, events);
  for (const { id } of dispatches) await expect.poll(() => statusOf(id), soon).toBe('COMPLETED');
  const server = await fixture.testbed.chosen.queues.server();
  expect(server).toEqual({
    away: null,
    namespace: null,
    searchAttributes: expect.stringMatching(
      /^not registered: EventType \(Keyword\), WorkspaceId \(KeywordList\)/,
    ),
  });
});

it('ends a workflow with a dead letter as Failed there too, and a restart of it as well', async () => {
  await fixture.testbed.clear();
  const deadly = anEffect({
    on: ['message.created'],
    perform: async (events: DomainEvent[]) => events.map((event) => dead(event, 'gone for good')),
  });
  await fixture.testbed.host(deadly);
  const [event] = await fixture.testbed.post(1);
  const [dispatch] = await fixture.testbed.dispatch();
  await expect
    .poll(() => fixture.testbed.letters(deadly.name), soon)
    .toMatchObject([{ event_id: event }]);
  await expect.poll(() => statusOf(dispatch!.id), soon).toBe('FAILED');
  await fixture.testbed.chosen.recovery.restart(dispatch!, { [deadly.name]: [event!] }, 1);
  await expect.poll(() => statusOf(`${dispatch!.id}.1`), soon).toBe('FAILED');
});
