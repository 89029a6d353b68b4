import { withoutCodes } from '../formatting.ts';

/** Controls, but for lines and tabs, and the marks that only turn the direction of a text. */
const unseen = /(?![\n\r\t])\p{Cc}|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A line that repeats what somebody has said. */
const quotes = /^[^\S\n]{0,3}[>＞].*$/gmu;

/** Ends before the quotes and punctuation of a text around it, of CJK texts too. */
const urls =
  /(?:\b[a-z][a-z0-9+.-]{0,20}:\/\/|\bwww\.)[^\s<>"“”«»「」『』（）【】，。、；：！？]+/giu;

/** What may open or close code: backticks anywhere, tildes at the start of a line. */
const marks = /(?:(?<start>^[^\S\n]{0,3})|)(?<sign>`+|~{3,})|\n/gmu;

/** A name that has begun and goes on with a backtick, as nicks on IRC do: it opens no code. */
const nickBefore = /[@＠][\w\-[\]\\^{|}.`]{0,64}$/u;

/** A text without what it says to nobody: quotes, code, URLs and codes that format. */
export const proseOf = (text: string): string =>
  withoutCode(withoutCodes(text).replace(unseen, '').replace(quotes, '')).replace(urls, ' ');

/**
 * Without code: between as many backticks on one line, or between fences. A fence that is never
 * closed goes to the end.
 */
function withoutCode(text: string): string {
  if (!/`|~~~/.test(text)) return text;
  const found = [...text.matchAll(marks)];
  const closers = closersOf(found);
  let prose = '';
  let from = 0;
  for (const [i, { index, groups }] of found.entries()) {
    const { start, sign = '' } = groups ?? {};
    if (sign === '' || index < from || (sign.startsWith('~') && start === undefined)) continue;
    const opening = index + (start?.length ?? 0);
    if (nickBefore.test(text.slice(Math.max(0, opening - 65), opening))) continue;
    const isFence = start !== undefined && sign.length >= 3;
    const closer = found[closers[i] ?? -1];
    if (!closer && !isFence) continue;
    prose += `${text.slice(from, opening)} `;
    from = closer ? closer.index + closer[0].length : text.length;
  }
  return prose + text.slice(from);
}

/** Which mark closes what each would open, looked up from the end so that it stays linear. */
function closersOf(found: RegExpExecArray[]): (number | undefined)[] {
  const next = new Map<string, number>();
  const closers: (number | undefined)[] = [];
  for (let i = found.length - 1; i >= 0; i--) {
    const { start, sign } = found[i]!.groups ?? {};
    if (sign === undefined) for (const short of ['`', '``']) next.delete(short);
    else if (sign.startsWith('`') || start !== undefined) {
      closers[i] = next.get(sign);
      next.set(sign, i);
    }
  }
  return closers;
}
