import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../../src/events/index.ts';
import { registerEventTypes } from '../../src/events/register.ts';
import { emit } from '../../src/outbox/emit.ts';
import { all, Customer, settled, soon } from '../harness/customer.ts';
import { effectsOf } from '../harness/effect-names.ts';
import { MailServer } from '../harness/notifications-mail-server.ts';
import { useDeployment } from '../harness/processes.ts';
import { Receiver } from '../harness/webhook-receiver.ts';

defineEvent('invoice.paid', { payload: z.object({ amount: z.number() }) });

let mails: MailServer;
let receiver: Receiver;
let acme: Customer;

beforeAll(async () => {
  [mails, receiver] = await Promise.all([MailServer.start(), Receiver.start()]);
  return async () => void (await Promise.all([mails.stop(), receiver.stop()]));
});
const knockon = useDeployment(() => ({ SMTP_URL: mails.url, KNOCKON_EMAIL_GRACE: '3s' }));
beforeAll(async () => {
  const [api] = await Promise.all(
    ['api', 'worker workflows', 'worker effects'].map((command) => knockon.current.start(command)),
  );
  acme = await Customer.at(api!.url);
  const { body } = await acme.call('POST', '/v1/endpoints', {
    url: receiver.url(),
    event_types: ['*'],
  });
  receiver.secret = body.secret;
  for (const handle of ['grace', 'linus', 'margaret'])
    expect(
      (await acme.call('PUT', `/v1/members/${handle}`, { email: `${handle}@example.com` })).status,
    ).toBe(200);
});

const notificationsOf = async (recipient: string) =>
  (await acme.get(`/v1/notifications?recipient=${recipient}`)).data;
const mailsTo = (name: string) =>
  mails.mails.filter(({ to }) => to.includes(`${name}@example.com`));
const found = async (q: string) =>
  (await acme.get(`/v1/search?q=${q}`)).data.map(
    (hit: { message: { id: string } }) => hit.message.id,
  );
const summary = () => acme.get(`/v1/channels/${acme.channelId}/summary`);
const counted = async () =>
  (await acme.get('/v1/analytics/messages?bucket=hour')).data.reduce(
    (n: number, bucket: { messages: number }) => n + bucket.messages,
    0,
  );

describe('a message that is posted', () => {
  it('causes the effects that we ship, each seen from outside', async () => {
    const { id, event_id } = await acme.post({
      author: 'ada',
      text: 'The zeppelin has landed, @grace',
    });

    await expect
      .poll(() => receiver.requests.map(({ event }) => event.id), soon)
      .toContain(event_id);
    const hook = receiver.requests.find(({ event }) => event.id === event_id);
    expect(hook?.headers['webhook-id']).toBe(event_id);
    expect(hook?.event).toMatchObject({
      type: 'message.created',
      version: 1,
      workspace_id: acme.workspaceId,
      channel_id: acme.channelId,
      message_id: id,
      payload: { author: 'ada', text: 'The zeppelin has landed, @grace' },
    });
    await expect
      .poll(() => notificationsOf('grace'), soon)
      .toMatchObject([{ message_id: id, kind: 'mention', read_at: null }]);
    await expect.poll(() => found('zeppelins'), soon).toEqual([id]);
    await expect.poll(counted, soon).toBe(1);
    await expect
      .poll(summary, soon)
      .toMatchObject({ messages: 1, authors: 1, last_message: { id } });
    // The workspace's log: the channel, and the message.
    await expect
      .poll(() => acme.get('/v1/audit/verify'), soon)
      .toMatchObject({ valid: true, entries: 2 });
    await expect.poll(() => mailsTo('grace').length, soon).toBe(1);
    expect(mailsTo('grace')[0]?.raw).toContain('The zeppelin has landed');
  });

  it('shows its journey: every effect done, and the workflow with a link to it', async () => {
    const { id, event_id } = await acme.post({ text: 'nobody is named here' });
    await expect.poll(() => acme.states(id), soon).toEqual(all('done'));
    const { events } = await acme.get(`/v1/messages/${id}/effects`);
    expect(events).toHaveLength(1);
    const { workflow, effects } = events[0];
    expect(events[0].id).toBe(event_id);
    const { namespace } = knockon.current.temporal;
    expect(workflow.url).toBe(
      `http://localhost:8233/namespaces/${namespace}/workflows/${workflow.id}/${workflow.run_id}/history`,
    );
    expect(
      effects.map((effect: { subscriber: string; attempts: number }) => [
        effect.subscriber,
        effect.attempts,
      ]),
    ).toEqual(effectsOf('message.created').map((name) => [name, 1]));
  });

  it('is not mailed to whoever reads it before the grace period is over', async () => {
    const { id } = await acme.post({ text: 'linus: read this' });
    await expect.poll(() => acme.states(id), soon).toMatchObject({ notifications: 'waiting' });
    const [notification] = await notificationsOf('linus');
    expect((await acme.call('POST', `/v1/notifications/${notification.id}/read`)).status).toBe(200);
    // The timer fires all the same: done means that it has, and that nothing was sent.
    await expect.poll(() => acme.states(id), soon).toEqual(all('done'));
    expect(mailsTo('linus')).toEqual([]);
    expect(await notificationsOf('linus')).toMatchObject([{ emailed_at: null }]);
  });

  it('is not mailed when it is deleted before the grace period is over', async () => {
    const { id } = await acme.post({ text: '@margaret never mind' });
    await expect.poll(() => acme.states(id), soon).toMatchObject({ notifications: 'waiting' });
    expect(await notificationsOf('margaret')).toHaveLength(1);
    expect((await acme.call('DELETE', `/v1/messages/${id}`)).status).toBe(204);
    await expect.poll(() => acme.states(id), soon).toEqual(all('done'));
    await expect
      .poll(() => acme.states(id, 'message.deleted'), soon)
      .toEqual(all('done', 'message.deleted'));
    expect(mailsTo('margaret')).toEqual([]);
    expect(await notificationsOf('margaret')).toEqual([]);
  });
});

