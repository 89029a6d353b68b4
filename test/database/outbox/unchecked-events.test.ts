import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defineEffect } from '../../../src/activities/runtime/effect.ts';
import { schema } from '../../../src/activities/schema/index.ts';
import { EventTypeRegistry } from '../../../src/events/registry.ts';
import { discard } from '../../../src/ops/operations/discard.ts';
import { retry } from '../../../src/ops/operations/retry.ts';
import { verifyLedger } from '../../../src/ops/status/verify.ts';
import { fitsSchema } from '../../../src/outbox/check-payloads.ts';
import { claim } from '../../../src/outbox/claim.ts';
import { dispatchAnew } from '../../../src/outbox/dispatch-anew.ts';
import { Dispatcher } from '../../../src/outbox/dispatcher.ts';
import { register } from '../../../src/outbox/subscribers.ts';
import { registration } from '../../../src/workers/effect-settings.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { aChannel } from '../../harness/messaging.ts';
import { CallingTransport } from './calling-transport.ts';

let test: TestDatabase;
let types: EventTypeRegistry;
let transport: CallingTransport;
let workspaceId: string;
const running: Dispatcher[] = [];
/** Amounts that the effect got, in its order. */
let seen: unknown[];

const silent = pino({ level: 'silent' });

const books = (options: object = {}) =>
  defineEffect({
    name: 'books',
    description: '',
    on: ['*'],
    transact: async (_, events) => {
      seen.push(...events.map(({ payload }) => payload['amount']));
    },
    ...options,
  });

beforeEach(async () => {
  test = await freshDatabase();
  seen = [];
  await declareTypes(test.database, ['invoice.paid']);
  workspaceId = (await aChannel(test.database)).workspaceId;
  types = new EventTypeRegistry({ pg: test.database.pg, freshMs: 0 });
  await host();
});
afterEach(async () => {
  for (const dispatcher of running.splice(0)) await dispatcher.stop();
  await test?.close();
});

async function host(options: object = {}) {
  const effects = [books(options), schema({ dispatchAnew })];
  transport = new CallingTransport(test.database, effects);
  await register(test.database, effects.map(registration));
}

async function dispatch(): Promise<void> {
  const { pg, listen } = test.database;
  const dispatcher = new Dispatcher({
    pg,
    listen,
    transport,
    size: 500,
    log: silent,
    pollMs: 50,
    staleMs: 300,
    fits: fitsSchema(types),
  });
  running.push(dispatcher);
  dispatcher.start();
  await expect
    .poll(async () => (await verifyLedger(pg)).undispatched.count, { timeout: 10_000 })
    .toBe(0);
}

const emit = async (payload: object, key: string | null = null): Promise<string> => {
  const [row] = await test.database.pg`
    select knockon.emit('invoice.paid', ${workspaceId}::uuid,
      ${test.database.pg.json(payload as never)}, key => ${key}) as id`;
  return row!['id'];
};
const letters = () =>
  test.database.pg`select event_id, subscriber, cause, reason from knockon.dead_letters`;

/** The books of the ledger, without what is zero. */
async function ledger() {
  const { balanced, subscribers } = await verifyLedger(test.database.pg, {
    running: async () => new Set(),
  });
  expect(balanced).toBe(true);
  return Object.fromEntries(
    subscribers.map(({ name, expected, done, dead, in_flight, missing }) => {
      expect(expected - done - dead - in_flight - missing).toBe(0);
      return [name, { expected, done, dead }];
    }),
  );
}

/** As `knockon retry --subscriber schema`. */
async function retryAll() {
  const { pg, db } = test.database;
  const [operation] = await pg`
    insert into knockon.operations (verb, input, by)
    values ('retry', ${pg.json({ filter: { subscriber: 'schema' } })}, 'ada') returning *`;
  const away = async () => {
    throw new Error('is not there');
  };
  const recovery = { running: away, restart: away, drop: away };
  const deps = { pg, db, transport, recovery, resetWorkflow: away, rebuilds: {}, log: silent };
  await retry.step(deps as never, operation as never, 100);
}

