import { and, desc, eq, inArray } from 'drizzle-orm';
import type { Database, Transaction } from '../../db/client.ts';
import { apiKeys, workspaces } from '../../db/schema/workspaces.ts';
import { isBefore, matches } from '../../db/statements.ts';
import { recordAction } from './action-log.ts';

/** A workspace's key, without its secret. */
export interface KeyEntry {
  id: string;
  workspace_id: string;
  workspace_name: string;
  name: string;
  /** The key's first characters, to tell keys apart. */
  prefix: string;
  created_at: string;
}

export interface KeyFilter {
  workspace_id?: string;
}

/** Keys of all workspaces, newest first. */
export async function listKeys(
  { db }: Database,
  given: { filter: KeyFilter; limit: number; before?: string },
): Promise<KeyEntry[]> {
  const { workspace_id } = given.filter;
  const rows = await db
    .select({ key: apiKeys, workspace_name: workspaces.name })
    .from(apiKeys)
    .innerJoin(workspaces, eq(workspaces.id, apiKeys.workspace_id))
    .where(and(matches(apiKeys.workspace_id, workspace_id), isBefore(apiKeys.id, given.before)))
    .orderBy(desc(apiKeys.id))
    .limit(given.limit);
  return rows.map(({ key, workspace_name }) => toKeyEntry(key, workspace_name));
}

const toKeyEntry = (
  { hash: _, created_at, ...key }: typeof apiKeys.$inferSelect,
  workspace_name: string,
): KeyEntry => ({
  ...key,
  workspace_name,
  created_at: created_at.toISOString(),
});

/** @returns undefined where there is no such workspace */
export async function createKey(
  tx: Transaction,
  given: Pick<typeof apiKeys.$inferSelect, 'workspace_id' | 'name' | 'prefix' | 'hash'>,
  by: string,
): Promise<KeyEntry | undefined> {
  const [workspace] = await tx
    .select()
    .from(workspaces)
    .where(eq(workspaces.id, given.workspace_id));
  if (!workspace) return undefined;
  const [row] = await tx.insert(apiKeys).values(given).returning();
  await recordAction(tx, {
    by,
    verb: 'create key',
    subject: row!.id,
    detail: { workspace_id: row!.workspace_id, prefix: row!.prefix },
  });
  return toKeyEntry(row!, workspace.name);
}

/** Which keys: these, these of a workspace, or all of a workspace. */
export type Keys = { ids: string[]; workspace_id?: string } | { workspace_id: string };

/**
 * Takes keys away for good, a workspace's last one too. A workspace is held meanwhile, so that no
 * key makes another one that is left.
 *
 * @returns those that there were, and their hashes
 */
export async function revokeKeys(
  { db }: Database,
  keys: Keys,
  { by, reason }: { by: string; reason?: string },
): Promise<{ revoked: KeyEntry[]; hashes: Buffer[] }> {
  return await db.transaction(async (tx) => {
    const { workspace_id } = keys;
    const which = and(
      'ids' in keys ? inArray(apiKeys.id, keys.ids) : undefined,
      matches(apiKeys.workspace_id, workspace_id),
    );
    const owners = tx.select({ id: apiKeys.workspace_id }).from(apiKeys).where(which);
    const held = await tx
      .select()
      .from(workspaces)
      .where(inArray(workspaces.id, owners))
      .orderBy(workspaces.id)
      .for('update');
    const names = new Map(held.map(({ id, name }) => [id, name]));
    const rows = await tx.delete(apiKeys).where(which).returning();
    for (const row of rows)
      await recordAction(tx, {
        by,
        verb: 'revoke key',
        subject: row.id,
        detail: { workspace_id: row.workspace_id, prefix: row.prefix },
        reason,
      });
    return {
      revoked: rows.map((row) => toKeyEntry(row, names.get(row.workspace_id) ?? '')),
      hashes: rows.map((row) => row.hash),
    };
  });
}
