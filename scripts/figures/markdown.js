// Reads Markdown as far as the checks of pages need it: blocks of prose, headings, links.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Every page of the repository that git knows, new ones included. */
export function pages() {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate', '*.md'];
  const listed = execFileSync('git', args, { encoding: 'utf8' });
  return listed.trim().split('\n').filter(isThere).map(readPage);
}

const isThere = (path) => {
  try {
    return readFileSync(path, 'utf8') !== '';
  } catch {
    return false; // deleted, and not committed yet
  }
};

/**
 * A page: `lines`; `headings` as text; `blocks` of prose, each with its first line (from 1) and its
 * text on one line. A list item is a block. Code, comments, tables and headings are none.
 */
export function readPage(path) {
  const lines = readFileSync(path, 'utf8').replace(/\n$/, '').split('\n');
  const page = { path, lines, headings: [], blocks: [], prose: [] };
  let block = null;
  let isInside = null;
  for (const [i, line] of lines.entries()) {
    const fence = /^\s*(```|~~~)/.exec(line)?.[1];
    if (fence) isInside = toggled(isInside, fence);
    else if (isInside === null && /^\s*<!--/.test(line)) isInside = '-->';
    const isProse = isInside === null && !fence;
    if (isInside === '-->' && line.includes('-->')) isInside = null;
    page.prose.push(isProse);
    if (isProse && /^#+ /.test(line)) page.headings.push(line.replace(/^#+ /, ''));
    if (!isProse || line.trim() === '' || /^(#+ |\||\[!\[|---)/.test(line)) block = null;
    else if (block === null || /^\s*([-*]|\d+\.) /.test(line)) {
      block = { line: i + 1, text: line.trim() };
      page.blocks.push(block);
    } else {
      block.text += ` ${line.trim()}`;
    }
  }
  return page;
}

const toggled = (isInside, fence) => {
  if (isInside === null) return fence;
  return isInside === fence ? null : isInside;
};

/** What a reader sees of a block: without marks, links' addresses and list bullets. */
export const visible = (text) =>
  text
    .replace(/^([-*]|\d+\.) /, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\*\*|(?<!\w)_|_(?!\w)/g, '');

const ABBREVIATIONS = /\b(e\.g|i\.e|vs|etc|approx)\.$/;

/** Ends at `.`, `!` or `?` before a space and the beginning of another sentence. */
export function sentences(text) {
  const parts = visible(text).split(/(?<=[.!?]["')`]?)\s+(?=[A-Z0-9`"'([*@/…—])/);
  const joined = [];
  for (const part of parts) {
    if (ABBREVIATIONS.test(joined.at(-1) ?? '')) joined[joined.length - 1] += ` ${part}`;
    else joined.push(part);
  }
  return joined;
}

/** Words: what stands between spaces and has a letter or a digit. */
export const words = (text) => text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
