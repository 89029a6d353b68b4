import { text } from 'drizzle-orm/pg-core';
import { moment, ownSchema } from './columns.ts';

/**
 * Queues of effects that declare a limit, where no server keeps it: up to when rate slots are
 * reserved.
 */
export const queueTurns = ownSchema.table('queue_turns', {
  task_queue: text().primaryKey(),
  reserved_until: moment().notNull(),
});
