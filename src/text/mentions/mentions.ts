import { foreignPart, isDomain } from './foreign.ts';
import {
  bindsAt,
  CLOSING,
  characterBefore,
  type Reading,
  readingsOf,
  SIGNS,
  withoutAttached,
} from './names.ts';
import { type Opening, openingsOf } from './openings.ts';
import { proseOf } from './prose.ts';

/** A mention, as far as the text alone tells. */
export interface Mention {
  /** Where its name begins, in the text without code and quotes. */
  at: number;
  /** What the name may be, longest first: `@anna]` and `@anna.lee` may both mean "anna". */
  readings: Reading[];
  /** Used if nobody has one of these names. Null: then it mentions nobody. */
  fallback: string | null;
}

/** Whom a text mentions, as far as it alone tells. */
export interface Mentions {
  /** Whom its start addresses. */
  openings: Opening[];
  /** Each `@name`. */
  mentions: Mention[];
}

/** Mentions of a text that are read. */
const MOST = 50;

/** Characters behind an @ that are looked at: a handle, its letters decomposed. */
const AHEAD = 192;

/** Characters before an @ that tell whether it begins a mention. */
const BEHIND = 64;

/** Mentions that may take turns in a text that repeats itself. */
const REPEATED = 4;

const run = new RegExp(
  `(?:(?![\\s\\p{Cc}\\p{Cs}])(?:\\P{Cf}|[\\u200c\\u200d\\u{e0020}-\\u{e007f}])){1,${AHEAD}}`,
  'uy',
);

/** Nicks have letters, digits and marks of every script, and these signs. */
const letter = `[\\p{L}\\p{N}\\p{M}${SIGNS}]`;
const name = new RegExp(`${letter}+(?:\\.${letter}+)*`, 'uy');

/** A name doesn't begin with an accent or punctuation. */
const first = new RegExp(`^(?!\\p{M})[\\p{L}\\p{N}\\p{S}${SIGNS}]`, 'u');

const isAt = (character: string) => character !== '' && '@＠﹫'.includes(character);

/** Finds `@nick` anywhere, the first 50 different ones, and `nick:` or `nick,` at the start. */
export function findMentions(text: string): Mentions {
  const prose = proseOf(text);
  return { openings: openingsOf(prose), mentions: named(prose) };
}

function named(prose: string): Mention[] {
  const found = new Map<string, Mention>();
  /** What was read last: repetitions are read once. */
  const recent: { behind: string; ahead: string; one: Found | null }[] = [];
  /** Where the name before ends: `@ada/@bob` are two. */
  let joinedAt = -1;
  for (const { index } of prose.matchAll(/[@＠﹫]/gu)) {
    if (found.size === MOST) break;
    if (!first.test(prose.slice(index + 1, index + 3))) continue;
    const behind = prose.slice(Math.max(0, index - BEHIND), index);
    const ahead = prose.slice(index, index + AHEAD);
    const known = recent.find((other) => other.ahead === ahead && other.behind === behind);
    const one = known ? known.one : readAt(prose, index, joinedAt);
    if (one?.joins) joinedAt = index + one.joins;
    if (known) continue;
    if (recent.unshift({ behind, ahead, one }) > REPEATED) recent.pop();
    if (one && !found.has(one.key)) found.set(one.key, one.mention);
  }
  return [...found.values()];
}

interface Found {
  /** The same for mentions of the same names. */
  key: string;
  /** Length of the @ and its name, to which the next @ may be joined; 0: it can't. */
  joins: number;
  mention: Mention;
}

/** Null: the @ at `index` mentions nobody. */
function readAt(prose: string, index: number, joinedAt: number): Found | null {
  const at = index + 1;
  if (!mayBegin(prose, index, joinedAt)) return null;
  const before = prose.charAt(index - 1);
  const written = matchAt(name, prose, at);
  const characters = matchAt(run, prose, at);
  const foreign = foreignPart(prose, at + written.length);
  const readings = readingsOf(characters, before, foreign && written.length + foreign);
  return {
    key: `${CLOSING[before] ?? ''} ${characters}`,
    joins: foreign === 0 ? 1 + written.length : 0,
    mention: {
      at,
      readings: readings.map((reading) => ({ ...reading, end: at + reading.end })),
      fallback: foreign === 0 ? strangerIn(written, before) : null,
    },
  };
}

/** Whether `@handle` finds a member of this handle. */
export const canBeMentioned = (handle: string): boolean =>
  findMentions(`@${handle}`).mentions.some(({ readings }) =>
    readings.some(({ name }) => name === handle),
  );

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

/** What binds an @ to the letter before: `karl_@example.com`, `"karl"@example.com`. */
const bound = new RegExp(`[\\p{L}\\p{N}]\\p{M}{0,4}["'.+%~${SIGNS}]{1,32}$`, 'u');

/** An address without its scheme: `example.com/?by=`. */
const address = /[\p{L}\p{N}]\.\p{L}{2,24}(?::\d{1,5})?[/?#]\S*$/u;

/** Whether the @ at `index` begins a mention: not that of an e-mail address, path or URL. */
function mayBegin(text: string, index: number, joinedAt: number): boolean {
  const before = characterBefore(text, index);
  if (/^\s?$/u.test(before)) return true;
  if (before === '\\') return !isEscaped(text, index);
  if (isAt(before)) return false;
  if (joinedAt >= 0 && /^[/+&|-]?$/.test(text.slice(joinedAt, Math.min(index, joinedAt + 2))))
    return true;
  if (before === '/' || bindsAt(before)) return false;
  const line = text.slice(Math.max(0, index - BEHIND), index);
  if (address.test(line)) return false;
  return !(/[\p{L}\p{M}]/u.test(before) || bound.test(line)) || !isDomain(text, index + 1);
}

function isEscaped(text: string, index: number): boolean {
  let start = index;
  while (text.charAt(start - 1) === '\\') start -= 1;
  return (index - start) % 2 === 1;
}

/** Whom a name means that nobody has: the name without what is likely around it. */
function strangerIn(written: string, before: string): string | null {
  const plain = unwrap(withoutAttached(sentenceless(written)), before);
  return isLikelyNick(plain) ? plain.normalize('NFC') : null;
}

/** "@anna.lee" is a name, "@anna.Thanks" a name and the next sentence. */
const sentenceless = (written: string) => written.replace(/\.(?=\p{Lu}).*$/u, '');

/** Removes closing signs whose opening sign is before the @, or missing. */
function unwrap(name: string, before: string): string {
  let end = name.length;
  if (CLOSING[before] !== undefined && name.endsWith(CLOSING[before])) end -= 1;
  const unopened = (name.includes('[') ? '' : ']') + (name.includes('{') ? '' : '}');
  while (end > 0 && unopened.includes(name.charAt(end - 1))) end -= 1;
  return name.slice(0, end);
}

/** As on IRC. So "@5pm" and "@-" mention nobody. */
const isLikelyNick = (name: string) =>
  name.length <= 64 && /^[^\p{N}-]/u.test(name) && /\p{L}/u.test(name);
