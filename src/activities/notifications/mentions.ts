/** Whom a text may mean, as far as can be told without knowing anybody. */
export interface Mention {
  /** Readings of one name, the likeliest first: `@anna]` and `@anna.lee` may both mean "anna". */
  readings: string[];
  /** Taken where nobody known has one of these names; null: then it means nobody. */
  fallback: string | null;
}

/** Most mentions of a text that are followed. */
const MOST = 50;

/** Longest name anybody has, in UTF-16 units. */
const LONGEST_NAME = 255;

/**
 * What nicks are made of, on IRC and elsewhere: letters, digits and marks of every script, and
 * these signs.
 */
const sign = '_\\-\\[\\]\\\\`^{|}';
const letter = `[\\p{L}\\p{N}\\p{M}${sign}]`;

/** `@nick`, and not a part of an e-mail address (`a.b@c`, `a@b@c`) or of a path (`/@a`). */
const at = new RegExp(
  `(?<![\\p{L}\\p{N}][.+%~${sign}]*|[/@])@(${letter}+(?:\\.${letter}+)*)(?!\\.?${letter}|@)`,
  'gu',
);

/** Up to three words before a colon or a comma; `http://` is not said to anybody. */
const opening = /^\s*([^\s:,]+(?: [^\s:,]+){0,2}) ?(?::(?!\/\/)|,)/u;

/**
 * Bold, colours and the like, as IRC clients write them: U+0003 with its numbers, and single
 * characters.
 */
const formatting = /\p{Cc}(?<=\cC)(?:\d{1,2}(?:,\d{1,2})?)?|(?![\n\r\t])\p{Cc}/gu;
const urls = /\b[a-z][a-z0-9+.-]{0,20}:\/\/\S+|\bwww\.\S+/giu;

/**
 * Finds `@nick` anywhere, and `nick:` or `nick,` at the start: 50 different ones at most, the first
 * of them.
 */
export function findMentions(text: string): Mention[] {
  const plain = text.replace(formatting, '');
  const [, first = ''] = opening.exec(plain) ?? [];
  const prose = plain.replace(urls, ' ');
  // With what stands before its @, or null for the one at the start. Each is read once, however
  // often it is written.
  const found = new Map<string, string | null>();
  if (first !== '' && first.length <= LONGEST_NAME) found.set(first, null);
  for (const match of prose.matchAll(at)) {
    if (found.size === MOST) break;
    found.set(`@${match[1]}`, prose.charAt(match.index - 1));
  }
  return Array.from(found, ([name, before]) =>
    before === null ? { readings: [name], fallback: null } : named(name.slice(1), before),
  );
}

function named(written: string, before: string): Mention {
  const plain = unwrap(sentenceless(written), before);
  return { readings: readingsOf(written, before), fallback: isLikelyNick(plain) ? plain : null };
}

/**
 * The name as written, and ever shorter: without a closing sign, without the part after a full
 * stop.
 */
function readingsOf(written: string, before: string): string[] {
  const readings: string[] = [];
  // By its end alone: a copy a sign would need time that grows with the square of a name's length.
  for (let end = written.length; end > 0 && readings.length < 8; ) {
    if (end <= LONGEST_NAME) readings.push(written.slice(0, end));
    const last = written.charAt(end - 1);
    const closes = '-]}`.'.includes(last) || closing[before] === last;
    end = closes ? end - 1 : Math.max(0, written.lastIndexOf('.', end - 1));
  }
  return readings;
}

/** "@anna.lee" is a name, "@anna.Thanks" a name and the next sentence. */
const sentenceless = (written: string) => written.replace(/\.(?=\p{Lu}).*$/u, '');

const closing: Record<string, string> = {
  '[': ']',
  '{': '}',
  '`': '`',
  '|': '|',
  _: '_',
  '^': '^',
};

/** Takes off a closing sign whose opening one stands before the @, or nowhere. */
function unwrap(name: string, before: string): string {
  let end = name.length;
  if (closing[before] !== undefined && name.endsWith(closing[before])) end -= 1;
  const unopened = (name.includes('[') ? '' : ']') + (name.includes('{') ? '' : '}');
  while (end > 0 && unopened.includes(name.charAt(end - 1))) end -= 1;
  return name.slice(0, end);
}

/** As nicks of IRC are: so that "@5pm" and "@-" mean nobody. */
const isLikelyNick = (name: string) =>
  name.length <= 64 && /^[^\p{N}-]/u.test(name) && /\p{L}/u.test(name);
