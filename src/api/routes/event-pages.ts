import { and, asc, desc, eq, gt, isNotNull, isNull, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { events, scheduled, type shownEvents } from '../../db/schema/events.ts';
import { isBefore, matches } from '../../db/statements.ts';

/** Which of a workspace's events, and from where on. */
export interface EventPage {
  workspaceId: string;
  type: string | undefined;
  /** Only of this channel or key. */
  sequence: string | undefined;
  state: 'scheduled' | 'cancelled' | undefined;
}

type Row = typeof shownEvents.$inferSelect;

const isOf = (table: typeof events | typeof scheduled, page: EventPage) =>
  and(
    eq(table.workspace_id, page.workspaceId),
    matches(table.type, page.type),
    matches(table.sequence_id, page.sequence),
  );

/** Events of a key after a place, upwards. */
export const readAfter = async (
  { db }: Database,
  page: EventPage,
  { seq, count }: { seq: number; count: number },
): Promise<Row[]> =>
  (
    await db
      .select()
      .from(events)
      .where(and(isOf(events, page), gt(events.seq, seq)))
      .orderBy(asc(events.seq))
      .limit(count)
  ).map(asLogged);

/** Where a page goes on, and with how many. */
interface Part {
  /** The last event of the page before. */
  id: string | undefined;
  count: number;
}

/**
 * Events before that one, newest first; what is scheduled by its moment, after that one. Each table
 * is asked for itself: a planner that was told nothing of them would read more of both.
 */
export async function readBefore({ db }: Database, page: EventPage, part: Part): Promise<Row[]> {
  if (page.state !== undefined) return await readKept(db, page, part);
  const [log, kept] = await Promise.all([
    db
      .select()
      .from(events)
      .where(and(isOf(events, page), isBefore(events.id, part.id)))
      .orderBy(desc(events.id))
      .limit(part.count),
    readKept(db, page, part),
  ]);
  const all = [...log.map(asLogged), ...kept];
  return all.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, part.count);
}

/** What is scheduled or cancelled, or both. */
async function readKept(db: Database['db'], page: EventPage, { id, count }: Part): Promise<Row[]> {
  const { state } = page;
  const isDue = state === 'scheduled';
  const isKept =
    state && (isDue ? isNull(scheduled.cancelled_at) : isNotNull(scheduled.cancelled_at));
  const rows = await db
    .select()
    .from(scheduled)
    .where(and(isOf(scheduled, page), isKept, isDue ? isDueAfter(id) : isBefore(scheduled.id, id)))
    .orderBy(...(isDue ? [asc(scheduled.deliver_at), asc(scheduled.id)] : [desc(scheduled.id)]))
    .limit(count);
  return rows.map(({ unchecked: _, place: __, ...row }) => ({
    ...row,
    seq: null,
    waits: row.cancelled_at === null,
  }));
}

const asLogged = (row: typeof events.$inferSelect): Row => ({
  ...row,
  cancelled_at: null,
  waits: false,
});

/** Whether the last one of the page before is still scheduled or not. */
const isDueAfter = (id: string | undefined) =>
  id === undefined
    ? undefined
    : sql`(${scheduled.deliver_at}, ${scheduled.id}) > (
        select s.deliver_at, s.id from knockon.shown_events s where s.id = ${id})`;