const mend = () =>
  declareTypes(test.database, ['invoice.paid'], { schema: { type: 'object' }, version: 2 });

describe('what SQL has emitted', () => {
  it('goes to its subscribers where it fits', async () => {
    for (let amount = 0; amount < 5; amount += 1) await emit({ amount });
    await dispatch();
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(transport.taken.map(({ size }) => size)).toEqual([5]);
    expect(await ledger()).toEqual({ books: { expected: 5, done: 5, dead: 0 } });
  });

  it('is a dead letter of `schema` where it does not, and stops no other', async () => {
    await emit({ amount: 1 });
    const bad = await emit({ amount: 'ada@example.com', 'grace@example.com': 1, lines: [{}] });
    await emit({ amount: 3 });
    await dispatch();
    expect(seen).toEqual([1, 3]);
    const [letter, ...others] = await letters();
    expect(others).toEqual([]);
    expect(letter).toEqual({
      event_id: bad,
      subscriber: 'schema',
      cause: 'invoice.paid: amount must be a whole number',
      reason:
        'does not fit invoice.paid, version 1: amount must be a whole number; lines.0.sku is missing',
    });
    expect(await ledger()).toEqual({
      books: { expected: 2, done: 2, dead: 0 },
      schema: { expected: 1, done: 0, dead: 1 },
    });
  });

  it('tells no name of a field that its schema does not have', async () => {
    await declareTypes(test.database, ['invoice.sent'], {
      schema: { type: 'object', additionalProperties: { type: 'integer' } },
    });
    const payload = test.database.pg.json({ 'ada@example.com': { 'b.c': 1 } });
    await test.database.pg`select knockon.emit('invoice.sent', ${workspaceId}::uuid, ${payload})`;
    await dispatch();
    const [letter] = await letters();
    expect(letter!['reason']).toMatch(/: \*(\.\*)? must be a whole number$/);
  });

  it('tells no name with dots that looks like a place in a list', async () => {
    const lines = { type: 'array' };
    await declareTypes(test.database, ['invoice.sent'], {
      schema: { type: 'object', properties: { lines }, additionalProperties: false },
    });
    const payload = test.database.pg.json({ lines: [], 'lines.ada@example.com': 1 });
    await test.database.pg`select knockon.emit('invoice.sent', ${workspaceId}::uuid, ${payload})`;
    await dispatch();
    const [letter] = await letters();
    expect(letter!['reason']).toMatch(/: lines\.\*\.\* is not a known field$/);
  });

  it('is checked in pages, however much it is', async () => {
    const note = 'x'.repeat(100_000);
    for (let nth = 0; nth < 20; nth += 1) await emit({ amount: nth % 5 ? nth : 'bad', note });
    await dispatch();
    expect(seen).toHaveLength(16);
    expect(await letters()).toHaveLength(4);
    expect(transport.taken.map(({ size }) => size).sort()).toEqual([16, 4]);
  });

  it('is checked by the relay where a dispatcher has died between claim and check', async () => {
    await emit({ amount: 1 });
    await emit({ amount: 'bad' });
    expect(await claim(test.database.pg, 500)).toMatchObject([{ size: 2, unchecked: true }]);
    await dispatch();
    expect(seen).toEqual([1]);
    expect(await letters()).toHaveLength(1);
    expect(await ledger()).toMatchObject({ books: { expected: 1 }, schema: { expected: 1 } });
  });

  it('is checked once where several dispatchers have it', async () => {
    for (let nth = 0; nth < 10; nth += 1) await emit({ amount: nth % 2 ? nth : 'bad' });
    await claim(test.database.pg, 500);
    await Promise.all([dispatch(), dispatch(), dispatch()]);
    expect(seen).toEqual([1, 3, 5, 7, 9]);
    expect(await ledger()).toMatchObject({ books: { expected: 5 }, schema: { dead: 5 } });
  });
});

