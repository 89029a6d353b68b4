import { sql } from 'drizzle-orm';
import { doublePrecision, index, integer, text, unique, uuid } from 'drizzle-orm/pg-core';
import { created, id, moment, ownSchema } from './columns.ts';
import { workspaces } from './workspaces.ts';

export const endpoints = ownSchema.table(
  'endpoints',
  {
    id: id(),
    workspace_id: uuid()
      .notNull()
      .references(() => workspaces.id),
    url: text().notNull(),
    /** Declared types, patterns such as `message.*`, or `*` for all. */
    event_types: text().array().notNull(),
    description: text(),
    /** The signing secret, sealed with KNOCKON_SECRET. */
    secret: text().notNull(),
    /** The one before it, sealed too; it signs as well until … */
    previous_secret: text(),
    previous_until: moment(),
    /** Deliveries a second, all workers together; null: no limit. */
    max_per_second: doublePrecision(),
    /** Requests at once from each worker process; null: as many as to any. */
    max_concurrency: integer(),
    created_at: created(),
    updated_at: created(),
    /** Under a limit: moments before it are given away to deliveries that are being made … */
    reserved_until: moment(),
    /** … and those before it promised to deliveries that wait. */
    queued_until: moment(),
    /** Tries in a row that failed. */
    failures: integer().notNull().default(0),
    /**
     * Set while so many have failed in a row that only one delivery at a time tries whether it
     * works again …
     */
    failing_since: moment(),
    /** … and that not before this moment. */
    probe_at: moment(),
    /** Why the last of them failed. */
    failing_cause: text(),
    /** The endpoint asked (429 or 503 with Retry-After) for no request before this moment. */
    resting_until: moment(),
    /** Set while nothing is sent to it; events of that time are recorded as `missed`. */
    disabled_at: moment(),
    disabled_reason: text(),
    /**
     * `endpoint`: its own answer (410). `owner`: PATCH `enabled: false`. `operator`: only an
     * operator enables it again.
     */
    disabled_by: text({ enum: ['endpoint', 'owner', 'operator'] }),
  },
  (t) => [index().on(t.workspace_id, t.id)],
);

/** One event for one endpoint: the receipt of that call. */
export const deliveries = ownSchema.table(
  'deliveries',
  {
    id: id(),
    workspace_id: uuid().notNull(),
    endpoint_id: uuid().notNull(),
    /** Null for an `endpoint.test`. */
    event_id: uuid(),
    event_type: text().notNull(),
    /**
     * `failed`: refused for good. Out of tries it stays `pending`, and its dead letter says so
     * (`ops/deliveries` shows it as failed); either can be tried again. `missed`: its endpoint was
     * disabled, so nothing was sent.
     */
    state: text({ enum: ['pending', 'delivered', 'failed', 'missed'] })
      .notNull()
      .default('pending'),
    created_at: created(),
    delivered_at: moment(),
    /** When it may be made, where it has to wait for its endpoint's limit. */
    due_at: moment(),
  },
  (t) => [
    unique().on(t.event_id, t.endpoint_id),
    index().on(t.endpoint_id, t.id),
    index('deliveries_waiting_index').on(t.endpoint_id).where(sql`due_at is not null`),
  ],
);

export const deliveryAttempts = ownSchema.table(
  'delivery_attempts',
  {
    id: id(),
    delivery_id: uuid().notNull(),
    attempted_at: created(),
    /** HTTP status; null where no answer came. */
    status: integer(),
    latency_ms: integer().notNull(),
    /** Why it counts as not delivered: "HTTP 500", or "timeout: …"; null where it was. */
    error: text(),
    /** At most 1 KiB of the answer's body. */
    response_excerpt: text(),
  },
  (t) => [index().on(t.delivery_id, t.id)],
);
