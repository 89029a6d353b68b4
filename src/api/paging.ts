import { z } from '@hono/zod-openapi';
import { uuid, whole } from './fields.ts';

/** `?limit=`: 1 to 200, default 50. */
export const limit = whole(1, 200)
  .default(50)
  .openapi({ description: 'Most entries of the answer.', default: 50 });

/**
 * `?cursor=`: where the last page ended, opaque to clients. It holds the last entry's place in the
 * list's order, so entries that are added meanwhile move nothing.
 *
 * @param position the schema of that place
 * @param shape how OpenAPI tells what one looks like
 */
export const cursor = <P extends z.ZodType>(
  position: P,
  shape: { format?: string; pattern?: string } = { pattern: '^[A-Za-z0-9_-]+$' },
) =>
  z
    .string()
    .max(1024)
    .transform((value, context) => {
      const parsed = position.safeParse(decode(value));
      if (parsed.success) return parsed.data;
      context.addIssue({
        code: 'custom',
        message: "is no cursor of this list: pass a page's next_cursor as it came",
      });
      return z.NEVER;
    })
    .optional()
    .openapi({ type: 'string', ...shape, description: "The last page's `next_cursor`." });

/** The cursor of a list that is ordered by its entries' ids. */
export const idCursor = cursor(uuid, { format: 'uuid' });

/** The cursor of a list that is ordered by its entries' places. */
export const seqCursor = cursor(z.int(), { pattern: '^[0-9]{1,15}$' });

const isId = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const isSeq = /^\d{1,15}$/;

/**
 * An id or a place is its own cursor; anything else is JSON, which in base64 looks like neither.
 */
function encode(position: unknown): string {
  if (typeof position === 'number' && isSeq.test(String(position))) return String(position);
  if (typeof position === 'string' && isId.test(position)) return position;
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

function decode(value: string): unknown {
  if (isId.test(value)) return value;
  if (isSeq.test(value)) return Number(value);
  try {
    return JSON.parse(Buffer.from(value, 'base64url').toString());
  } catch {
    return undefined;
  }
}

/** A page of a list, as it is answered. */
export const pageOf = <T extends z.ZodType>(entry: T) =>
  z.object({
    data: z.array(entry),
    next_cursor: z.string().nullable().openapi({ description: 'Null on the last page.' }),
  });

/**
 * Makes a page out of up to `limit + 1` rows: the one too many says that there is more.
 *
 * @param position a row's place, as the list's cursor holds it
 */
export function toPage<Row, Entry>(
  rows: Row[],
  limit: number,
  show: (row: Row) => Entry,
  position: (row: Row) => unknown,
) {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return {
    data: shown.map(show),
    next_cursor: more ? encode(position(last)) : null,
  };
}

/** A page of a list that is ordered by its rows' ids. They are shown as they are by default. */
export const toIdPage = <Row extends { id: string }, Entry = Row>(
  rows: Row[],
  limit: number,
  show: (row: Row) => Entry = (row) => row as unknown as Entry,
) => toPage(rows, limit, show, (row) => row.id);

/** A page of rows that are shown as they are. */
export const toPlainPage = <Row>(rows: Row[], limit: number, position: (row: Row) => unknown) =>
  toPage(rows, limit, (row) => row, position);

/**
 * Most bytes of texts and payloads that a page holds, unless one entry alone has more: however
 * large entries are, an answer stays small.
 */
const PAGE_BYTES = 4 * 1024 ** 2;

/** Entries that are read at first; their size says how many more may be. */
const FIRST = 25;

/**
 * Reads the entries of a page, `limit` and one more at most, and fewer where they are large.
 *
 * @param read the entries after one (undefined: from the page's beginning), so many at most
 * @param bytesOf about what an entry takes
 * @returns the rows, and the limit that `toPage` is to be given with them
 */
export async function readBounded<Row>(
  limit: number,
  read: (after: Row | undefined, count: number) => Promise<Row[]>,
  bytesOf: (row: Row) => number,
): Promise<{ rows: Row[]; limit: number }> {
  const rows: Row[] = [];
  let bytes = 0;
  for (;;) {
    const average = rows.length === 0 ? PAGE_BYTES / FIRST : Math.max(1, bytes / rows.length);
    const room = Math.max(1, Math.floor((PAGE_BYTES - bytes) / average));
    const count = Math.min(limit + 1 - rows.length, room);
    const more = await read(rows.at(-1), count);
    rows.push(...more);
    bytes = rows.reduce((sum, row) => sum + bytesOf(row), 0);
    if (more.length < count || rows.length > limit) return { rows, limit };
    // The last one only says that there is more.
    if (bytes >= PAGE_BYTES && rows.length > 1) return { rows, limit: rows.length - 1 };
  }
}