describe('a message that is edited, then deleted', () => {
  it('is followed everywhere', async () => {
    const [before, sum] = [await summary(), await counted()];
    const { id } = await acme.post({ author: 'barbara', text: 'An aardvark' });
    await settled(knockon.current);
    expect(await summary()).toMatchObject({
      messages: before.messages + 1,
      authors: before.authors + 1,
      last_message: { text: 'An aardvark' },
    });

    await acme.call('PATCH', `/v1/messages/${id}`, { text: 'A pangolin, @edsger' });
    await settled(knockon.current);
    expect([await found('aardvark'), await found('pangolin')]).toEqual([[], [id]]);
    expect((await summary()).last_message).toMatchObject({ id, text: 'A pangolin, @edsger' });
    expect(await notificationsOf('edsger')).toMatchObject([{ message_id: id }]);
    expect(await counted()).toBe(sum + 1);

    await acme.call('DELETE', `/v1/messages/${id}`);
    await settled(knockon.current);
    expect(await found('pangolin')).toEqual([]);
    expect(await summary()).toMatchObject({
      messages: before.messages,
      authors: before.authors,
      last_message: before.last_message,
    });
    expect(await notificationsOf('edsger')).toEqual([]);
    expect(await counted()).toBe(sum);
    const own = receiver.requests.filter(({ event }) => event.message_id === id);
    expect(own.map(({ event }) => event.type)).toEqual([
      'message.created',
      'message.updated',
      'message.deleted',
    ]);
    expect(await acme.get('/v1/audit/verify')).toMatchObject({ valid: true, broken_at: null });
  });
});

describe("an event of a user's own type, emitted in a transaction of their own", () => {
  // As a process does when it starts.
  beforeAll(async () => {
    await registerEventTypes(knockon.current.database.pg);
  });

  it('reaches webhooks and the audit chain through a workflow that its worker has never heard of', async () => {
    await settled(knockon.current);
    const { entries } = await acme.get('/v1/audit/verify');
    const { db, pg } = knockon.current.database;
    const event = await db.transaction((tx) =>
      emit(tx, { type: 'invoice.paid', workspaceId: acme.workspaceId, payload: { amount: 42 } }),
    );
    await settled(knockon.current);
    expect(receiver.requests.map((request) => request.event)).toContainEqual(
      expect.objectContaining({ id: event.id, payload: { amount: 42 } }),
    );
    expect(await acme.get('/v1/audit/verify')).toMatchObject({ valid: true, entries: entries + 1 });
    const done =
      await pg`select subscriber from knockon.receipts where event_id = ${event.id} order by subscriber`;
    expect(done.map((row) => row.subscriber)).toEqual(['audit', 'webhooks']);
  });

  it('leaves nothing behind where that transaction is rolled back', async () => {
    const { db, pg } = knockon.current.database;
    const broken = db.transaction(async (tx) => {
      await emit(tx, {
        type: 'invoice.paid',
        workspaceId: acme.workspaceId,
        payload: { amount: 1 },
      });
      throw new Error('the customer changed their mind');
    });
    await expect(broken).rejects.toThrow('changed their mind');
    expect(await pg`select from knockon.events where payload ->> 'amount' = '1'`).toEqual([]);
  });
});
