// The stems of English words by the Porter2 algorithm (snowballstem.org), as Postgres'
// `english_stem` has them: `deploys`, `deployed` and `deploying` are `deploy`.

const irregular: Record<string, string> = {
  skis: 'ski',
  skies: 'sky',
  dying: 'die',
  lying: 'lie',
  tying: 'tie',
  idly: 'idl',
  gently: 'gentl',
  ugly: 'ugli',
  early: 'earli',
  only: 'onli',
  singly: 'singl',
};
const unchanged = new Set('sky news howe atlas cosmos bias andes'.split(' '));
const unchangedAfterPlural = new Set(
  'inning outing canning herring earring proceed exceed succeed'.split(' '),
);

type Rule = [suffix: string, replacement: string, onlyAfter?: RegExp];

const step2: Rule[] = [
  ['ization', 'ize'],
  ['ational', 'ate'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['iveness', 'ive'],
  ['tional', 'tion'],
  ['biliti', 'ble'],
  ['lessli', 'less'],
  ['entli', 'ent'],
  ['ation', 'ate'],
  ['alism', 'al'],
  ['aliti', 'al'],
  ['ousli', 'ous'],
  ['iviti', 'ive'],
  ['fulli', 'ful'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['abli', 'able'],
  ['izer', 'ize'],
  ['ator', 'ate'],
  ['alli', 'al'],
  ['bli', 'ble'],
  ['ogi', 'og', /l$/],
  ['li', '', /[cdeghkmnrt]$/],
];

const step3: Rule[] = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['alize', 'al'],
  ['icate', 'ic'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ness', ''],
  ['ful', ''],
];

const step4: Rule[] = [
  ...'ement ance ence able ible ment ant ent ism ate iti ous ive ize'
    .split(' ')
    .map((suffix): Rule => [suffix, '']),
  ['ion', '', /[st]$/],
  ['al', ''],
  ['er', ''],
  ['ic', ''],
];

const region = /^[^aeiouy]*[aeiouy]+[^aeiouy]/;

/** Where the part of a word begins that rules may change: after its first syllable. */
function firstRegion(word: string): number {
  const [known] = /^(?:gener|commun|arsen)/.exec(word) ?? region.exec(word) ?? [];
  return known?.length ?? word.length;
}

const secondRegion = (word: string, first: number): number =>
  first + (region.exec(word.slice(first))?.[0].length ?? word.length - first);

const endsShort = (word: string) => /^[aeiouy][^aeiouy]$|[^aeiouy][aeiouy][^aeiouywxY]$/.test(word);

/** Applies the rule of the longest suffix, where that is in the region that begins at `from`. */
function replaceSuffix(word: string, rules: Rule[], from: number): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix));
  if (!rule) return word;
  const [suffix, replacement, onlyAfter] = rule;
  const rest = word.slice(0, -suffix.length);
  return rest.length < from || onlyAfter?.test(rest) === false ? word : rest + replacement;
}

function withoutPlural(word: string): string {
  if (word.endsWith('sses')) return word.slice(0, -2);
  if (/ie[ds]$/.test(word)) return word.slice(0, word.length > 4 ? -2 : -1);
  return /[aeiouy].+s$/.test(word) && !/[us]s$/.test(word) ? word.slice(0, -1) : word;
}

function withoutTense(word: string, first: number): string {
  const [eed] = /eed(?:ly)?$/.exec(word) ?? [];
  if (eed) return word.length - eed.length >= first ? `${word.slice(0, -eed.length)}ee` : word;
  const [, rest] = /^(.*[aeiouy].*?)(?:ed|ing)(?:ly)?$/.exec(word) ?? [];
  if (rest === undefined) return word;
  if (/(?:at|bl|iz)$/.test(rest)) return `${rest}e`;
  if (/(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(rest)) return rest.slice(0, -1);
  return endsShort(rest) && rest.length <= first ? `${rest}e` : rest;
}

function withoutEnd(word: string, first: number, second: number): string {
  const rest = word.slice(0, -1);
  const isInSecond = rest.length >= second;
  if (word.endsWith('e'))
    return isInSecond || (rest.length >= first && !endsShort(rest)) ? rest : word;
  return word.endsWith('ll') && isInSecond ? rest : word;
}

function steps(word: string): string {
  // A y that is a consonant.
  const marked = word.replace(/^y|(?<=[aeiouy])y/g, 'Y');
  const first = firstRegion(marked);
  const second = secondRegion(marked, first);
  const singular = withoutPlural(marked);
  if (unchangedAfterPlural.has(singular)) return singular;
  const untensed = withoutTense(singular, first).replace(/(?<=.[^aeiouy])[yY]$/, 'i');
  const third = replaceSuffix(replaceSuffix(untensed, step2, first), step3, first);
  const inSecond = third.endsWith('ative') && third.length - 5 >= second;
  const fourth = replaceSuffix(inSecond ? third.slice(0, -5) : third, step4, second);
  return withoutEnd(fourth, first, second).toLowerCase();
}

/** Whether a word in lower case may be English: longer ones and such with digits are not. */
export const isEnglish = (word: string): boolean => /^[a-z]{3,30}$/.test(word);

/** The stem of a word in lower case; the word itself where it has none but that. */
export function stemOf(word: string): string {
  if (!isEnglish(word)) return word;
  return irregular[word] ?? (unchanged.has(word) ? word : steps(word));
}
