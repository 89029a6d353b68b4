import postgres, { type Sql } from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectDatabase, type Database } from '../../../src/db/client.ts';
import { PoolBusyError } from '../../../src/db/connection-limit.ts';
import { errorCode } from '../../../src/db/errors.ts';
import { changing } from '../../../src/messages/change.ts';
import {
  ChannelHeldError,
  createMessageWriter,
  type MessageWriter,
} from '../../../src/messages/create.ts';
import { removeMessage } from '../../../src/messages/remove.ts';
import * as store from '../../../src/messages/store.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { aChannel, aMessage, aWriter } from '../../harness/messaging.ts';
import { startProxy } from '../../harness/proxy.ts';

let test: TestDatabase;
let forHeldRows: Database;
let writer: MessageWriter;

let psql: Sql;

beforeAll(async () => {
  test = await freshDatabase();
  psql = postgres(test.url, { max: 1 });
  forHeldRows = connectDatabase(test.url, { lockMs: 1500 });
  writer = createMessageWriter({
    pg: test.database.pg,
    forHeldRows: forHeldRows.pg,
    onStored: () => {},
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await psql?.end();
  await forHeldRows?.close();
  await test?.close();
});

type Where = Awaited<ReturnType<typeof aChannel>>;
const post = (where: Where, rest = {}) => writer.post(aMessage(where, rest));
const stateOf = (posted: ReturnType<typeof post>) =>
  posted.then(
    ({ state }) => state,
    (error: Error) => error,
  );

/** Holds a channel's row, as an operator's psql may, while something is done. */
const holding = (where: Where, work: () => Promise<void>) =>
  psql.begin(async (tx) => {
    await tx`select 1 from knockon.channels where id = ${where.channelId} for update`;
    await work();
  });

describe('a channel that another transaction holds', () => {
  it('keeps its own messages waiting and nobody else, and its own are told after a while', async () => {
    const [held, free] = [await aChannel(test.database), await aChannel(test.database)];
    await holding(held, async () => {
      const own = Array.from({ length: 20 }, () => stateOf(post(held)));
      const others = Array.from({ length: 20 }, () => stateOf(post(free)));
      expect(
        await Promise.race([
          Promise.all(others),
          Promise.any(own).then(() => 'the held ones first'),
        ]),
      ).toEqual(Array(20).fill('stored'));
      for (const refused of await Promise.all(own))
        expect(refused).toBeInstanceOf(ChannelHeldError);
    });
    const { state, message } = (await post(held)) as { state: string; message: { seq: number } };
    expect([state, message.seq]).toEqual(['stored', 1]);
  });

  it('has its messages stored, in order and without a gap, once it is let go in time', async () => {
    const held = await aChannel(test.database);
    let own: Promise<unknown>[] = [];
    await holding(held, async () => {
      own = Array.from({ length: 5 }, () => post(held));
      const waiting = () =>
        test.database.pg`select 1 from pg_stat_activity where wait_event_type = 'Lock'`;
      await expect.poll(async () => (await waiting()).length).toBe(1);
    });
    expect(
      ((await Promise.all(own)) as { message: { seq: number } }[]).map(
        ({ message }) => message.seq,
      ),
    ).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('changes of messages in a channel that another transaction holds', () => {
  it('leave connections for everybody else, and are told after a while', async () => {
    const held = await aChannel(test.database);
    const posted = await Promise.all(Array.from({ length: 24 }, () => post(held)));
    const ids = posted.map((one) => (one as { message: { id: string } }).message.id);
    await holding(held, async () => {
      const change = (id: string) =>
        changing(test.database, (tx) => removeMessage(tx, { workspaceId: held.workspaceId, id }));
      const changes = ids.map((id) => change(id).catch(errorCode));
      const began = performance.now();
      for (let i = 0; i < 10; i += 1) await test.database.db.execute('select 1');
      // Each waits behind some of the changes' attempts, which are short.
      expect(performance.now() - began).toBeLessThan(10_000);
      expect(await Promise.all(changes)).toEqual(Array(24).fill('55P03'));
    });
    expect(
      await changing(test.database, (tx) =>
        removeMessage(tx, { workspaceId: held.workspaceId, id: ids[0]! }),
      ),
    ).toBe(true);
  });
});

describe('one statement', () => {
  const original = store.storeMessages;
  afterEach(() => void vi.restoreAllMocks());

  it('carries 192 KB of texts at most, or one message', async () => {
    const where = await aChannel(test.database);
    const sizes: number[] = [];
    vi.spyOn(store, 'storeMessages').mockImplementation((pg, batch, held) => {
      sizes.push(
        batch.reduce((sum, { text, metadataJson }) => sum + text.length + metadataJson.length, 0),
      );
      return original(pg, batch, held);
    });
    await Promise.all(Array.from({ length: 30 }, () => post(where, { text: 'y'.repeat(36_000) })));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(192 * 1024);
    expect(sizes.length).toBeLessThan(10);
  });

  it('of small messages waits for none of large ones', async () => {
    const [large, small] = [await aChannel(test.database), await aChannel(test.database)];
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    vi.spyOn(store, 'storeMessages').mockImplementation(async (pg, batch, whatIsHeld) => {
      if (batch.some(({ channelId }) => channelId === large.channelId)) await held;
      return await original(pg, batch, whatIsHeld);
    });
    const slow = post(large, { text: 'y'.repeat(36_000) });
    expect((await post(small)).state).toBe('stored');
    letGo();
    expect((await slow).state).toBe('stored');
  });

  it('has the next message of each workspace before the many of one', async () => {
    const [flood, calm] = [await aChannel(test.database), await aChannel(test.database)];
    const batches: string[][] = [];
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    vi.spyOn(store, 'storeMessages').mockImplementation(async (pg, batch, whatIsHeld) => {
      batches.push(batch.map(({ workspaceId }) => workspaceId));
      if (batches.length === 1) await held;
      return await original(pg, batch, whatIsHeld);
    });
    const first = post(flood);
    await vi.waitFor(() => expect(batches).toHaveLength(1));
    const many = Array.from({ length: 600 }, () => post(flood));
    const few = [post(calm), post(calm)];
    letGo();
    const seqs = (await Promise.all([first, ...many])).map(
      (posted) => (posted as { message: { seq: number } }).message.seq,
    );
    await Promise.all(few);
    expect(batches[1]!.filter((id) => id === calm.workspaceId)).toHaveLength(2);
    expect(batches.length).toBe(4);
    expect(seqs).toEqual(Array.from({ length: 601 }, (_, i) => i + 1));
  });
});

describe('while the database is silent', () => {
  it('every message is refused within the time limits of a statement and of waiting for it, and later ones are stored', async () => {
    const proxy = await startProxy(test.url);
    const database = connectDatabase(proxy.url, { statementMs: 500 });
    const behind = aWriter(database);
    const where = await aChannel(test.database);
    expect((await behind.post(aMessage(where))).state).toBe('stored');
    proxy.be('frozen');
    const began = performance.now();
    const posts = Array.from({ length: 600 }, () =>
      behind.post(aMessage(where)).catch((error) => error),
    );
    for (const refused of await Promise.all(posts))
      expect(errorCode(refused)).toMatch(/ETIMEDOUT|CONNECT_TIMEOUT|CONNECTION_CLOSED|POOL_BUSY/);
    expect(performance.now() - began).toBeLessThan(15_000);
    proxy.be('open');
    await expect
      .poll(() => behind.post(aMessage(where)).then(({ state }) => state, errorCode))
      .toBe('stored');
    await database.close();
    await proxy.stop();
  });

  it('so many messages wait and no more', async () => {
    const proxy = await startProxy(test.url);
    const database = connectDatabase(proxy.url, { statementMs: 1000 });
    const behind = aWriter(database);
    const where = await aChannel(test.database);
    proxy.be('frozen');
    const metadata = { filler: 'x'.repeat(200_000) };
    const posts = Array.from({ length: 400 }, () =>
      behind.post(aMessage(where, { metadata })).catch((error) => error),
    );
    const first = await Promise.race(posts);
    expect(first).toBeInstanceOf(PoolBusyError);
    expect(first.message).toMatch(/messages wait to be stored already/);
    await Promise.all(posts);
    await database.close();
    await proxy.stop();
  });
});
