import { and, desc } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { actions } from '../../db/schema/operators.ts';
import { isBefore, matches } from '../../db/statements.ts';
import type { ACTIONS } from './actions.ts';

/** Who operates: an operator's name and what they may do. */
export interface Operator {
  /** `operator` where the key was KNOCKON_ADMIN_KEY. */
  name: string;
  role: 'viewer' | 'operator';
}

/** The name under which is logged what happens by itself, such as a pause that ends at its time. */
export const BY_ITSELF = 'knockon';

/** What was done, by whom, to what and why. */
export interface Action {
  by: string;
  verb: (typeof ACTIONS)[number];
  /**
   * What it was done to: a subscriber's name, an operator's name, the id of an operation, a
   * workflow, an endpoint or a key.
   */
  subject: string;
  /** What else is worth knowing, as JSON; never a secret and never a message's text. */
  detail?: Record<string, unknown>;
  reason?: string | null;
}

/** An entry of the log, as it is shown. */
export interface LogEntry {
  id: string;
  at: string;
  by: string;
  verb: string;
  subject: string;
  detail: Record<string, unknown>;
  reason: string | null;
}

/**
 * Writes it down. Given the transaction of what was done, both are kept or neither. @returns the
 * entry's id
 */
export async function recordAction(
  db: Pick<Database['db'], 'insert'>,
  { detail = {}, reason = null, ...rest }: Action,
): Promise<string> {
  const [row] = await db
    .insert(actions)
    .values({ ...rest, detail, reason })
    .returning({ id: actions.id });
  return row!.id;
}

export interface LogFilter {
  limit: number;
  /** The id of the last entry seen. */
  before?: string;
  verb?: string;
  subject?: string;
  by?: string;
}

/** Entries, newest first. */
export async function readActionLog(
  { db }: Database,
  { limit, before, verb, subject, by }: LogFilter,
): Promise<LogEntry[]> {
  const rows = await db
    .select()
    .from(actions)
    .where(
      and(
        isBefore(actions.id, before),
        matches(actions.verb, verb),
        matches(actions.subject, subject),
        matches(actions.by, by),
      ),
    )
    .orderBy(desc(actions.id))
    .limit(limit);
  return rows.map(({ at, ...row }) => ({ ...row, at: at.toISOString() }));
}
