import { text } from 'drizzle-orm/pg-core';
import { moment, ownSchema } from './columns.ts';

/**
 * Queues of effects that declare a limit, where no server keeps it: up to which moment calls have
 * been given their turns.
 */
export const queueTurns = ownSchema.table('queue_turns', {
  task_queue: text().primaryKey(),
  reserved_until: moment().notNull(),
});
