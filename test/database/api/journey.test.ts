import { sql } from 'drizzle-orm';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  attempts,
  deadLetters,
  dispatches,
  outbox,
  receipts,
  subscribers,
} from '../../../src/db/schema/outbox.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { request, useApi } from './test-api.ts';

const api = useApi();
const retry = { attempts: 20, initial_ms: 1000, max_ms: 600_000, backoff: 2 };
const subscriber = (name: string, event_types: string[]) => ({
  name,
  event_types,
  task_queue: `effects.${name}`,
  activity: name,
  batch: 500,
  timeout_ms: 30_000,
  retry,
});

beforeEach(async () => {
  const { db } = api.database;
  for (const table of [subscribers, receipts, attempts, deadLetters, dispatches])
    await db.delete(table);
  await db
    .insert(subscribers)
    .values([
      subscriber('audit', ['*']),
      subscriber('search', ['message.created']),
      subscriber('other', ['channel.created']),
    ]);
});

async function posted(): Promise<{ id: string; event_id: string }> {
  return (await api.post(await api.channel())).body;
}

/** Dispatches an event as the dispatcher does. */
async function dispatch(
  event_id: string,
  names = ['audit', 'search'],
  started = true,
): Promise<string> {
  const { db } = api.database;
  const id = crypto.randomUUID();
  const start = started ? { started_at: new Date(), run_id: 'the-run' } : {};
  await db
    .insert(dispatches)
    .values({ id, type: 'message.created', size: 1, subscribers: names, ...start });
  await db.update(outbox).set({ dispatch_id: id }).where(sql`${outbox.event_id} = ${event_id}`);
  return id;
}

const journey = async (id: string) => (await api.call('GET', `/v1/messages/${id}/effects`)).body;
const states = async (id: string) => {
  const { events } = await journey(id);
  return Object.fromEntries(
    events[0].effects.map(({ subscriber, state }: { subscriber: string; state: string }) => [
      subscriber,
      state,
    ]),
  );
};

describe("a message's journey", () => {
  test('before its dispatch has the effects of whoever is registered, all pending, and no workflow', async () => {
    const message = await posted();
    const open = {
      tried_at: null,
      waiting_until: null,
      completed_at: null,
      discarded: false,
      merged_into: null,
    };
    const pending = { state: 'pending', attempts: 0, last_error: null, ...open };
    expect(await journey(message.id)).toEqual({
      message_id: message.id,
      events: [
        {
          id: message.event_id,
          type: 'message.created',
          key: expect.any(String),
          timestamp: expect.any(String),
          dispatched_at: null,
          workflow: null,
          effects: ['audit', 'search'].map((name) => ({ subscriber: name, ...pending })),
        },
      ],
    });
  });

  test('is that of an event too, of any type and in its own workspace alone', async () => {
    const { database, workspaceId } = api;
    await declareTypes(database, ['other.done']);
    const [row] = await database.pg`
      select knockon.emit('other.done', ${workspaceId}::uuid, '{}', key => 'a') as id`;
    const path = `/v1/events/${row!['id']}/effects`;
    const { status, body } = await api.call('GET', path);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: row!['id'], type: 'other.done', key: 'a' });
    expect(body.effects).toMatchObject([{ subscriber: 'audit', state: 'pending' }]);
    const message = await posted();
    const { events } = await journey(message.id);
    const own = await api.call('GET', `/v1/events/${message.event_id}/effects`);
    expect(own.body).toEqual(events[0]);
    const stranger = await api.workspace();
    const theirs = await api.call('GET', path, { key: stranger.api_key });
    expect(theirs.status).toBe(404);
  });

  test('links to the workflow that sees to it, and to none where no UI is known', async () => {
    const message = await posted();
    const id = await dispatch(message.event_id);
    const { events } = await journey(message.id);
    const url = `http://localhost:8233/namespaces/default/workflows/${id}/the-run/history`;
    expect(events[0].workflow).toEqual({ id, run_id: 'the-run', url });
    const app = api.another({ temporalUi: { url: undefined, namespace: 'default' } });
    const { body } = await request(app, 'GET', `/v1/messages/${message.id}/effects`, {
      key: api.key,
    });
    expect(body.events[0].workflow).toEqual({ id, run_id: 'the-run', url: null });
  });

  test('says when it was dispatched, also where there is no workflow because another transport sees to it', async () => {
    const [claimed, started] = [await posted(), await posted()];
    await dispatch(claimed.event_id, undefined, false);
    await dispatch(started.event_id);
    const app = api.another({ temporalUi: null });
    const read = async ({ id }: { id: string }) =>
      (await request(app, 'GET', `/v1/messages/${id}/effects`, { key: api.key })).body.events[0];
    expect(await read(claimed)).toMatchObject({ dispatched_at: null, workflow: null });
    expect(await read(started)).toMatchObject({
      dispatched_at: expect.any(String),
      workflow: null,
    });
  });

  test('is pending while a dispatch is claimed and running once it is started', async () => {
    const [claimed, started] = [await posted(), await posted()];
    await dispatch(claimed.event_id, undefined, false);
    await dispatch(started.event_id);
    expect(await states(claimed.id)).toEqual({ audit: 'pending', search: 'pending' });
    expect(await states(started.id)).toEqual({ audit: 'running', search: 'running' });
  });

  test('shows what it was dispatched to, not who registered later', async () => {
    const message = await posted();
    await dispatch(message.event_id, ['audit']);
    expect(await states(message.id)).toEqual({ audit: 'running' });
    await api.database.db
      .insert(receipts)
      .values({ event_id: message.event_id, subscriber: 'search' });
    expect(await states(message.id)).toEqual({ audit: 'running', search: 'done' });
  });

  test('counts the try that succeeded, and forgets the errors before it', async () => {
    const message = await posted();
    await dispatch(message.event_id);
    const own = { event_id: message.event_id };
    await api.database.db
      .insert(attempts)
      .values({ ...own, subscriber: 'search', attempts: 2, last_error: 'was away' });
    expect((await journey(message.id)).events[0].effects[1]).toEqual({
      subscriber: 'search',
      state: 'running',
      attempts: 2,
      last_error: 'was away',
      tried_at: expect.any(String),
      waiting_until: null,
      completed_at: null,
      discarded: false,
      merged_into: null,
    });
    for (const name of ['audit', 'search'])
      await api.database.db.insert(receipts).values({ ...own, subscriber: name });
    const { effects } = (await journey(message.id)).events[0];
    expect(effects).toMatchObject([
      { subscriber: 'audit', state: 'done', attempts: 1, completed_at: expect.any(String) },
      {
        subscriber: 'search',
        state: 'done',
        attempts: 3,
        last_error: null,
        completed_at: expect.any(String),
      },
    ]);
  });

  test('waits while a timer runs, and runs again when it has gone off', async () => {
    const message = await posted();
    await dispatch(message.event_id);
    const row = { event_id: message.event_id, attempts: 0 };
    const minute = 60_000;
    await api.database.db.insert(attempts).values([
      { ...row, subscriber: 'audit', waiting_until: new Date(Date.now() - minute) },
      { ...row, subscriber: 'search', target: 'ada', waiting_until: new Date(Date.now() + minute) },
      { ...row, subscriber: 'search', target: 'grace', waiting_until: null },
    ]);
    expect(await states(message.id)).toEqual({ audit: 'running', search: 'waiting' });
    const [audit, search] = (await journey(message.id)).events[0].effects;
    expect([audit.waiting_until, audit.tried_at]).toEqual([null, null]);
    expect(Date.parse(search.waiting_until)).toBeGreaterThan(Date.now());
  });

  test('has failed where there is a dead letter, with its reason', async () => {
    const message = await posted();
    const dispatch_id = await dispatch(message.event_id);
    const own = { event_id: message.event_id, subscriber: 'search' };
    await api.database.db.insert(attempts).values({ ...own, attempts: 20, last_error: 'again' });
    await api.database.db
      .insert(deadLetters)
      .values({ ...own, dispatch_id, cause: 'refused', reason: 'the index refused it' });
    expect((await journey(message.id)).events[0].effects[1]).toEqual({
      subscriber: 'search',
      state: 'failed',
      attempts: 20,
      last_error: 'the index refused it',
      tried_at: expect.any(String),
      waiting_until: null,
      completed_at: null,
      discarded: false,
      merged_into: null,
    });
  });

  test('goes through every event of the message, and stays readable when it is deleted', async () => {
    const message = await posted();
    await api.call('PATCH', `/v1/messages/${message.id}`, { body: { text: 'edited' } });
    await api.call('DELETE', `/v1/messages/${message.id}`);
    const { events } = await journey(message.id);
    expect(events.map(({ type }: { type: string }) => type)).toEqual([
      'message.created',
      'message.updated',
      'message.deleted',
    ]);
  });
});