describe('an event that does not fit', () => {
  it('goes to all its subscribers once its type is mended and it is retried', async () => {
    const bad = await emit({ amount: 'bad' });
    await dispatch();
    await mend();
    await retryAll();
    await expect.poll(() => seen).toEqual(['bad']);
    expect(await letters()).toEqual([]);
    const [event] = await test.database.pg`select version from knockon.events where id = ${bad}`;
    expect(event).toEqual({ version: 2 });
    await expect.poll(ledger).toEqual({
      books: { expected: 1, done: 1, dead: 0 },
      schema: { expected: 1, done: 1, dead: 0 },
    });
  });

  it('is dead again where its type is as it was', async () => {
    await emit({ amount: 'bad' });
    await dispatch();
    await retryAll();
    expect(await letters()).toHaveLength(1);
    expect(seen).toEqual([]);
    expect(await ledger()).toEqual({ schema: { expected: 1, done: 0, dead: 1 } });
  });

  it('stays with `schema` where it is discarded', async () => {
    const bad = await emit({ amount: 'bad' });
    await dispatch();
    await discard(test.database, { filter: { subscriber: 'schema' } }, 'ada', 'a test');
    expect(await letters()).toEqual([]);
    const [kept] = await test.database.pg`
      select subscriber from knockon.receipts where event_id = ${bad}`;
    expect(kept).toEqual({ subscriber: 'schema' });
    expect(await ledger()).toMatchObject({ schema: { expected: 1, done: 1, dead: 0 } });
  });

  it('is discarded once, however many discard it and retry it at the same moment', async () => {
    for (let nth = 0; nth < 30; nth += 1) await emit({ amount: 'bad' });
    await dispatch();
    const giveUp = () => discard(test.database, { filter: { subscriber: 'schema' } }, 'ada', '');
    const [first, second, third] = await Promise.all([giveUp(), giveUp(), giveUp(), retryAll()]);
    const rest = await giveUp();
    expect(first + second + third + rest).toBe(30);
    const told = await test.database.pg`
      select from knockon.events where type = 'effect.discarded'`;
    expect(told).toHaveLength(30);
    expect(await letters()).toEqual([]);
    expect(await ledger()).toMatchObject({ schema: { expected: 30, done: 30, dead: 0 } });
  });

  it('does not stop its key, and comes late once it is mended', async () => {
    await host({ ordering: 'key' });
    await emit({ amount: 1 }, 'a');
    await emit({ amount: 'bad' }, 'a');
    await emit({ amount: 3 }, 'a');
    await dispatch();
    expect(seen).toEqual([1, 3]);
    await mend();
    await retryAll();
    await expect.poll(() => seen).toEqual([1, 3, 'bad']);
  });
});

describe('an event that nobody has checked yet', () => {
  it('is not done before, by an ordered effect that gets a later one of its key', async () => {
    await host({ ordering: 'key' });
    await emit({ amount: 'bad' }, 'a');
    await test.database.pg`
      select * from knockon.write_events(${test.database.pg.json([
        { type: 'invoice.paid', workspace: workspaceId, payload: { amount: 2 }, key: 'a' },
      ])}, true)`;
    const [second] = await test.database.pg`
      update knockon.outbox set unchecked = null
      where event_id = (select id from knockon.events order by seq desc limit 1)
      returning event_id`;
    const [own] = await test.database.pg`
      with made as (
        insert into knockon.dispatches (id, type, size, subscribers, started_at)
        values (knockon.uuidv7(), 'invoice.paid', 1, '{books}', now()) returning id
      ), taken as (
        update knockon.outbox o set dispatch_id = made.id from made
        where o.event_id = ${second!['event_id']}
      ) select id from made`;
    const subscribers = [{ name: 'books' }] as never;
    await transport.start({ id: own!['id'], type: 'invoice.paid', size: 1, subscribers });
    expect(seen).toEqual([]);
    const [waits] = await test.database.pg`
      select last_error from knockon.attempts where event_id = ${second!['event_id']}`;
    expect(waits!['last_error']).toContain('has not been compared with its schema yet');
    await dispatch();
    await transport.start({ id: own!['id'], type: 'invoice.paid', size: 1, subscribers });
    expect(seen).toEqual([2]);
  });
});
