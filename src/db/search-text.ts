// How text becomes words, for the document that is searched and for the query that searches it: the
// two must agree. Postgres' own parser would keep `https://x.com/a_b`, `node.js` and `a/b.txt`
// whole, take `-12` for a number and `<b>` for a tag, and need time that grows with the square of a
// token's length: 43 s for 40,000 characters of `a_a_a_`.

const word = /[\p{L}\p{M}\p{N}]+/gu;
const hump = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/gu;

/** What is indexed of a text. */
export interface SearchText {
  /** Its runs of letters and digits: `coupon` is found in `create_subscription-coupon`. */
  words: string;
  /**
   * The same with camelCase taken apart: `customer` is found in `customerID`. '' where there is
   * none.
   */
  parts: string;
}

/** Reads a text for indexing. */
export function searchText(text: string): SearchText {
  const words = wordsOf(text);
  const parts = words.replace(hump, ' ');
  return { words, parts: parts === words ? '' : parts };
}

/**
 * A search as people type it ("exact phrase", -not, or), in words as `searchText` makes them, for
 * `websearch_to_tsquery`. What is written together is looked for as a phrase: `node.js` becomes
 * `"node js"`, `-coupon_code` becomes `-"coupon code"`.
 */
export function searchQuery(typed: string): string {
  const terms: string[] = [];
  for (const { excluded, words } of termsOf(typed)) {
    if (words === null) terms.push('or');
    else if (words.length > 0) terms.push(`${excluded ? '-' : ''}"${words.join(' ')}"`);
  }
  return terms.join(' ');
}

/**
 * How many words a search has, those of phrases and those that are excluded among them; `node.js`
 * has two, `or` is none.
 */
export function wordsIn(typed: string): number {
  return termsOf(typed).reduce((n, { words }) => n + (words?.length ?? 0), 0);
}

/** The terms of a search; `words` is null for an `or`. */
function termsOf(typed: string): { excluded: boolean; words: string[] | null }[] {
  return Array.from(typed.matchAll(/-?"[^"]*"?|\S+/gu), ([term]) => ({
    excluded: term.startsWith('-'),
    words: /^or$/i.test(term) ? null : (term.match(word) ?? []),
  }));
}

const wordsOf = (text: string): string => (text.match(word) ?? []).join(' ');
