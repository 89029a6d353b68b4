/** Keys and places that lead from a record to a value: `['user', 'name']`, `['authors', 0]`. */
export type Path = (string | number)[];

/** Where the parts of a message are in the records of another product. */
export interface Mapping {
  author: Path;
  text: Path;
  sent_at?: Path;
  metadata?: Path;
  /** The list of the records in a document (default: the document, or its `messages`). */
  records?: Path;
  /** A list of further records within one. They are read as if they stood in its place. */
  replies?: Path;
}

const FIELDS = ['author', 'text', 'sent_at', 'metadata', 'records', 'replies'] as const;

/**
 * Reads `author=.user.name,text=.content,sent_at=.timestamp`.
 *
 * @throws Error that says what it must be
 */
export function readMapping(text: string): Mapping {
  const paths: Partial<Record<(typeof FIELDS)[number], Path>> = {};
  for (const part of text.split(',')) {
    const [, name = '', path = ''] = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(part) ?? [];
    const field = FIELDS.find((one) => one === name);
    if (!field)
      throw new Error(
        `${JSON.stringify(part)} must be one of ${FIELDS.join(', ')}, = and a path such as .user.name.`,
      );
    paths[field] = readPath(path);
  }
  const { author, text: said } = paths;
  if (!author || !said)
    throw new Error(
      'It must say where author and text are, such as author=.user.name,text=.content.',
    );
  return { ...paths, author, text: said };
}

function readPath(text: string): Path {
  const path = [...text.matchAll(/\.([^.[\]]+)|\[(\d+)\]/g)];
  if (path.length === 0 || path.map(([whole]) => whole).join('') !== text)
    throw new Error(`${text} must be a path such as .user.name or .authors[0].name.`);
  return path.map(([, key, place]) => key ?? Number(place));
}

/** The path as `--map` takes it. */
export const showPath = (path: Path): string =>
  path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');

/** The value at a path; undefined where there is none. */
export function valueAt(record: unknown, path: Path): unknown {
  let value = record;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

/** The record, and those at `replies` in the place of what holds them. */
export function withReplies(record: unknown, replies: Path | undefined): unknown[] {
  const inner = replies && valueAt(record, replies);
  if (!replies || !Array.isArray(inner)) return [record];
  const wrapped = (reply: unknown) =>
    replies.slice(0, -1).reduceRight((value: unknown, key) => ({ [key]: value }), reply);
  return [record, ...inner.map(wrapped)];
}

/** A text that may be cut into pieces, as `["see ", {"type": "link", "text": "example.com"}]`. */
export function textAt(record: unknown, path: Path): string | undefined {
  const value = valueAt(record, path);
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (!Array.isArray(value)) return undefined;
  return value
    .map((piece) => (typeof piece === 'string' ? piece : (textAt(piece, ['text']) ?? '')))
    .join('');
}
