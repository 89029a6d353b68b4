import { integer, text } from 'drizzle-orm/pg-core';
import { created, moment, ownSchema } from './columns.ts';

/** What a subscriber has that is an HTTP service, beside its row among all subscribers. */
export const httpSubscribers = ownSchema.table('http_subscribers', {
  name: text().primaryKey(),
  url: text().notNull(),
  /** The signing secret, sealed with KNOCKON_SECRET. */
  secret: text().notNull(),
  /** The one before it, sealed too; it signs as well until … */
  previous_secret: text(),
  previous_until: moment(),
  /** Longest time of a request, in ms. */
  timeout_ms: integer().notNull(),
  created_at: created(),
  changed_at: created(),
  /** Requests in a row that failed. */
  failures: integer().notNull().default(0),
  /** Set while so many have failed in a row that one at a time tries whether it works again … */
  failing_since: moment(),
  /** … and that not before this moment. */
  probe_at: moment(),
  /** Why the last of them failed. */
  failing_cause: text(),
  /** It asked (429 or 503 with Retry-After) for no request before this moment. */
  resting_until: moment(),
});

/**
 * Longest time of a call, in ms, that makes a request which takes up to so long: beside it there is
 * the database, and in an order the wait for those before.
 */
export const callTimeout = (requestMs: number): number => 2 * requestMs + 10_000;
