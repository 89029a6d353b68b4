import { type SQL, sql } from 'drizzle-orm';

/**
 * Bytes of payloads or texts that are read at once: a group may have 2,000 of 176 KB, and a process
 * calls many effects at a time.
 */
export const PAGE_BYTES = 2 * 1024 * 1024;

/**
 * The bytes of a payload. As stored where that is as it is read; only what is stored compressed has
 * to be looked at.
 */
export const payloadBytes = (payload: SQL): SQL =>
  sql`case when pg_column_compression(${payload}) is null then pg_column_size(${payload})
    else octet_length(${payload}::text) end`;

/**
 * About the same at no cost: texts are stored in a quarter of their bytes or more, unless they say
 * one thing over and over.
 */
export const payloadBytesAtLeast = (payload: SQL): SQL =>
  sql`case when pg_column_compression(${payload}) is null then 1
    else 4 end * pg_column_size(${payload})`;

/**
 * Whether a row that has `bytes` belongs to the first page of all rows, in the order of window `w`.
 * The first one always does.
 */
export const fits = sql`(sum(bytes) over w <= ${PAGE_BYTES} or row_number() over w = 1)`;

/** A row that is too much for the first page, and how much it is. */
export interface Beyond {
  id: string;
  bytes: number;
}

/** Rows that are read together, and how much they are. */
export interface PagePlan {
  ids: string[];
  bytes: number;
}

/** Shares rows out into pages, in their order. */
export function planPages(rows: Beyond[]): PagePlan[] {
  const pages: PagePlan[] = [];
  for (const { id, bytes } of rows) {
    const last = pages.at(-1);
    if (last && last.bytes + bytes <= PAGE_BYTES) {
      last.ids.push(id);
      last.bytes += bytes;
    } else pages.push({ ids: [id], bytes });
  }
  return pages;
}

/** A row as it is read in pages. */
export interface Paged {
  id: string;
  bytes: number;
  /** False: it is beyond the page, and here without what is large of it. */
  fits: boolean;
}

/**
 * Reads rows page by page: one statement where all fit into the first.
 *
 * @param read gives the rows of these ids, and says which of them fit into a page
 */
export async function* inPages<Row extends Paged>(
  ids: string[],
  read: (ids: string[]) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  const plans: PagePlan[] = [{ ids, bytes: 0 }];
  for (let next = plans.shift(); next; next = plans.shift()) {
    const { page, beyond } = split(await read(next.ids));
    plans.unshift(...planPages(beyond));
    if (page.length > 0) yield page;
  }
}

/** What fits, and what is known of what doesn't. */
export function split<Row extends Paged>(rows: Row[]): { page: Row[]; beyond: Beyond[] } {
  const beyond = rows.flatMap(({ id, bytes, fits }) => (fits ? [] : { id, bytes }));
  return { page: beyond.length === 0 ? rows : rows.filter((row) => row.fits), beyond };
}
