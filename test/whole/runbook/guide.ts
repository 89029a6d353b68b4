import { readFileSync } from 'node:fs';
import { type Command, readRunbook } from '../../../drills/page/read.ts';

/** A section of a guide that is typed from its beginning to its end. */
export interface WalkThrough {
  /** To be written first. */
  files: { name: string; text: string }[];
  commands: Command[];
}

const FILE = /<!-- file: (\S+) -->\n```\w+\n([\s\S]*?)```\n/g;

/** @throws where the page has no such section */
export function readWalkThrough(page: URL, title: string): WalkThrough {
  const text = readFileSync(page, 'utf8');
  const start = text.indexOf(`\n## ${title}\n`) + 1;
  if (start === 0) throw new Error(`${page.pathname} has no section "${title}"`);
  const end = text.indexOf('\n## ', start);
  const section = linesOf(text.slice(0, start)) + text.slice(start, end === -1 ? undefined : end);
  const files = [...section.matchAll(FILE)].map(([, name, text]) => ({ name: name!, text: text! }));
  const [read] = readRunbook(section.replace(FILE, linesOf));
  return { files, commands: read!.commands.start };
}

/** So that the lines after it keep their numbers. */
const linesOf = (text: string): string => '\n'.repeat(text.split('\n').length - 1);
