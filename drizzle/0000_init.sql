CREATE TABLE "knockon"."audit_entries" (
	"workspace_id" uuid NOT NULL,
	"position" bigint NOT NULL,
	"event_id" uuid NOT NULL,
	"event_type" text NOT NULL,
	"recorded_at" timestamp with time zone DEFAULT now() NOT NULL,
	"digest" "bytea" NOT NULL,
	"previous" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "audit_entries_workspace_id_position_pk" PRIMARY KEY("workspace_id","position"),
	CONSTRAINT "audit_entries_workspace_id_event_id_unique" UNIQUE("workspace_id","event_id")
);
--> statement-breakpoint
CREATE TABLE "knockon"."audit_heads" (
	"workspace_id" uuid PRIMARY KEY NOT NULL,
	"entries" bigint DEFAULT 0 NOT NULL,
	"head" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knockon"."event_types" (
	"name" text NOT NULL,
	"version" smallint NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"schema" jsonb NOT NULL,
	"examples" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"source" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "event_types_name_version_pk" PRIMARY KEY("name","version")
);
--> statement-breakpoint
CREATE TABLE "knockon"."events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"version" smallint NOT NULL,
	"workspace_id" uuid NOT NULL,
	"channel_id" uuid,
	"message_id" uuid,
	"sequence_id" uuid,
	"key" text,
	"seq" bigint,
	"timestamp" timestamp with time zone NOT NULL,
	"payload" jsonb NOT NULL,
	CONSTRAINT "events_sequence_id_seq_unique" UNIQUE("sequence_id","seq")
);
--> statement-breakpoint
CREATE TABLE "knockon"."sequences" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"key" text NOT NULL,
	"last_seq" bigint DEFAULT -1 NOT NULL,
	CONSTRAINT "sequences_workspace_id_key_unique" UNIQUE("workspace_id","key")
);
--> statement-breakpoint
CREATE TABLE "knockon"."deployment" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"expired_before" uuid,
	CONSTRAINT "deployment_is_only" CHECK ("knockon"."deployment"."is_only")
);
--> statement-breakpoint
CREATE TABLE "knockon"."expirations" (
	"log" text PRIMARY KEY NOT NULL,
	"before" uuid NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knockon"."ledger_checks" (
	"name" text PRIMARY KEY NOT NULL,
	"checked_at" timestamp with time zone DEFAULT now() NOT NULL,
	"balance" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knockon"."settled_totals" (
	"subscriber" text PRIMARY KEY NOT NULL,
	"events" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knockon"."channels" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"name" text NOT NULL,
	"last_seq" bigint DEFAULT 0 NOT NULL,
	"last_event_seq" bigint DEFAULT -1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "channels_workspace_id_name_unique" UNIQUE("workspace_id","name")
);
--> statement-breakpoint
CREATE TABLE "knockon"."members" (
	"workspace_id" uuid NOT NULL,
	"handle" text NOT NULL,
	"email" text,
	"display_name" text,
	"emails" text DEFAULT 'mentions' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "members_workspace_id_handle_pk" PRIMARY KEY("workspace_id","handle")
);
--> statement-breakpoint
CREATE TABLE "knockon"."messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"channel_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	"author" text NOT NULL,
	"text" text NOT NULL,
	"metadata" jsonb DEFAULT '{}' NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"sent_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "messages_channel_id_seq_unique" UNIQUE("channel_id","seq")
);
--> statement-breakpoint
CREATE TABLE "knockon"."mail_quotas" (
	"workspace_id" uuid PRIMARY KEY NOT NULL,
	"began_at" timestamp with time zone NOT NULL,
	"mails" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knockon"."notifications" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"channel_id" uuid NOT NULL,
	"message_id" uuid NOT NULL,
	"event_id" uuid NOT NULL,
	"recipient" text NOT NULL,
	"kind" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"read_at" timestamp with time zone,
	"emailed_at" timestamp with time zone,
	"email_counted_at" timestamp with time zone,
	"email_over_quota_at" timestamp with time zone,
	CONSTRAINT "notifications_message_id_recipient_kind_unique" UNIQUE("message_id","recipient","kind")
);
--> statement-breakpoint
CREATE TABLE "knockon"."discards" (
	"event_id" uuid NOT NULL,
	"subscriber" text NOT NULL,
	"by" text NOT NULL,
	"reason" text NOT NULL,
	"cause" text NOT NULL,
	"discarded_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "discards_event_id_subscriber_pk" PRIMARY KEY("event_id","subscriber")
);
--> statement-breakpoint
CREATE TABLE "knockon"."dispatch_events" (
	"dispatch_id" uuid NOT NULL,
	"event_id" uuid NOT NULL,
	"type" text NOT NULL,
	CONSTRAINT "dispatch_events_dispatch_id_event_id_pk" PRIMARY KEY("dispatch_id","event_id")
);
--> statement-breakpoint
CREATE TABLE "knockon"."operation_dispatches" (
	"dispatch_id" uuid PRIMARY KEY NOT NULL,
	"operation_id" uuid NOT NULL,
	"ended_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "knockon"."operation_items" (
	"operation_id" uuid NOT NULL,
	"subject" text NOT NULL,
	"done_at" timestamp with time zone,
	CONSTRAINT "operation_items_operation_id_subject_pk" PRIMARY KEY("operation_id","subject")
);
--> statement-breakpoint
CREATE TABLE "knockon"."operations" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"verb" text NOT NULL,
	"input" jsonb NOT NULL,
	"by" text NOT NULL,
	"state" text DEFAULT 'running' NOT NULL,
	"total" integer,
	"done" integer DEFAULT 0 NOT NULL,
	"skipped" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"cursor" jsonb,
	"exhausted" boolean DEFAULT false NOT NULL,
	"failures" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"per_second" double precision,
	"active_ms" double precision DEFAULT 0 NOT NULL,
	"error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"driven_at" timestamp with time zone,
	"driven_by" text,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "knockon"."action_log" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"by" text NOT NULL,
	"verb" text NOT NULL,
	"subject" text NOT NULL,
	"detail" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"reason" text
);
--> statement-breakpoint
CREATE TABLE "knockon"."controls" (
	"subscriber" text PRIMARY KEY NOT NULL,
	"paused_at" timestamp with time zone,
	"paused_by" text,
	"pause_reason" text,
	"paused_until" timestamp with time zone,
	"per_second" double precision,
	"limited_by" text,
	"limited_at" timestamp with time zone,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knockon"."effect_rates" (
	"subscriber" text NOT NULL,
	"since" timestamp with time zone NOT NULL,
	"done" integer NOT NULL,
	"failed" integer NOT NULL,
	CONSTRAINT "effect_rates_subscriber_since_pk" PRIMARY KEY("subscriber","since")
);
--> statement-breakpoint
CREATE TABLE "knockon"."operators" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"prefix" text NOT NULL,
	"hash" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "operators_name_unique" UNIQUE("name"),
	CONSTRAINT "operators_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "knockon"."samples" (
	"every" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"subscriber" text NOT NULL,
	"looks" integer NOT NULL,
	"rate" double precision NOT NULL,
	"error_rate" double precision NOT NULL,
	"backlog" integer NOT NULL,
	"backlog_age_seconds" double precision NOT NULL,
	"dead_letters" integer NOT NULL,
	CONSTRAINT "samples_every_at_subscriber_pk" PRIMARY KEY("every","at","subscriber")
);
--> statement-breakpoint
CREATE TABLE "knockon"."sessions" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"operator_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knockon"."workers" (
	"identity" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"version" text NOT NULL,
	"host" text NOT NULL,
	"pid" integer NOT NULL,
	"effects" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	"clock_ahead_ms" double precision
);
--> statement-breakpoint
CREATE TABLE "knockon"."cursors" (
	"subscriber" text NOT NULL,
	"sequence_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	CONSTRAINT "cursors_subscriber_sequence_id_pk" PRIMARY KEY("subscriber","sequence_id")
);
--> statement-breakpoint
CREATE TABLE "knockon"."fences" (
	"subscriber" text NOT NULL,
	"key" uuid NOT NULL,
	"token" bigint NOT NULL,
	CONSTRAINT "fences_subscriber_key_pk" PRIMARY KEY("subscriber","key")
);
--> statement-breakpoint
CREATE TABLE "knockon"."attempts" (
	"event_id" uuid NOT NULL,
	"subscriber" text NOT NULL,
	"target" text DEFAULT '' NOT NULL,
	"attempts" integer NOT NULL,
	"last_error" text,
	"waiting_until" timestamp with time zone,
	"waits_for" uuid,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "attempts_event_id_subscriber_target_pk" PRIMARY KEY("event_id","subscriber","target")
);
--> statement-breakpoint
CREATE TABLE "knockon"."dead_letters" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"event_id" uuid NOT NULL,
	"subscriber" text NOT NULL,
	"target" text DEFAULT '' NOT NULL,
	"dispatch_id" uuid NOT NULL,
	"cause" text NOT NULL,
	"reason" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"retried_by" uuid,
	CONSTRAINT "dead_letters_event_id_subscriber_target_unique" UNIQUE("event_id","subscriber","target")
);
--> statement-breakpoint
CREATE TABLE "knockon"."dispatches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"size" integer NOT NULL,
	"subscribers" text[] NOT NULL,
	"claimed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"run_id" text,
	"open" text[],
	"settled_at" timestamp with time zone,
	"restarts" integer DEFAULT 0 NOT NULL,
	"restarted_at" timestamp with time zone,
	"again" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knockon"."outbox" (
	"event_id" uuid PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"channel_id" uuid,
	"type" text NOT NULL,
	"dispatch_id" uuid,
	"unchecked" boolean
);
--> statement-breakpoint
CREATE TABLE "knockon"."receipts" (
	"event_id" uuid NOT NULL,
	"subscriber" text NOT NULL,
	"completed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "receipts_event_id_subscriber_pk" PRIMARY KEY("event_id","subscriber")
);
--> statement-breakpoint
CREATE TABLE "knockon"."subscribers" (
	"name" text PRIMARY KEY NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"event_types" text[] NOT NULL,
	"task_queue" text NOT NULL,
	"activity" text NOT NULL,
	"ordering" text DEFAULT 'none' NOT NULL,
	"batch" integer NOT NULL,
	"timeout_ms" integer NOT NULL,
	"retry" jsonb NOT NULL,
	"again" text DEFAULT 'never' NOT NULL,
	"registered_at" timestamp with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"retired_at" timestamp with time zone,
	"retired_by" text,
	"retired_open" text,
	"handed_to" text,
	"retire_operation" uuid
);
--> statement-breakpoint
CREATE TABLE "knockon"."queue_turns" (
	"task_queue" text PRIMARY KEY NOT NULL,
	"reserved_until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knockon"."analytics_hours" (
	"channel_id" uuid NOT NULL,
	"hour" timestamp with time zone NOT NULL,
	"author" text NOT NULL,
	"workspace_id" uuid NOT NULL,
	"messages" integer NOT NULL,
	CONSTRAINT "analytics_hours_channel_id_hour_author_pk" PRIMARY KEY("channel_id","hour","author")
);
--> statement-breakpoint
CREATE TABLE "knockon"."channel_authors" (
	"channel_id" uuid NOT NULL,
	"author" text NOT NULL,
	"messages" integer NOT NULL,
	CONSTRAINT "channel_authors_channel_id_author_pk" PRIMARY KEY("channel_id","author")
);
--> statement-breakpoint
CREATE TABLE "knockon"."channel_summaries" (
	"channel_id" uuid PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"messages" integer DEFAULT 0 NOT NULL,
	"authors" integer DEFAULT 0 NOT NULL,
	"last_message" jsonb,
	"last_activity_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "knockon"."search_documents" (
	"message_id" uuid PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"channel_id" uuid NOT NULL,
	"author" text NOT NULL,
	"sent_at" timestamp with time zone NOT NULL,
	"version" integer NOT NULL,
	"document" "tsvector"
);
--> statement-breakpoint
CREATE TABLE "knockon"."deliveries" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"endpoint_id" uuid NOT NULL,
	"event_id" uuid,
	"event_type" text NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"delivered_at" timestamp with time zone,
	"due_at" timestamp with time zone,
	CONSTRAINT "deliveries_event_id_endpoint_id_unique" UNIQUE("event_id","endpoint_id")
);
--> statement-breakpoint
CREATE TABLE "knockon"."delivery_attempts" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"delivery_id" uuid NOT NULL,
	"attempted_at" timestamp with time zone DEFAULT now() NOT NULL,
	"status" integer,
	"latency_ms" integer NOT NULL,
	"error" text,
	"response_excerpt" text
);
--> statement-breakpoint
CREATE TABLE "knockon"."endpoints" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"url" text NOT NULL,
	"event_types" text[] NOT NULL,
	"description" text,
	"secret" text NOT NULL,
	"previous_secret" text,
	"previous_until" timestamp with time zone,
	"max_per_second" double precision,
	"max_concurrency" integer,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"reserved_until" timestamp with time zone,
	"queued_until" timestamp with time zone,
	"failures" integer DEFAULT 0 NOT NULL,
	"failing_since" timestamp with time zone,
	"probe_at" timestamp with time zone,
	"failing_cause" text,
	"resting_until" timestamp with time zone,
	"disabled_at" timestamp with time zone,
	"disabled_reason" text,
	"disabled_by" text
);
--> statement-breakpoint
CREATE TABLE "knockon"."api_keys" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"hash" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "api_keys_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "knockon"."idempotency_keys" (
	"workspace_id" uuid NOT NULL,
	"key" text NOT NULL,
	"request_hash" "bytea" NOT NULL,
	"status" integer NOT NULL,
	"response" text,
	"message_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_workspace_id_key_pk" PRIMARY KEY("workspace_id","key")
);
--> statement-breakpoint
CREATE TABLE "knockon"."workspaces" (
	"id" uuid PRIMARY KEY DEFAULT knockon.uuidv7() NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "knockon"."channels" ADD CONSTRAINT "channels_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "knockon"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knockon"."members" ADD CONSTRAINT "members_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "knockon"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knockon"."operation_dispatches" ADD CONSTRAINT "operation_dispatches_operation_id_operations_id_fk" FOREIGN KEY ("operation_id") REFERENCES "knockon"."operations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knockon"."operation_items" ADD CONSTRAINT "operation_items_operation_id_operations_id_fk" FOREIGN KEY ("operation_id") REFERENCES "knockon"."operations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knockon"."sessions" ADD CONSTRAINT "sessions_operator_id_operators_id_fk" FOREIGN KEY ("operator_id") REFERENCES "knockon"."operators"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knockon"."endpoints" ADD CONSTRAINT "endpoints_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "knockon"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knockon"."api_keys" ADD CONSTRAINT "api_keys_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "knockon"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "events_workspace_id_id_index" ON "knockon"."events" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "events_message_id_id_index" ON "knockon"."events" USING btree ("message_id","id");--> statement-breakpoint
CREATE INDEX "events_uncommon" ON "knockon"."events" USING btree ("type","id") WHERE type <> 'message.created';--> statement-breakpoint
CREATE INDEX "channels_workspace_id_id_index" ON "knockon"."channels" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "members_handle_folded" ON "knockon"."members" USING btree ("workspace_id",lower("handle"));--> statement-breakpoint
CREATE INDEX "messages_speaker" ON "knockon"."messages" USING btree ("channel_id",lower("author"),"seq");--> statement-breakpoint
CREATE INDEX "notifications_workspace_id_recipient_id_index" ON "knockon"."notifications" USING btree ("workspace_id","recipient","id");--> statement-breakpoint
CREATE INDEX "dispatch_events_event_id_index" ON "knockon"."dispatch_events" USING btree ("event_id");--> statement-breakpoint
CREATE INDEX "operation_dispatches_open" ON "knockon"."operation_dispatches" USING btree ("operation_id","dispatch_id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "operation_items_open" ON "knockon"."operation_items" USING btree ("operation_id","subject") WHERE done_at is null;--> statement-breakpoint
CREATE INDEX "operations_open" ON "knockon"."operations" USING btree ("id") WHERE state in ('running', 'paused');--> statement-breakpoint
CREATE INDEX "action_log_subject_id_index" ON "knockon"."action_log" USING btree ("subject","id");--> statement-breakpoint
CREATE INDEX "dead_letters_subscriber_id_index" ON "knockon"."dead_letters" USING btree ("subscriber","id");--> statement-breakpoint
CREATE INDEX "dispatches_unstarted" ON "knockon"."dispatches" USING btree ("claimed_at") WHERE started_at is null;--> statement-breakpoint
CREATE INDEX "dispatches_unsettled" ON "knockon"."dispatches" USING btree ("id") WHERE settled_at is null;--> statement-breakpoint
CREATE INDEX "outbox_undispatched" ON "knockon"."outbox" USING btree ("event_id") WHERE dispatch_id is null;--> statement-breakpoint
CREATE INDEX "outbox_waiting" ON "knockon"."outbox" USING btree ("workspace_id","event_id") WHERE coalesce(dispatch_id, event_id) = event_id;--> statement-breakpoint
CREATE INDEX "outbox_dispatched" ON "knockon"."outbox" USING btree ("dispatch_id","event_id") WHERE dispatch_id is not null;--> statement-breakpoint
CREATE INDEX "analytics_hours_workspace_id_hour_index" ON "knockon"."analytics_hours" USING btree ("workspace_id","hour");--> statement-breakpoint
CREATE INDEX "search_documents_document" ON "knockon"."search_documents" USING gin ("document");--> statement-breakpoint
CREATE INDEX "search_documents_workspace_id_sent_at_index" ON "knockon"."search_documents" USING btree ("workspace_id","sent_at");--> statement-breakpoint
CREATE INDEX "deliveries_endpoint_id_id_index" ON "knockon"."deliveries" USING btree ("endpoint_id","id");--> statement-breakpoint
CREATE INDEX "deliveries_waiting_index" ON "knockon"."deliveries" USING btree ("endpoint_id") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "delivery_attempts_delivery_id_id_index" ON "knockon"."delivery_attempts" USING btree ("delivery_id","id");--> statement-breakpoint
CREATE INDEX "endpoints_workspace_id_id_index" ON "knockon"."endpoints" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "api_keys_workspace_id_id_index" ON "knockon"."api_keys" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created_at_index" ON "knockon"."idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "idempotency_keys_message_id_index" ON "knockon"."idempotency_keys" USING btree ("message_id") WHERE message_id is not null;--> statement-breakpoint
-- Written by hand from here on: what drizzle-kit can't express.
INSERT INTO "knockon"."deployment" DEFAULT VALUES;--> statement-breakpoint
-- The time at which a UUIDv7 was made. Postgres 18 has `uuid_extract_timestamp`; older ones have nothing.
CREATE FUNCTION knockon.uuid_time(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000.0) $$;--> statement-breakpoint
-- The smallest UUIDv7 of a moment, so that an index on ids can be searched by time.
CREATE FUNCTION knockon.uuid_at(moment timestamptz) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid $$;--> statement-breakpoint
-- All events of a dispatch: those it was made for at first, and those that an operation asked for later.
CREATE VIEW "knockon"."dispatched" AS
  SELECT "event_id", "type", "dispatch_id" FROM "knockon"."outbox" WHERE "dispatch_id" IS NOT NULL
  UNION ALL
  SELECT "event_id", "type", "dispatch_id" FROM "knockon"."dispatch_events";--> statement-breakpoint
-- A receipt or dead letter that is deleted opens its dispatch again, so the ledger checks it anew. Rows that expire are deleted together
-- with their outbox row, and open nothing. Dispatches of operations are not in the ledger: their `open` is null and stays so.
-- Arrays, because the planner knows nothing of the size of `gone` and would read the whole outbox for one receipt.
CREATE FUNCTION "knockon"."reopen_dispatches"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  who text;
  those uuid[];
  taken_by uuid[];
  reopened bigint;
BEGIN
  FOR who, those IN SELECT subscriber, array_agg(event_id) FROM gone GROUP BY subscriber ORDER BY subscriber LOOP
    taken_by := ARRAY(SELECT DISTINCT o.dispatch_id FROM unnest(those) AS e (id)
      CROSS JOIN LATERAL (SELECT dispatch_id FROM knockon.dispatched WHERE event_id = e.id OFFSET 0) o);
    WITH torn AS (
      UPDATE knockon.dispatches d SET open = d.open || who, settled_at = NULL
      WHERE d.id = ANY (taken_by) AND who = ANY (d.subscribers) AND who <> ALL (d.open)
      RETURNING d.size
    )
    SELECT sum(size) INTO reopened FROM torn;
    IF reopened IS NOT NULL THEN
      UPDATE knockon.settled_totals t SET events = t.events - reopened WHERE t.subscriber = who;
    END IF;
  END LOOP;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER "receipts_deleted" AFTER DELETE ON "knockon"."receipts" REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION "knockon"."reopen_dispatches"();--> statement-breakpoint
CREATE TRIGGER "dead_letters_deleted" AFTER DELETE ON "knockon"."dead_letters" REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION "knockon"."reopen_dispatches"();--> statement-breakpoint
-- Free space in each page for the next version of rows that are updated often, so that updates stay in their page.
ALTER TABLE "knockon"."channels" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "knockon"."analytics_hours" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "knockon"."channel_summaries" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "knockon"."channel_authors" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "knockon"."audit_heads" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "knockon"."cursors" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "knockon"."settled_totals" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "knockon"."ledger_checks" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "knockon"."attempts" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "knockon"."deliveries" SET (fillfactor = 80);--> statement-breakpoint
-- Retention deletes millions of rows: vacuum them at 2 % dead rows, not at Postgres' 20 %, so that their space is used again.
ALTER TABLE "knockon"."outbox" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);--> statement-breakpoint
ALTER TABLE "knockon"."dispatches" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);--> statement-breakpoint
ALTER TABLE "knockon"."events" SET (autovacuum_vacuum_scale_factor = 0.02);--> statement-breakpoint
ALTER TABLE "knockon"."receipts" SET (autovacuum_vacuum_scale_factor = 0.02);--> statement-breakpoint
ALTER TABLE "knockon"."idempotency_keys" SET (autovacuum_vacuum_scale_factor = 0.05);
