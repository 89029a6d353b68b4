import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createEffects } from '../../../src/activities/index.ts';
import { defineEffect, type Effect } from '../../../src/activities/runtime/effect.ts';
import type { Transaction } from '../../../src/db/client.ts';
import { members } from '../../../src/db/schema/index.ts';
import { readJourney } from '../../../src/ops/inspect/journey.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';
import { ScriptedMailServer } from '../../harness/scripted-mail-server.ts';
import { loopback, Receiver } from '../../harness/webhook-receiver.ts';
import { logged, soon, TransportTestbed } from './testbed.ts';

/** Whatever is somebody's has this in it. */
const CANARY = /canar/i;

const SECRET = 'a secret of thirty-two characters';

/**
 * Each table that a shipped effect writes, and how its statement fails; each way repeats the values
 * it is given.
 */
const broken: [effect: string, table: string, how: 'check' | 'raise' | 'cast'][] = [
  ['search', 'search_documents', 'check'],
  ['analytics', 'analytics_quarters', 'raise'],
  ['audit', 'audit_entries', 'raise'],
  ['cache', 'channel_summaries', 'cast'],
  ['notifications', 'notifications', 'raise'],
  ['webhooks', 'deliveries', 'check'],
];

describe.each(['temporal', 'pg-boss'] as const)('people on %s', (transport) => {
  let testbed: TransportTestbed;
  let receiver: Receiver;
  let mail: ScriptedMailServer;
  let where: { workspaceId: string; channelId: string };
  let shipped: Effect[];
  let close: () => Promise<void>;

  beforeAll(async () => {
    [testbed, receiver, mail] = await Promise.all([
      TransportTestbed.open(transport),
      Receiver.start(),
      ScriptedMailServer.start(),
    ]);
    const settings = {
      secret: SECRET,
      webhooks: { allow: loopback, timeoutMs: 2000 },
      redisUrl: undefined,
    };
    const smtp = { smtpUrl: mail.url, from: 'Knock-on <notifications@example.com>', graceMs: 0 };
    const created = await createEffects({ ...settings, mail: smtp }, testbed.database);
    // Given up after two tries, within a moment.
    shipped = created.effects.map((effect) => ({
      ...effect,
      retry: { ...effect.retry, attempts: 2, initial_ms: 50, max_ms: 50 },
    }));
    close = created.close;
    where = await aChannel(testbed.database);
    const [handle, email] = ['canary-handle', 'canary.mail@example.com'];
    await testbed.database.db
      .insert(members)
      .values({ workspace_id: where.workspaceId, handle, email, emails: 'mentions' });
    await receiver.register(testbed.database, where.workspaceId);
  }, 90_000);
  afterEach(() => testbed.clear());
  afterAll(async () => {
    await close?.();
    await Promise.all([testbed?.close(), receiver?.stop(), mail?.stop()]);
  });

  /**
   * Posts a message of a canary's to a canary, and waits until so many effects have given it up.
   * @returns its id, and its dispatch's
   */
  async function post(givenUp: number): Promise<{ messageId: string; dispatchId: string }> {
    const message = aMessage(where, {
      author: 'canary-author',
      text: '@canary-handle the "canary-text" is 7',
      metadata: { of: 'canary' },
    });
    const posted = await aWriter(testbed.database).post(message);
    if (!('message' in posted)) throw new Error('it was not stored');
    const [dispatch] = await testbed.dispatch();
    const { id: messageId, event_id } = posted.message;
    const letters = () =>
      testbed.database
        .pg`select distinct subscriber from knockon.dead_letters where event_id = ${event_id}`;
    await expect.poll(async () => (await letters()).length, soon).toBe(givenUp);
    return { messageId, dispatchId: dispatch!.id };
  }

  /** Everything that the transport has kept of a dispatch. */
  async function travelled(dispatchId: string): Promise<string> {
    if (transport === 'pg-boss')
      return JSON.stringify(await testbed.database.pg`select * from knockon.job`);
    // Payloads are in Base64.
    return JSON.stringify(await testbed.history(dispatchId), (key, value) =>
      key === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString() : value,
    );
  }

  test('are in no history, no log and no failure, whatever statement of whatever effect fails', async () => {
    const { pg } = testbed.database;
    await pg`create function raise_it() returns trigger language plpgsql as $$ begin raise exception 'not this one: %', new::text || ' of a canary'; end $$`;
    await pg`create function cast_it() returns trigger language plpgsql as $$ begin perform ('a "canary" ' || new::text)::int; return new; end $$`;
    for (const [, table, how] of broken) {
      if (how === 'check')
        await pg.unsafe(
          `alter table knockon.${table} add constraint "no_more" check (false) not valid`,
        );
      else
        await pg.unsafe(
          `create trigger broken before insert on knockon.${table} for each row execute function ${how}_it()`,
        );
    }
    await testbed.host(...shipped);
    const { messageId, dispatchId } = await post(shipped.length);
    const letters = await pg`select subscriber, target, cause, reason from knockon.dead_letters`;
    const journey = await readJourney(
      testbed.database,
      { workspaceId: where.workspaceId, messageId },
      null,
    );
    const reasons = Object.fromEntries(
      letters.map(({ subscriber, reason }) => [subscriber, reason]),
    );
    for (const [effect, , how] of broken)
      expect({ effect, reason: reasons[effect] }).toEqual({
        effect,
        reason: expect.stringMatching(
          { check: /no_more.*SQLSTATE 23514/, raise: /SQLSTATE P0001/, cast: /SQLSTATE 22P02/ }[
            how
          ],
        ),
      });
    const history = await travelled(dispatchId);
    // What calls were given can be read there.
    expect(history).toMatch(/dispatch_id\\*":\\*"[0-9a-f-]{36}/);
    for (const place of [history, logged(), JSON.stringify(letters), JSON.stringify(journey)])
      expect(place).not.toMatch(CANARY);
    for (const [effect] of broken)
      expect(logged()).toMatch(
        new RegExp(
          `"level":"warn".*"subscriber":"${effect}".*"cause":"(?:[^"\\\\]|\\\\.)*SQLSTATE`,
        ),
      );
    for (const [, table, how] of broken)
      await pg.unsafe(
        how === 'check'
          ? `alter table knockon.${table} drop constraint "no_more"`
          : `drop trigger broken on knockon.${table}`,
      );
  }, 90_000);

  test('nor is what endpoints answer and mail servers say, which stands in Postgres alone', async () => {
    receiver.answer = (response) =>
      response.writeHead(500).end('no canary-answer, canary@example.com');
    mail.refuse('RCPT TO', '550 5.1.1 <canary.mail@example.com>: no such canary');
    await testbed.host(...shipped);
    const { messageId, dispatchId } = await post(2);
    const journey = await readJourney(
      testbed.database,
      { workspaceId: where.workspaceId, messageId },
      null,
    );
    const effects = Object.fromEntries(
      (journey?.events[0]?.effects ?? []).map((effect) => [effect.subscriber, effect]),
    );
    expect(effects.webhooks?.last_error).toMatch(
      /^127\.0\.0\.1:\d+ answered 500 to message\.created: no canary-answer, canary@example\.com$/,
    );
    expect(effects.notifications?.last_error).toMatch(/550 5\.1\.1 at RCPT TO/);
    const [letter] = await testbed.database
      .pg`select target, cause from knockon.dead_letters where subscriber = 'notifications' and target <> ''`;
    expect(letter).toEqual({ target: expect.stringMatching(/^[0-9a-f-]{36}$/), cause: 'SMTP 550' });
    const history = await travelled(dispatchId);
    if (transport === 'temporal') expect(history).toContain('answered 500 to message.created');
    for (const place of [history, logged()]) expect(place).not.toMatch(CANARY);
    expect(logged()).toMatch(/"subscriber":"webhooks".*"cause":"HTTP 500"/);
    expect(logged()).toMatch(/"host":"127\.0\.0\.1:\d+"/);
  }, 90_000);

  test('nor is what an effect of your own throws, as far as it is quoted, an address or a path', async () => {
    const own = defineEffect({
      name: 'own',
      description: '',
      on: ['*'],
      retry: { attempts: 1 },
      async transact(tx: Transaction, [event]) {
        const rows = tx.execute(
          sql`select 1 as one from knockon.messages where id = ${event?.message_id} and text = ${event?.payload.text}`,
        );
        expect(await rows).toHaveLength(1);
        throw new TypeError(
          `"${event?.payload.text}" of ${event?.payload.author}@example.com is not at https://example.com/canary?of=canary`,
        );
      },
    });
    await testbed.host(own);
    const { messageId, dispatchId } = await post(1);
    const letters = await testbed.letters('own');
    expect(letters[0]).toMatchObject({
      cause: 'TypeError: "…" of …@… is not at https://example.com/…',
    });
    const journey = await readJourney(
      testbed.database,
      { workspaceId: where.workspaceId, messageId },
      null,
    );
    for (const place of [await travelled(dispatchId), logged(), JSON.stringify([letters, journey])])
      expect(place).not.toMatch(CANARY);
    expect(logged()).toMatch(/"err":\{"name":"TypeError".*nothing-personal\.test/);
  }, 90_000);
});
