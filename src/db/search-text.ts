// How text becomes words, for the document that is searched and for the query that searches it: the two must agree.
// Postgres' own parser keeps `https://x.com/a_b`, `node.js` and `a/b.txt` whole, takes `-12` for a number and `<b>` for a tag,
// and needs time that grows with the square of a token's length: 43 s for 40,000 characters of `a_a_a_`.

const word = /[\p{L}\p{M}\p{N}]+/gu;
const plain = /^[("'“‘]*[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}\p{N}]+)*[)"'”’.,;:!?…]*$/u;
const bare = /^[^\p{L}\p{M}\p{N}<&]+$/u;
const hump = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/gu;

/** Longest token that Postgres' parser is given as it is; the words of a longer one are found all the same. */
const LONGEST = 100;

/** What is indexed of a text: three readings, of which the last two are '' where they would add nothing. */
export interface SearchText {
  /** As written. */
  text: string;
  /** Letters and digits only: finds `coupon` in `create_subscription-coupon`. */
  words: string;
  /** The same with camelCase taken apart: finds `customer` in `customerID`. */
  parts: string;
}

/** Reads a text for indexing. The time it takes, here and in Postgres, grows with the text's length and no faster. */
export function searchText(text: string): SearchText {
  const tokens = text.split(/\s+/u).filter(Boolean);
  const compound = tokens.some((token) => token.length > LONGEST || !(plain.test(token) || bare.test(token)));
  const split = wordsOf(text);
  const parts = split.replace(hump, ' ');
  return {
    text: compound ? tokens.map((token) => (token.length > LONGEST ? ' ' : token)).join(' ') : text,
    words: compound ? split : '',
    parts: parts === split ? '' : parts,
  };
}

/**
 * A search as people type it ("exact phrase", -not, or), in words as `searchText` makes them, for `websearch_to_tsquery`.
 * What holds together is looked for as a phrase: `node.js` becomes `"node js"`, `-coupon_code` becomes `-"coupon code"`.
 */
export function searchQuery(typed: string): string {
  const terms: string[] = [];
  for (const [term] of typed.matchAll(/-?"[^"]*"?|\S+/gu)) {
    if (/^or$/i.test(term)) terms.push('or');
    else {
      const words = wordsOf(term);
      if (words) terms.push(`${term.startsWith('-') ? '-' : ''}"${words}"`);
    }
  }
  return terms.join(' ');
}

const wordsOf = (text: string): string => (text.match(word) ?? []).join(' ');
