import { sql } from 'drizzle-orm';
import {
  boolean,
  doublePrecision,
  index,
  integer,
  json,
  jsonb,
  primaryKey,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { created, id, moment, ownSchema } from './columns.ts';

/** One narrow row an event: which dispatch took it. `dispatch_id` null means nobody has yet. */
export const outbox = ownSchema.table(
  'outbox',
  {
    event_id: uuid().primaryKey(),
    workspace_id: uuid().notNull(),
    channel_id: uuid(),
    type: text().notNull(),
    dispatch_id: uuid(),
    /**
     * True: it was emitted by SQL, and its payload is compared with its type's schema once it is
     * claimed. False: it was, and does not fit. Null: it fits.
     */
    unchecked: boolean(),
    /** When it was due, where it had been scheduled: its age counts from then. */
    deliver_at: moment(),
  },
  (t) => [
    index('outbox_undispatched').on(t.event_id).where(sql`dispatch_id is null`),
    // The same rows, in words of its own: see `claim`.
    index('outbox_waiting')
      .on(t.workspace_id, t.event_id)
      .where(sql`coalesce(dispatch_id, event_id) = event_id`),
    index('outbox_dispatched').on(t.dispatch_id, t.event_id).where(sql`dispatch_id is not null`),
    // Few: those that were scheduled and are due.
    index('outbox_due').on(t.deliver_at).where(sql`dispatch_id is null and deliver_at is not null`),
  ],
);

/** What each workflow was started with. `id` is the workflow's id too. */
export const dispatches = ownSchema.table(
  'dispatches',
  {
    id: uuid().primaryKey(),
    type: text().notNull(),
    size: integer().notNull(),
    /** Names of the subscribers this dispatch is for. */
    subscribers: text().array().notNull(),
    /** Null: it was made and no dispatcher has claimed it yet. */
    claimed_at: moment().defaultNow(),
    /** True: payloads of some of its events have not been compared with their schema yet. */
    unchecked: boolean(),
    /** When the transport took it; null: not yet, or nobody knows (then it is started again). */
    started_at: moment(),
    /** The workflow's first run. */
    run_id: text(),
    /**
     * Subscribers that have not done or given up every event of it, as the ledger last found; null:
     * it has not looked yet.
     */
    open: text().array(),
    /**
     * When the ledger found every effect done or given up: it need not look again. Null again once
     * a receipt is deleted.
     */
    settled_at: moment(),
    /** How often what was missing of it has been started again. */
    restarts: integer().notNull().default(0),
    restarted_at: moment(),
    /** What of it was done before it was claimed is done again. */
    again: boolean().notNull().default(false),
  },
  (t) => [
    index('dispatches_unstarted').on(t.claimed_at).where(sql`started_at is null`),
    index('dispatches_unsettled').on(t.id).where(sql`settled_at is null`),
  ],
);

/**
 * Who takes which events, on which queue, with which policy: written by the worker that hosts the
 * effect.
 */
export const subscribers = ownSchema.table('subscribers', {
  name: text().primaryKey(),
  description: text().notNull().default(''),
  event_types: text().array().notNull(),
  task_queue: text().notNull(),
  activity: text().notNull(),
  /**
   * Whose code does it. `effects`: our worker's. `http`: a service's, which our worker asks.
   * `worker`: that of somebody's own Temporal worker.
   */
  host: text({ enum: ['effects', 'http', 'worker'] })
    .notNull()
    .default('effects'),
  /** Where the host is `worker`: the database role whose members may do its work. */
  owner: text(),
  ordering: text({ enum: ['none', 'key', 'exclusive'] })
    .notNull()
    .default('none'),
  /** Most events a call. */
  batch: integer().notNull(),
  timeout_ms: integer().notNull(),
  retry: jsonb()
    .$type<{ attempts: number; initial_ms: number; max_ms: number; backoff: number }>()
    .notNull(),
  /** The last event of a key stands for those before it; null: it is not debounced. In ms. */
  debounce: jsonb().$type<{ wait_ms: number; most_ms: number }>(),
  /**
   * Whether what is done may be done again: without further ado, where somebody insists, or never.
   */
  again: text({ enum: ['freely', 'asked', 'never'] })
    .notNull()
    .default('never'),
  /** Most calls at once that have events of one workspace, unless operators say otherwise. */
  workspace_concurrency: integer(),
  /** Most events a second of one workspace. */
  workspace_per_second: doublePrecision(),
  registered_at: created(),
  /** When it was first registered: what was dispatched before that was not dispatched to it. */
  created_at: created(),
  /**
   * Since when nothing new is for it; null: it is not retired. A worker that registers it changes
   * nothing of that.
   */
  retired_at: moment(),
  retired_by: text(),
  /** What becomes of what was open then. */
  retired_open: text({ enum: ['finish', 'discard', 'hand_over'] }),
  /** Whose work that is instead, where it is handed over. */
  handed_to: text(),
  /** The operation that deals with what was open. */
  retire_operation: uuid(),
});

/** The effect has happened for this event: written in the effect's own transaction. */
export const receipts = ownSchema.table(
  'receipts',
  { event_id: uuid().notNull(), subscriber: text().notNull(), completed_at: created() },
  (t) => [primaryKey({ columns: [t.event_id, t.subscriber] })],
);

/** An effect that has been tried and is not done. Gone once there is a receipt. */
export const attempts = ownSchema.table(
  'attempts',
  {
    event_id: uuid().notNull(),
    subscriber: text().notNull(),
    /**
     * Which of several targets (a webhook's endpoint, a mail's recipient); '' for the event
     * as a whole.
     */
    target: text().notNull().default(''),
    attempts: integer().notNull(),
    last_error: text(),
    /** Set while a durable timer runs. */
    waiting_until: moment(),
    /**
     * The event that an ordered effect must do first; null where this one was tried, or asked for
     * time, itself.
     */
    waits_for: uuid(),
    /**
     * What an ordered effect answered for it in the call of another event. Its own call has yet to
     * report that. Null: there is nothing to report.
     */
    unreported: json(),
    /** The highest `attempt` that an ordered effect was called with for it. */
    last_attempt: integer(),
    updated_at: created(),
  },
  (t) => [primaryKey({ columns: [t.event_id, t.subscriber, t.target] })],
);

/** The effect won't happen by itself. Gone once there is a receipt. */
export const deadLetters = ownSchema.table(
  'dead_letters',
  {
    id: id(),
    event_id: uuid().notNull(),
    subscriber: text().notNull(),
    target: text().notNull().default(''),
    dispatch_id: uuid().notNull(),
    /** A short name that groups alike failures. */
    cause: text().notNull(),
    reason: text().notNull(),
    created_at: created(),
    /** The dispatch that tries it again; null once that has failed too. */
    retried_by: uuid(),
  },
  (t) => [unique().on(t.event_id, t.subscriber, t.target), index().on(t.subscriber, t.id)],
);
