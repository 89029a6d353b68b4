import { index, integer, text, unique, uuid } from 'drizzle-orm/pg-core';
import { created, id, moment, ownSchema } from './columns.ts';

export const notifications = ownSchema.table(
  'notifications',
  {
    id: id(),
    workspace_id: uuid().notNull(),
    channel_id: uuid().notNull(),
    message_id: uuid().notNull(),
    /** The event that brought it. Its call sends the e-mail. */
    event_id: uuid().notNull(),
    recipient: text().notNull(),
    kind: text({ enum: ['mention'] }).notNull(),
    created_at: created(),
    read_at: moment(),
    emailed_at: moment(),
    /**
     * When its e-mail was begun and counted against the workspace's quota, and when it was found to
     * be over it: then it is not sent.
     */
    email_counted_at: moment(),
    email_over_quota_at: moment(),
    /** When its mention was edited out. It is kept if a mail was begun: a person gets one. */
    withdrawn_at: moment(),
  },
  (t) => [
    unique().on(t.message_id, t.recipient, t.kind),
    index().on(t.workspace_id, t.recipient, t.id),
  ],
);

/** How many e-mails of a workspace's have been counted in the quota's window. */
export const mailQuotas = ownSchema.table('mail_quotas', {
  workspace_id: uuid().primaryKey(),
  began_at: moment().notNull(),
  mails: integer().notNull(),
});
