import { desc, eq, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { operators } from '../../db/schema/operators.ts';
import { isBefore } from '../../db/statements.ts';
import { type Operator, recordAction } from './action-log.ts';

/** An operator without the key, which is never stored. */
export interface OperatorEntry {
  id: string;
  name: string;
  role: Operator['role'];
  /** The key's first characters, to tell keys apart. */
  prefix: string;
  created_at: string;
}

type Row = typeof operators.$inferSelect;

const toOperatorEntry = ({ id, name, role, prefix, created_at }: Row): OperatorEntry => ({
  id,
  name,
  role,
  prefix,
  created_at: created_at.toISOString(),
});

/** Of these keys, by their hashes (SHA-256, base64), those that are an operator's, and whose. */
export async function findOperators(
  { db }: Database,
  hashes: string[],
): Promise<Map<string, Operator & { id: string }>> {
  const rows = await db.execute<{
    asked: string;
    id: string;
    name: string;
    role: Operator['role'];
  }>(sql`
    select asked, id, name, role
    from unnest(${sql.param(hashes)}::text[]) as t (asked)
      join knockon.operators on hash = decode(asked,
      'base64')`);
  return new Map(rows.map(({ asked, ...operator }) => [asked, operator]));
}

/** @returns undefined where the name is taken */
export async function addOperator(
  tx: Transaction,
  given: Pick<Row, 'name' | 'role' | 'prefix' | 'hash'>,
  by: string,
): Promise<OperatorEntry | undefined> {
  const [row] = await tx
    .insert(operators)
    .values(given)
    .onConflictDoNothing({ target: operators.name })
    .returning();
  if (!row) return undefined;
  await recordAction(tx, {
    by,
    verb: 'add operator',
    subject: row.name,
    detail: { role: row.role },
  });
  return toOperatorEntry(row);
}

/** Newest first. */
export async function listOperators(
  { db }: Database,
  { limit, before }: { limit: number; before?: string },
): Promise<OperatorEntry[]> {
  const rows = await db
    .select()
    .from(operators)
    .where(isBefore(operators.id, before))
    .orderBy(desc(operators.id))
    .limit(limit);
  return rows.map(toOperatorEntry);
}

/** The key stops working at once. @returns false where there is no such operator */
export async function removeOperator({ db }: Database, id: string, by: string): Promise<boolean> {
  return await db.transaction(async (tx) => {
    const [row] = await tx.delete(operators).where(eq(operators.id, id)).returning();
    if (row)
      await recordAction(tx, {
        by,
        verb: 'remove operator',
        subject: row.name,
        detail: { role: row.role },
      });
    return row !== undefined;
  });
}
