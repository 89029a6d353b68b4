import { decorated } from './decorators.ts';

const label = '[\\p{L}\\p{N}\\p{M}](?:[\\p{L}\\p{N}\\p{M}-]{0,62})';

/** Not such as in "anna.Thanks": there the next sentence begins. */
const top =
  '(?:\\p{Ll}{2,24}|\\p{Lu}{2,24}|xn--[a-z0-9-]{2,59}|[\\p{Lo}\\p{M}]{2,24})' +
  '(?![\\p{L}\\p{N}\\p{M}_-])';

const host = [
  `(?:${label}\\.){1,8}${top}`,
  '\\d{1,3}(?:\\.\\d{1,3}){3}(?!\\d)',
  '\\[[\\da-fA-F:.]{2,45}\\]',
  'localhost(?![\\p{L}\\p{N}_-])',
].join('|');

/** The id of another server's user: `@alice:example.org`, `@alice@example.org`. */
const server = `[:@＠](?:${host})(?::\\d{1,5})?`;

/** A package or a path: `@types/node`. */
const path = '\\/[\\w*~](?:[\\w.~*/-]{0,200}[\\w*~/])?';

const rest = new RegExp(`${server}|${path}|${decorated}`, 'uy');
const domain = new RegExp(host, 'uy');

/**
 * How much follows a name that makes it no member's: another server's id, a package, a decorator.
 * 0 if nothing does.
 *
 * @param at where the name ends
 */
export function foreignPart(text: string, at: number): number {
  rest.lastIndex = at;
  return rest.exec(text)?.[0].length ?? 0;
}

/** Whether a domain stands here, so that an e-mail address may be around it. */
export function isDomain(text: string, at: number): boolean {
  domain.lastIndex = at;
  return domain.test(text);
}
