import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { search } from '../../../src/activities/search/index.ts';
import { tsQueriesOf } from '../../../src/text/search/postgres.ts';
import { readQuery } from '../../../src/text/search/query.ts';
import { freshDatabase } from '../../harness/database.ts';
import { type Conversation, deliver, startConversation } from './conversation.ts';
import { playSteps, randomSteps } from './random-conversations.ts';

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh?.close());

/** The texts a search finds, in the order they were posted. */
async function find(talk: Conversation, typed: string): Promise<string[]> {
  const rows = await fresh.database.db.execute<{ text: string }>(sql`
    select m.text from knockon.search_documents d join knockon.messages m on m.id = d.message_id
    where d.workspace_id = ${talk.workspaceId} and d.document @@ ${tsQueriesOf(readQuery(typed)).matching ?? ''}::tsquery
    order by m.channel_id, m.seq`);
  return rows.map((row) => row.text);
}

async function said(...texts: string[]): Promise<Conversation> {
  const talk = await startConversation(fresh.database);
  for (const text of texts) await talk.post(text);
  await deliver(fresh.database, search(), await talk.events());
  return talk;
}

test.each([
  ['coupon', 'https://x.com/docs#create_subscription-coupon'],
  ['coupon', 'coupon_code'],
  ['coupon', 'array("coupon" => "test",)'],
  ['coupon', '"coupon"=>"test"'],
  ['coupon', 'COUPONS!'],
  ['coupon', 'couponCode is set'],
  ['code', 'couponCode is set'],
  ['couponcode', 'couponCode is set'],
  ['couponCode', 'couponCode is set'],
  ['http', 'an HTTPServer'],
  ['create_subscription-coupon', 'see https://x.com/docs#create_subscription-coupon'],
  [
    'https://x.com/docs#create_subscription-coupon',
    'see https://x.com/docs#create_subscription-coupon',
  ],
  ['x.com', 'see https://x.com/docs#create_subscription-coupon'],
  ['node.js', 'I run node.js here'],
  ['node', 'I run node.js here'],
  ['jane@example.org', 'mail jane@example.org'],
  ['example', 'mail jane@example.org'],
  ['12', 'from -12 to 3'],
  ['b.txt', 'look into /a/b.txt'],
  ['String', 'a Vec<String> of <String>'],
  ['foo-bar', 'a foo-bar'],
  ['bar', 'a foo-bar'],
  ['foo bar', 'a foo_bar'],
  ['façade', 'la façade'],
  ['日本語', 'これは 日本語'],
  ['#1234', 'see rust#1234'],
  ["o'brien", "ask O'Brien"],
  ['runs', 'running'],
])('a search for %j finds %j', async (typed, text) => {
  expect(await find(await said(text, 'something else'), typed)).toEqual([text]);
});

test('an exact phrase is found where its words follow each other, inside an identifier too', async () => {
  const talk = await said(
    'apply the coupon code now',
    'code of the coupon',
    'set coupon_code',
    'coupon',
    'coupon-code',
  );
  expect(await find(talk, '"coupon code"')).toEqual([
    'apply the coupon code now',
    'set coupon_code',
    'coupon-code',
  ]);
});

test('no phrase is found across the border of two readings of a text', async () => {
  const talk = await said('red fooBar', 'redCar');
  expect(await find(talk, '"foobar red"')).toEqual([]);
  expect(await find(talk, '"redcar red"')).toEqual([]);
});

test('a negated word excludes messages that have it only inside an identifier', async () => {
  const talk = await said(
    'apply coupon',
    'apply coupon_code',
    'apply https://x.com/a-coupon',
    'apply discount',
  );
  expect(await find(talk, 'apply -coupon')).toEqual(['apply discount']);
  expect(await find(talk, 'apply -"coupon code"')).toEqual([
    'apply coupon',
    'apply https://x.com/a-coupon',
    'apply discount',
  ]);
  expect(await find(talk, 'apply -coupon_code')).toEqual([
    'apply coupon',
    'apply https://x.com/a-coupon',
    'apply discount',
  ]);
});

test('"or" finds either', async () => {
  const talk = await said('coupon', 'discount', 'price');
  expect(await find(talk, 'coupon OR discount')).toEqual(['coupon', 'discount']);
});

test.each(['', ' ', '"', '-', '"" or -', '\\', "'", ':*', '!&|()<->'])(
  'a search for %j finds nothing and does not fail',
  async (typed) => {
    expect(await find(await said('coupon'), typed)).toEqual([]);
  },
);

test('an edited message is found by its new words and no longer by its old ones', async () => {
  const talk = await startConversation(fresh.database);
  const { id } = await talk.post('apple');
  await deliver(fresh.database, search(), await talk.events());
  await talk.edit(id, 'pear');
  await deliver(
    fresh.database,
    search(),
    (await talk.events()).filter((event) => event.type === 'message.updated'),
  );
  expect(await find(talk, 'pear')).toEqual(['pear']);
  expect(await find(talk, 'apple')).toEqual([]);
});

