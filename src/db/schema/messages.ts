import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  primaryKey,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { created, foldedName, id, moment, ownSchema } from './columns.ts';
import { workspaces } from './workspaces.ts';

export const channels = ownSchema.table(
  'channels',
  {
    id: id(),
    workspace_id: uuid()
      .notNull()
      .references(() => workspaces.id),
    name: text().notNull(),
    /** The newest message's `seq`; 0 before the first. */
    last_seq: bigint({ mode: 'number' }).notNull().default(0),
    /** The newest event's `seq`; -1 before `channel.created`. */
    last_event_seq: bigint({ mode: 'number' }).notNull().default(-1),
    created_at: created(),
  },
  (t) => [unique().on(t.workspace_id, t.name), index().on(t.workspace_id, t.id)],
);

/** A deleted message stays as a tombstone without its text: its `seq` is never given again. */
export const messages = ownSchema.table(
  'messages',
  {
    id: uuid().primaryKey(),
    workspace_id: uuid().notNull(),
    channel_id: uuid().notNull(),
    /** From 1, without gaps, in commit order. */
    seq: bigint({ mode: 'number' }).notNull(),
    author: text().notNull(),
    text: text().notNull(),
    metadata: jsonb().$type<Record<string, unknown>>().notNull().default(sql`'{}'`),
    /** From 1; each edit and the deletion add 1. */
    version: integer().notNull().default(1),
    sent_at: moment().notNull(),
    created_at: moment().notNull(),
    updated_at: moment().notNull(),
    deleted_at: moment(),
    /** Whether it notifies whom it mentions. Null: unless it was sent long before it was stored. */
    notify: boolean(),
  },
  (t) => [
    unique().on(t.channel_id, t.seq),
    index('messages_sent').on(t.channel_id, t.sent_at, t.seq),
    index('messages_speaker').on(t.channel_id, foldedName(t.author), t.seq),
  ],
);

export const members = ownSchema.table(
  'members',
  {
    workspace_id: uuid()
      .notNull()
      .references(() => workspaces.id),
    handle: text().notNull(),
    email: text(),
    display_name: text(),
    emails: text({ enum: ['mentions', 'none'] })
      .notNull()
      .default('mentions'),
    created_at: created(),
    updated_at: created(),
  },
  (t) => [
    primaryKey({ columns: [t.workspace_id, t.handle] }),
    index('members_handle_folded').on(t.workspace_id, foldedName(t.handle)),
  ],
);
