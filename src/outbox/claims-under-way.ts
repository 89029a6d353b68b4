import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import { OWN_SCHEMA } from '../db/own-schema.ts';

/** The longest that a statement may claim events, in ms: it is cancelled before. */
const LONGEST_CLAIM = 15_000;

/**
 * SQL: whether a claim may still run that read the subscribers before this moment. It has then not
 * committed yet what it dispatches, and to whom.
 *
 * A claim locks `dispatches` before it reads, and until it commits. If nobody else has that lock,
 * every claim that began before is over, and a later one reads the subscribers as they are now.
 *
 * @param moment SQL: when the subscribers were changed, and that is committed
 */
export const isClaimUnderWay = (pg: Sql | TransactionSql, moment: PendingQuery<Row[]>) => pg`(
  now() < ${moment} + ${LONGEST_CLAIM}::float8 * interval '1 ms' and exists (
    select from pg_locks where locktype = 'relation' and mode = 'RowExclusiveLock'
      and database = (select oid from pg_database where datname = current_database())
      and relation = to_regclass(${`${OWN_SCHEMA}.dispatches`}) and pid <> pg_backend_pid()
  ))`;