test('a group that read an older text and writes last does not bring it back', async () => {
  const talk = await startConversation(fresh.database);
  const { id } = await talk.post('apple');
  const { db } = fresh.database;
  const { loadTexts } = await import('../../../src/activities/search/texts.ts');
  const { writeDocuments } = await import('../../../src/activities/search/documents.ts');
  let begun = () => {};
  let changed = () => {};
  const hasBegun = new Promise<void>((resolve) => (begun = resolve));
  const hasChanged = new Promise<void>((resolve) => (changed = resolve));
  const reading = db.transaction(
    async (late) => {
      await late.execute(sql`select 1`);
      begun();
      await hasChanged;
      return (await loadTexts(late, [id]).next()).value ?? [];
    },
    { isolationLevel: 'repeatable read' },
  );
  await hasBegun;
  await talk.edit(id, 'pear');
  await deliver(fresh.database, search(), await talk.events());
  changed();
  const stale = await reading;
  expect(stale[0]?.version).toBe(1);
  await db.transaction((tx) => writeDocuments(tx, stale));
  expect(await find(talk, 'pear')).toEqual(['pear']);
  expect(await find(talk, 'apple')).toEqual([]);
});

test('a deleted message is found by nothing, whichever of its events comes last', async () => {
  const talk = await startConversation(fresh.database);
  const { id } = await talk.post('apple');
  await talk.remove(id);
  for (const event of (await talk.events()).reverse())
    await deliver(fresh.database, search(), [event]);
  const [row] = await fresh.database.db.execute(
    sql`select document from knockon.search_documents where message_id = ${id}`,
  );
  expect(row).toEqual({ document: null });
});

const LONGEST = 40_000;
const repeated = (unit: string) => unit.repeat(Math.ceil(LONGEST / unit.length)).slice(0, LONGEST);

test.each(['a_', '~/', 'a-', 'a.', '<a ', '&a', 'http://', 'ab ', 'é-', '漢字', '😀'])(
  'the longest message made of %j is indexed in reasonable time, and what is at its end is found',
  async (unit) => {
    const talk = await startConversation(fresh.database);
    await talk.post(`${repeated(unit).slice(0, LONGEST - 7)} coupon`);
    const began = performance.now();
    await deliver(fresh.database, search(), await talk.events());
    expect(performance.now() - began).toBeLessThan(3000);
    expect(await find(talk, 'coupon')).toHaveLength(1);
  },
);

test('a message of as many different words as fit is indexed', async () => {
  const talk = await startConversation(fresh.database);
  let text = '';
  for (let i = 0; text.length < 39_980; i++)
    text += `${String.fromCodePoint(0x20000 + (i % 40_000))}.${i.toString(36)}Ab-`;
  await talk.post(text.slice(0, 39_980));
  await deliver(fresh.database, search(), await talk.events());
  expect(await find(talk, '5ab')).toHaveLength(1);
});

test('every word of every text is found', async () => {
  const piece = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9]{1,6}$/),
    fc.constantFrom(
      ' ',
      '_',
      '-',
      '.',
      '/',
      ':',
      '@',
      '#',
      '<',
      '>',
      '&',
      ';',
      '=',
      '+',
      '~',
      '%',
      '?',
      "'",
      '"',
      '(',
      '\\',
      '\n',
      'http://',
      '.com',
      'é',
      'ß',
      '漢',
    ),
  );
  const texts = fc.array(
    fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => pieces.join('')),
    { minLength: 20, maxLength: 20 },
  );
  await fc.assert(
    fc.asyncProperty(texts, async (all) => {
      const talk = await said(...all);
      for (const text of all) {
        for (const word of text.match(/[\p{L}\p{N}]+/gu) ?? []) {
          expect(
            await find(talk, word),
            `${JSON.stringify(word)} in ${JSON.stringify(text)}`,
          ).toContain(text);
        }
      }
    }),
    { numRuns: 10 },
  );
});

test('whatever order and groups the events come in, the documents are those of the messages as they are', async () => {
  await fc.assert(
    fc.asyncProperty(randomSteps, fc.array(fc.nat()), async (steps, order) => {
      const played = await playSteps(fresh.database, search(), steps, order);
      const documents = () =>
        fresh.database.db.execute(sql`
        select message_id, version, document from knockon.search_documents where workspace_id = ${played.workspaceId} order by message_id`);
      const kept = [...(await documents())];
      await fresh.database.db.execute(
        sql`delete from knockon.search_documents where workspace_id = ${played.workspaceId}`,
      );
      await deliver(fresh.database, search(), await played.events());
      expect(kept).toEqual([...(await documents())]);
    }),
    { numRuns: 30 },
  );
});

test('many groups at once about the same messages wait for nobody who waits for them', async () => {
  const talk = await startConversation(fresh.database);
  const posted = await Promise.all(Array.from({ length: 200 }, (_, i) => talk.post(`old ${i}`)));
  for (const { id } of posted) await talk.edit(id, 'new');
  const events = (await talk.events()).sort((a, b) => (a.id.slice(-6) < b.id.slice(-6) ? -1 : 1));
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      deliver(
        fresh.database,
        search(),
        events.filter((_, n) => n % 20 === i),
      ),
    ),
  );
  expect(await find(talk, 'new')).toHaveLength(200);
  expect(await find(talk, 'old')).toHaveLength(0);
});
