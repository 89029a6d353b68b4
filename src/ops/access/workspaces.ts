import { and, desc, eq } from 'drizzle-orm';
import type { Database } from '../../db/client.ts';
import { workspaces } from '../../db/schema/workspaces.ts';
import { isBefore, matches } from '../../db/statements.ts';

export async function isWorkspace({ db }: Database, id: string): Promise<boolean> {
  const found = await db.query.workspaces.findFirst({
    where: eq(workspaces.id, id),
    columns: { id: true },
  });
  return found !== undefined;
}

/** Workspaces, newest first. */
export async function listWorkspaces(
  { db }: Database,
  { name, limit, before }: { name?: string; limit: number; before?: string },
) {
  const rows = await db
    .select()
    .from(workspaces)
    .where(and(matches(workspaces.name, name), isBefore(workspaces.id, before)))
    .orderBy(desc(workspaces.id))
    .limit(limit);
  return rows.map(({ created_at, ...row }) => ({ ...row, created_at: created_at.toISOString() }));
}
