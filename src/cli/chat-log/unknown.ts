import { type Fields, isObject } from './json.ts';
import { DIALECTS } from './layouts.ts';
import { type Path, showPath } from './mapping.ts';

/** A row of a file: a line, or a record of a document. */
export interface Seen {
  number: number;
  text: string;
}

/**
 * What is said where no line is in a layout that is understood: what was seen, and what would fit.
 */
export function unknownText(name: string, rows: Seen[]): string {
  const first = rows.filter(({ text }) => text.trim() !== '').slice(0, 3);
  return [
    `${shown(name)} is in no layout that is understood. It begins:`,
    ...first.map(({ number, text }) => `  line ${number}: ${JSON.stringify(text.slice(0, 100))}`),
    ...hints(first.map(({ text }) => text)),
    'Understood are:',
    ...DIALECTS.map(({ name, looks }) => `  ${name.padEnd(10)} ${looks}`),
    '  jsonl      {"author": "ada", "text": "Hello", "sent_at": "2024-01-15T12:00:00Z"}',
    "  slack      Slack's export: a day's file, a folder or a zip",
    'Bring it into one of these, best into JSON lines. If only some lines are otherwise, name the ' +
      'layout: --format irc.',
  ].join('\n');
}

function hints(lines: string[]): string[] {
  if (lines.some((line) => /^\s*<(!doctype|html|\?xml)/i.test(line)))
    return ['That looks like a page of HTML or XML: export it as text or JSON.'];
  if (
    lines.length > 1 &&
    lines.every((line) => /^[^,;\t]{1,200}([,;\t])/.test(line)) &&
    sameColumns(lines)
  )
    return [
      'That looks like a table: write each row as a JSON line with author, text and sent_at.',
    ];
  return [];
}

function sameColumns(lines: string[]): boolean {
  return [',', ';', '\t'].some((sign) => {
    const [first = 0, ...others] = lines.map((line) => line.split(sign).length);
    return first > 2 && others.every((columns) => columns >= first);
  });
}

/** What is said of JSON whose fields have other names. */
export function unknownJson(name: string, records: Fields[]): string {
  const [only, ...others] = records;
  const isDocument = only && others.length === 0 && guess(only).length < 2;
  const list = isDocument ? listIn(only) : undefined;
  const rows = list?.rows ?? records;
  const fields = [...new Set(rows.flatMap((record) => leaves(record).map(({ path }) => path)))];
  const best = rows.map(guess).sort((a, b) => b.length - a.length)[0] ?? [];
  const example =
    best.length > 1 ? best.join(',') : 'author=.user.name,text=.content,sent_at=.timestamp';
  const place = list ? `records=${list.path},` : '';
  const within = list ? `, in a list at ${list.path}` : '';
  return [
    `${shown(name)} is JSON, but not Slack's export, and its records have no "author" and "text".`,
    `  seen${within}: ${fields.slice(0, 24).join(' ')}${fields.length > 24 ? ' …' : ''}`,
    `Say where they are${best.length > 1 ? ', perhaps' : ', such as'}: --map ${place}${example}`,
  ].join('\n');
}

/** The longest list of objects in a document that is one line. */
function listIn(document: Fields): { path: string; rows: Fields[] } | undefined {
  const lists = leaves(document).flatMap(({ path, value }) => {
    const rows = Array.isArray(value) ? value.filter(isObject) : [];
    return rows.length > 0 ? [{ path, rows: rows.slice(0, 200) }] : [];
  });
  return lists.sort((a, b) => b.rows.length - a.rows.length)[0];
}

/** What is said of a JSON document without a list of records where one was looked for. */
export function noRecords(name: string, path: Path): string {
  const where = path.length === 0 ? 'a list of objects' : `a list of objects at ${showPath(path)}`;
  return (
    `${shown(name)} is a JSON document, but has no ${where.replace(/^a /, '')}. Say where its ` +
    'messages are: --map records=.data.messages,author=.user.name,text=.content,sent_at=.timestamp'
  );
}

const LIKELY: Record<string, RegExp> = {
  author:
    /(^|\.)(author|user|sender|from|creator|username|user_name|nick(name)?)(\.(name|username|login|display_?name|nickname|handle))?$/i,
  text: /(^|\.)(text|content|message|body|msg)$/i,
  sent_at:
    /(^|\.)(sent_at|timestamp|time|date|created(_at|_date|At|DateTime)?|create_at|ts|origin_server_ts)$/i,
};

function guess(record: Fields): string[] {
  const all = leaves(record);
  return Object.entries(LIKELY).flatMap(([field, likely]) => {
    const found = all.find(
      ({ path, value }) => likely.test(path) && (field === 'sent_at' || typeof value === 'string'),
    );
    return found ? [`${field}=${found.path}`] : [];
  });
}

/** The values in a record with their paths, some hundred at most. */
function leaves(
  record: Fields,
  path: Path = [],
  most = { left: 100 },
): { path: string; value: unknown }[] {
  return Object.entries(record).flatMap(([key, value]) => {
    const here = [...path, key];
    if (isObject(value) && here.length < 5) return leaves(value, here, most);
    most.left -= 1;
    return most.left < 0 || /[.[\]]/.test(key) ? [] : [{ path: showPath(here), value }];
  });
}

export const shown = (name: string): string => (name === '-' ? 'What came from stdin' : name);
