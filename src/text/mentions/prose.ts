import { withoutCodes } from '../formatting.ts';

/** Controls, but for lines and tabs, and the marks that only turn the direction of a text. */
const unseen = /(?![\n\r\t])\p{Cc}|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A line that repeats what somebody has said, in a list too. */
const quotes = /^[^\S\n]{0,12}(?:(?:[-*+•]|\d{1,9}[.)])[^\S\n]{1,4}){0,4}[>＞].*$/gmu;

/** Ends before the quotes and punctuation of a text around it, of CJK texts too. */
const urls =
  /(?:\b[a-z][a-z0-9+.-]{0,20}:\/\/|\bwww\.)[^\s<>"“”«»「」『』（）【】，。、；：！？]+/giu;

/** What may open or close code: backticks and tildes, with what is before them on their line. */
const marks = /(?:(^[^\S\n]{0,3})|)(`+|~{3,})|\n/gmu;

/** A name that has begun and goes on with a backtick, as nicks on IRC do: it opens no code. */
const nickBefore = /[@＠][\w\-[\]\\^{|}.`]{0,64}$/u;

/** A text without what it says to nobody: quotes, code, URLs and codes that format. */
export const proseOf = (text: string): string =>
  withoutUrls(withoutCode(withoutCodes(text).replace(unseen, '').replace(quotes, '')));

const withoutUrls = (text: string) => (/:\/\/|www\./i.test(text) ? text.replace(urls, ' ') : text);

/**
 * Without code: between as many backticks on one line, or between fences. A fence that is never
 * closed goes to the end.
 */
function withoutCode(text: string): string {
  if (!/`|~~~/.test(text)) return text;
  const found = marksIn(text);
  const mayBeNicks = /[@＠]/.test(text);
  const prose: string[] = [];
  let from = 0;
  for (const { at, sign, isFence, closer } of found) {
    if (sign === '' || at < from) continue;
    if (mayBeNicks && nickBefore.test(text.slice(Math.max(0, at - 65), at))) continue;
    if (!closer && !isFence) continue;
    prose.push(text.slice(from, at));
    from = closer ? closer.at + closer.sign.length : text.length;
  }
  return [...prose, text.slice(from)].join(' ');
}

interface Mark {
  at: number;
  /** Empty: the end of a line. */
  sign: string;
  /** At the start of a line, and long enough for code of several lines. */
  isFence: boolean;
  /** The next one that could close it. */
  closer?: Mark;
}

function marksIn(text: string): Mark[] {
  const found: Mark[] = [];
  for (const { index, 1: start, 2: sign = '' } of text.matchAll(marks)) {
    if (sign.startsWith('~') && start === undefined) continue;
    const isFence = start !== undefined && sign.length >= 3;
    found.push({ at: index + (start?.length ?? 0), sign, isFence });
  }
  pairUp(found);
  return found;
}

/** Looks up from the end what closes each, so that it stays linear. */
function pairUp(found: Mark[]): void {
  const next = new Map<string, Mark>();
  /** Of each sign the fences behind, of which none is hidden by a longer one before it. */
  const fences = new Map<string, Mark[]>();
  for (let i = found.length - 1; i >= 0; i--) {
    const mark = found[i]!;
    if (mark.sign === '') for (const short of ['`', '``']) next.delete(short);
    else {
      mark.closer = nearer(next.get(mark.sign), mark.isFence ? longFence(fences, mark) : undefined);
      next.set(mark.sign, mark);
    }
  }
}

/** The next fence that is at least as long; this one is before all others from then on. */
function longFence(fences: Map<string, Mark[]>, mark: Mark): Mark | undefined {
  const sign = mark.sign.charAt(0);
  const behind = fences.get(sign) ?? [];
  while (behind.length > 0 && behind.at(-1)!.sign.length < mark.sign.length) behind.pop();
  const closer = behind.at(-1);
  behind.push(mark);
  fences.set(sign, behind);
  return closer;
}

const nearer = (one: Mark | undefined, other: Mark | undefined): Mark | undefined =>
  one && other ? (one.at < other.at ? one : other) : (one ?? other);
