import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { highlighted, jointed, MARK } from '../../../src/api/highlight.ts';
import { searchQuery } from '../../../src/db/search-text.ts';
import { freshDatabase } from '../../harness/database.ts';

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh?.close());

async function highlight(text: string, typed: string): Promise<string> {
  const [row] = await fresh.database.db.execute<{ headline: string }>(sql`
    select ts_headline('english', ${jointed(sql`${text}::text`)}, websearch_to_tsquery('english', ${searchQuery(typed)}), ${MARK.options}) as headline`);
  return highlighted(row!.headline);
}

test.each([
  [
    'coupon',
    'see https://x.com/a#create_subscription-coupon',
    'see https://x.com/a#create_subscription-<mark>coupon</mark>',
  ],
  ['node.js', 'I run node.js here', 'I run <mark>node</mark>.<mark>js</mark> here'],
  ['façade', 'la <b>façade</b> bleue', 'la &lt;b&gt;<mark>façade</mark>&lt;/b&gt; bleue'],
  ['12', 'from -12 & on', 'from -<mark>12</mark> &amp; on'],
  ['red', 'red\u0001 \ue000car\ue001', '<mark>red</mark> car'],
])('a search for %j marks its words in %j', async (typed, text, marked) => {
  expect(await highlight(text, typed)).toBe(marked);
});

test('the longest message of the worst kind is highlighted in reasonable time', async () => {
  const began = performance.now();
  expect(await highlight(`${'a_'.repeat(19_996)} coupon`, 'coupon')).toContain(
    '<mark>coupon</mark>',
  );
  expect(performance.now() - began).toBeLessThan(3000);
});
