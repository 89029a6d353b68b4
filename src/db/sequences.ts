import type { Sql, TransactionSql } from 'postgres';

/**
 * What a key's events are numbered in, as a subquery: null where it has had none. A channel's id is
 * the key of its events.
 */
export const sequenceOf = (pg: Sql | TransactionSql, workspaceId: string, key: string) => pg`
  (select id from knockon.sequences where workspace_id = ${workspaceId} and key = ${key}
    union all
    select id from knockon.channels where workspace_id = ${workspaceId} and id::text = ${key}
    limit 1)`;

/** The same, looked up; undefined where it has had no event. @throws Postgres' error */
export async function findSequence(
  pg: Sql | TransactionSql,
  workspaceId: string,
  key: string,
): Promise<string | undefined> {
  const [row] = await pg<{ id: string | null }[]>`select ${sequenceOf(pg, workspaceId, key)} as id`;
  return row?.id ?? undefined;
}
