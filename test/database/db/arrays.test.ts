import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase } from '../../../src/db/client.ts';
import { isDatabaseAway } from '../../../src/db/errors.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';

let own: TestDatabase;
beforeAll(async () => {
  own = await freshDatabase();
});
afterAll(() => own?.close());

describe('arrays, whose types nobody asks the server for', () => {
  it('come back as they were sent, whatever texts they hold', async () => {
    const { pg } = own.database;
    const text = fc.string({ unit: 'grapheme' });
    const texts = fc.array(
      fc.option(fc.oneof(text, fc.constantFrom('', 'NULL', 'null', '"', '\\', '{a,b}', ' ', '\n'))),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (sent) => {
        const [row] =
          await pg`select ${sent}::text[] as came, array(select unnest(${sent}::text[])) as unnested`;
        expect(row).toEqual({ came: sent, unnested: sent });
      }),
      { numRuns: 60 },
    );
  });

  it('are of numbers, booleans, moments, ids, bytes and JSON too', async () => {
    const { pg } = own.database;
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const [row] =
      await pg`select ${[1, 2]}::int[] as ints, ${[1.5, null]}::float8[] as floats, ${['9007199254740993']}::bigint[] as bigints,
      ${[id]}::uuid[] as ids, array[true, false] as flags, array[timestamptz '2024-01-15T12:00:00Z'] as moments, array['\\x00ff'::bytea] as bytes,
      array['{"a":["\\""]}'::jsonb] as documents, '{}'::uuid[] as none`;
    expect(row).toEqual({
      ints: [1, 2],
      floats: [1.5, null],
      bigints: ['9007199254740993'],
      ids: [id],
      flags: [true, false],
      moments: [new Date('2024-01-15T12:00:00Z')],
      bytes: [Buffer.from([0, 255])],
      documents: [{ a: ['"'] }],
      none: [],
    });
  });
});

/**
 * Between a client and Postgres: hangs up on the first thing a client says once Postgres is ready
 * for it, and refuses everybody after that.
 */
async function hangUpOnce(): Promise<{ url: string; back(): Promise<void>; close(): void }> {
  const { hostname, port } = new URL(own.url);
  let isCut = false;
  const proxy = createServer((client: Socket) => {
    const server = connect(Number(port), hostname);
    const end = () => [client, server].map((one) => one.destroy());
    for (const socket of [client, server]) socket.on('error', () => {}).on('close', end);
    let isReady = false;
    server.on('data', (chunk) => {
      // ReadyForQuery, the last message: its letter, its length, a status.
      isReady ||= chunk.at(-6) === 'Z'.charCodeAt(0);
      client.write(chunk);
    });
    client.on('data', (chunk) => {
      if (!isReady || isCut) return void server.write(chunk);
      isCut = true;
      proxy.close();
      end();
    });
  });
  const listen = async (at: number) =>
    void (await once(proxy.listen(at, '127.0.0.1'), 'listening'));
  await listen(0);
  const url = new URL(own.url);
  url.port = String((proxy.address() as AddressInfo).port);
  return { url: url.href, back: () => listen(Number(url.port)), close: () => void proxy.close() };
}

describe('a connection that is lost when it has just been made, to a server that does not come back at once', () => {
  it('ends nothing but what was asked on it', async () => {
    const proxy = await hangUpOnce();
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const database = connectDatabase(proxy.url, { connections: 1 });
    const ask = () =>
      database.pg`select array[1] as one`.then(
        ([row]) => row?.one,
        (error) => (isDatabaseAway(error) ? 'away' : error),
      );
    expect(await ask()).toBe('away');
    await proxy.back();
    await expect.poll(ask).toEqual([1]);
    expect(unhandled).toEqual([]);
    process.off('unhandledRejection', note);
    await database.close();
    proxy.close();
  });
});
