// Fails where a page uses a word that we avoid, or leads nowhere: a file that is not there, or a
// heading that a page does not have. Riddles are looked for in src/ too.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { pages } from './figures/markdown.js';

/** Words of our own that a reader must guess, in pages, code and messages. */
const RIDDLES = 'heeds?|reckon(s|ed)?|forgive|whoever|distrust|sees to|it is looked whether';
const anyRiddle = new RegExp(`\\b(${RIDDLES}|forgiven)\\b`, 'i');

/** What a page is clearer without, and what it says instead. */
const AVOIDED = [
  [/\b(want|wants|wanted) (a|an|the|to be)\b/i, 'needs, or must be'],
  [/\bwants\b/i, 'needs, or must be'],
  [/\b(simply|obviously|of course|basically|very|quite|easily|clearly|actually)\b/i, 'nothing'],
  [/\b(at work on it|seen through|is told of)\b/i, 'running, finished, reported'],
  [/\b(utilize|leverage|in order to|due to the fact|prior to|in terms of)\b/i, 'the plain word'],
  [/\b(as it were|so to speak|needless to say|it should be noted)\b/i, 'nothing'],
];

/** Where a path in backticks may begin. */
const ROOTS = ['', 'src/', 'src/activities/', 'src/transport/'];

const all = pages();
const anchors = new Map(all.map((page) => [normalize(page.path), anchorsOf(page)]));
const faults = all
  .flatMap((page) => [...wordsOf(page), ...linksOf(page), ...pathsOf(page)])
  .concat(riddlesInCode());
for (const fault of faults) console.error(fault);
console.log(`${all.length} pages, ${faults.length} words or links to mend`);
process.exit(faults.length === 0 ? 0 : 1);

function wordsOf({ path, lines, prose }) {
  return lines.flatMap((line, i) => {
    if (!prose[i]) return [];
    const text = line.replace(/`[^`]*`|\]\([^)]*\)|"[^"]*"/g, '');
    const riddle = anyRiddle.exec(text);
    const found = AVOIDED.flatMap(([pattern, better]) => {
      const word = pattern.exec(text)?.[0];
      return word === undefined ? [] : [`${path}:${i + 1}: "${word}": say ${better}`];
    });
    return riddle ? [`${path}:${i + 1}: "${riddle[0]}": say it plainly`, ...found] : found;
  });
}

function riddlesInCode() {
  try {
    const found = execFileSync('git', ['grep', '-nwE', RIDDLES, '--', 'src', 'docs'], {
      encoding: 'utf8',
    });
    return found.trim().split('\n');
  } catch (error) {
    if (error.status === 1) return []; // nothing found
    throw error;
  }
}

function linksOf({ path, lines, prose }) {
  return lines.flatMap((line, i) => {
    if (!prose[i]) return [];
    const targets = [...line.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
    return targets.flatMap((target) => {
      const fault = faultOf(path, target);
      return fault ? [`${path}:${i + 1}: ${target}: ${fault}`] : [];
    });
  });
}

/** What is wrong with a link of a page; null: nothing. Other sites are not asked. */
function faultOf(path, target) {
  if (/^[a-z]+:/.test(target)) return null;
  const [file, anchor] = target.split('#');
  const place = file === '' ? normalize(path) : normalize(join(dirname(path), file));
  if (!existsSync(place)) return 'there is no such file';
  if (anchor === undefined || !place.endsWith('.md')) return null;
  return anchors.get(place)?.has(anchor) ? null : 'that page has no such heading';
}

function pathsOf({ path, lines, prose }) {
  return lines.flatMap((line, i) => {
    if (!prose[i]) return [];
    const named = [...line.matchAll(/`((?:[\w-]+\/)+[\w.-]+\.(?:ts|tsx|js|md))`/g)];
    return named
      .map(([, name]) => name)
      .filter((name) => !ROOTS.some((root) => existsSync(root + name)))
      .map((name) => `${path}:${i + 1}: ${name}: there is no such file`);
  });
}

/** Anchors as GitHub makes them: a second heading of the same text has `-1` behind it. */
function anchorsOf({ headings }) {
  const found = new Set();
  for (const heading of headings) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
    let name = slug;
    for (let n = 1; found.has(name); n++) name = `${slug}-${n}`;
    found.add(name);
  }
  return found;
}
