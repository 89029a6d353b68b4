import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { claim } from '../../../src/outbox/claim.ts';
import { isClaimUnderWay } from '../../../src/outbox/claims-under-way.ts';
import { freshDatabase, type TestDatabase } from '../../harness/database.ts';
import { declareTypes } from '../../harness/event-types.ts';
import { aChannel, aMessage, aWriter, subscribe } from '../../harness/messaging.ts';

let test: TestDatabase;
/** Another process. */
let dispatcher: Sql;
let where: Awaited<ReturnType<typeof aChannel>>;

beforeAll(async () => {
  test = await freshDatabase();
  dispatcher = postgres(test.url, { max: 1 });
  await subscribe(test.database, { name: 'known' });
  await declareTypes(test.database, ['invoice.paid']);
  where = await aChannel(test.database);
});
afterAll(async () => {
  await dispatcher?.end();
  await test?.close();
});
beforeEach(() => aWriter(test.database).post(aMessage(where)));

/** Whether a claim is under way that may not know what was changed so long ago. */
async function isUnderWay(ago = '0 s'): Promise<boolean> {
  const { pg } = test.database;
  const [row] = await pg`
    select ${isClaimUnderWay(pg, pg`now() - ${ago}::text::interval`)} as answer`;
  return row?.answer;
}

/** Claims in a transaction that commits once `work` is done. */
const whileClaiming = <T>(work: () => Promise<T>) =>
  dispatcher.begin(async (tx) => {
    await claim(tx as unknown as Sql, 10);
    return await work();
  });

describe('a claim', () => {
  it('is under way until it commits, and not before it begins', async () => {
    expect(await isUnderWay()).toBe(false);
    expect(await whileClaiming(() => isUnderWay())).toBe(true);
    expect(await isUnderWay()).toBe(false);
  });

  it('is under way too where it has claimed nothing', async () => {
    await claim(test.database.pg, 10);
    expect(await whileClaiming(() => isUnderWay())).toBe(true);
  });

  it('is over after its longest time, whoever still writes dispatches', async () => {
    expect(await whileClaiming(() => isUnderWay('14 s'))).toBe(true);
    expect(await whileClaiming(() => isUnderWay('15 s'))).toBe(false);
  });

  it('is not what emits or stores messages, however long their transactions last', async () => {
    await dispatcher.begin(async (tx) => {
      await tx`
        select knockon.emit('invoice.paid', workspace => ${where.workspaceId}::text::uuid,
          payload => '{"amount": 1}')`;
      expect(await isUnderWay()).toBe(false);
    });
  });

  it('is under way in this database alone', async () => {
    const other = await freshDatabase();
    await whileClaiming(async () => {
      const { pg } = other.database;
      const [row] = await pg`select ${isClaimUnderWay(pg, pg`now()`)} as answer`;
      expect(row?.answer).toBe(false);
    });
    await other.close();
  });
});
