import { bigint, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import { bytea, created, ownSchema } from './columns.ts';

/**
 * A workspace's hash chain: each entry's hash covers the one before it and the digest of its event.
 */
export const auditEntries = ownSchema.table(
  'audit_entries',
  {
    workspace_id: uuid().notNull(),
    /** From 1, without gaps. */
    position: bigint({ mode: 'number' }).notNull(),
    event_id: uuid().notNull(),
    event_type: text().notNull(),
    recorded_at: created(),
    digest: bytea().notNull(),
    previous: bytea().notNull(),
    hash: bytea().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspace_id, t.position] }),
    unique().on(t.workspace_id, t.event_id),
  ],
);

/** Where each chain ends, so that a cut tail shows. */
export const auditHeads = ownSchema.table('audit_heads', {
  workspace_id: uuid().primaryKey(),
  entries: bigint({ mode: 'number' }).notNull().default(0),
  head: bytea().notNull(),
});