describe('subscribers', () => {
  const list = async (app = api.app) =>
    (await request(app, 'GET', '/v1/subscribers', { key: api.key })).body.data;

  test('say what they listen to and on which queue', async () => {
    const [audit] = await list();
    expect(audit).toEqual({
      name: 'audit',
      description: '',
      event_types: ['*'],
      task_queue: 'effects.audit',
      activity: 'audit',
      ordering: 'none',
      host: 'effects',
      registered_at: expect.any(String),
      state: 'active',
      backlog: expect.any(Number),
      backlog_age_seconds: expect.any(Number),
      lag_seconds: 0,
    });
  });

  test('have a backlog of the events that they have neither done nor given up, of the workspace that asks', async () => {
    const backlogs = async (key = api.key) =>
      Object.fromEntries(
        (await request(api.app, 'GET', '/v1/subscribers', { key })).body.data.map(
          (s: { name: string; backlog: number }) => [s.name, s.backlog],
        ),
      );
    const before = await backlogs();
    const message = await posted();
    await dispatch(message.event_id);
    expect(await backlogs()).toEqual({
      audit: before.audit + 2,
      other: before.other + 1,
      search: before.search + 1,
    });
    expect(await backlogs((await api.workspace()).api_key)).toMatchObject({ search: 0 });
    await api.database.db
      .insert(receipts)
      .values({ event_id: message.event_id, subscriber: 'audit' });
    expect(await backlogs()).toEqual({
      audit: before.audit + 1,
      other: before.other + 1,
      search: before.search + 1,
    });
  });

  test('lag by their oldest dispatched event that is neither done nor given up', async () => {
    const message = await posted();
    await dispatch(message.event_id);
    const lags = async () =>
      Object.fromEntries(
        (await list()).map(({ name, lag_seconds }: { name: string; lag_seconds: number }) => [
          name,
          lag_seconds > 0,
        ]),
      );
    expect(await lags()).toMatchObject({ audit: true, search: true, other: false });
    const open = await api.database.db
      .select({ id: outbox.event_id })
      .from(outbox)
      .where(sql`dispatch_id is not null`);
    for (const { id } of open)
      await api.database.db.insert(receipts).values({ event_id: id, subscriber: 'audit' });
    expect(await lags()).toMatchObject({ audit: false, search: true });
  });
});
