import { sql } from 'drizzle-orm';
import { bigint, boolean, check, jsonb, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, created, ownSchema } from './columns.ts';

/**
 * Events that each subscriber has settled (done or given up), since the beginning: history the
 * ledger need not read again.
 */
export const settledTotals = ownSchema.table('settled_totals', {
  subscriber: text().primaryKey(),
  events: bigint({ mode: 'number' }).notNull(),
});

/** What the newest background check of the ledger found: one does it, all processes show it. */
export const ledgerChecks = ownSchema.table('ledger_checks', {
  name: text().primaryKey(),
  checked_at: created(),
  balance: jsonb().notNull(),
});

/**
 * How far a log has been expired: what is before it may be gone. `mac` is made with KNOCKON_SECRET,
 * so that nobody else can move it.
 */
export const expirations = ownSchema.table('expirations', {
  log: text().primaryKey(),
  before: uuid().notNull(),
  mac: bytea().notNull(),
});

/**
 * One row: whose dispatches these are. Calls say where they come from, so that another deployment's
 * on the same queue are told apart.
 */
export const deployment = ownSchema.table(
  'deployment',
  {
    is_only: boolean().primaryKey().default(true),
    /** Travels with every dispatch. A copy of the database has the same. */
    id: uuid().notNull().default(sql`gen_random_uuid()`),
    /**
     * Dispatches with a smaller id may be gone because all of theirs was done and has expired;
     * null: none is.
     */
    expired_before: uuid(),
    /** KNOCKON_DEPLOYMENT, as the last API or relay that started had it; null: none. */
    name: text(),
    /** KNOCKON_TRANSPORT, in the same way; null: none has started yet. */
    transport: text({ enum: ['temporal', 'pg-boss'] }),
  },
  (t) => [check('deployment_is_only', sql`${t.is_only}`)],
);
