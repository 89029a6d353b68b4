/** A mention, as far as the text alone tells. */
export interface Mention {
  /** Readings of one name, the likeliest first: `@anna]` and `@anna.lee` may both mean "anna". */
  readings: string[];
  /** Used if nobody has one of these names. Null: then it mentions nobody. */
  fallback: string | null;
}

/** Mentions of a text that are read. */
const MOST = 50;

/** Longest name, in UTF-16 units. */
const LONGEST_NAME = 255;

/** Readings of a name. */
const READINGS = 8;

/** Nicks have letters, digits and marks of every script, and these signs. */
const sign = '_\\-\\[\\]\\\\`^{|}';
const letter = `[\\p{L}\\p{N}\\p{M}${sign}]`;

/** `@nick`, but not in an e-mail address (`a.b@c`, `a@b@c`) or a path (`/@a`). */
const at = new RegExp(
  `(?<![\\p{L}\\p{N}][.+%~${sign}]*|[/@])@(${letter}+(?:\\.${letter}+)*)(?!\\.?${letter}|@)`,
  'gu',
);

/** Up to three words before a colon or a comma, but not `http://`. */
const opening = /^\s*([^\s:,]+(?: [^\s:,]+){0,2}) ?(?::(?!\/\/)|,)/u;

/** The formatting of IRC clients: U+0003 with its numbers, and single control characters. */
const formatting = /\p{Cc}(?<=\cC)(?:\d{1,2}(?:,\d{1,2})?)?|(?![\n\r\t])\p{Cc}/gu;
const urls = /\b[a-z][a-z0-9+.-]{0,20}:\/\/\S+|\bwww\.\S+/giu;

/** Finds `@nick` anywhere, and `nick:` or `nick,` at the start: the first 50 different ones. */
export function findMentions(text: string): Mention[] {
  const plain = text.replace(formatting, '');
  const [, first = ''] = opening.exec(plain) ?? [];
  const prose = plain.replace(urls, ' ');
  // The name, and the character before its @; null for the name at the start.
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

/** The name as written, then shorter: without closing signs, and without parts after full stops. */
function readingsOf(written: string, before: string): string[] {
  const readings: string[] = [];
  // Moves only the end: copies would take time that grows with the square of the length.
  let end = written.length;
  while (end > 0 && readings.length < READINGS) {
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

/** Removes closing signs whose opening sign is before the @, or missing. */
function unwrap(name: string, before: string): string {
  let end = name.length;
  if (closing[before] !== undefined && name.endsWith(closing[before])) end -= 1;
  const unopened = (name.includes('[') ? '' : ']') + (name.includes('{') ? '' : '}');
  while (end > 0 && unopened.includes(name.charAt(end - 1))) end -= 1;
  return name.slice(0, end);
}

/** As on IRC. So "@5pm" and "@-" mention nobody. */
const isLikelyNick = (name: string) =>
  name.length <= 64 && /^[^\p{N}-]/u.test(name) && /\p{L}/u.test(name);
