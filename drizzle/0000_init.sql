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
CREATE TABLE "knockon"."debounces" (
	"subscriber" text NOT NULL,
	"workspace_id" uuid NOT NULL,
	"key" text NOT NULL,
	"began_at" timestamp with time zone,
	"seen_at" timestamp with time zone,
	"newest_id" uuid,
	"newest_seq" bigint,
	"newest_at" timestamp with time zone,
	"called_id" uuid,
	"called_seq" bigint,
	"look_at" timestamp with time zone DEFAULT now() + interval '1 day' NOT NULL,
	CONSTRAINT "debounces_subscriber_workspace_id_key_pk" PRIMARY KEY("subscriber","workspace_id","key")
);
--> statement-breakpoint
CREATE TABLE "knockon"."merges" (
	"event_id" uuid NOT NULL,
	"subscriber" text NOT NULL,
	"merged_into" uuid NOT NULL,
	CONSTRAINT "merges_event_id_subscriber_pk" PRIMARY KEY("event_id","subscriber")
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
	"deliver_at" timestamp with time zone,
	CONSTRAINT "events_sequence_id_seq_unique" UNIQUE("sequence_id","seq")
);
--> statement-breakpoint
CREATE TABLE "knockon"."scheduled" (
	"id" uuid PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"version" smallint NOT NULL,
	"workspace_id" uuid NOT NULL,
	"channel_id" uuid,
	"message_id" uuid,
	"sequence_id" uuid,
	"key" text,
	"timestamp" timestamp with time zone NOT NULL,
	"payload" jsonb NOT NULL,
	"unchecked" boolean,
	"deliver_at" timestamp with time zone NOT NULL,
	"place" bigint GENERATED ALWAYS AS IDENTITY (sequence name "knockon"."scheduled_place_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"cancelled_at" timestamp with time zone
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
CREATE TABLE "knockon"."http_subscribers" (
	"name" text PRIMARY KEY NOT NULL,
	"url" text NOT NULL,
	"secret" text NOT NULL,
	"previous_secret" text,
	"previous_until" timestamp with time zone,
	"timeout_ms" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"failing_since" timestamp with time zone,
	"probe_at" timestamp with time zone,
	"failing_cause" text,
	"resting_until" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "knockon"."deployment" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"expired_before" uuid,
	"name" text,
	"transport" text,
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
	"notify" boolean,
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
	"withdrawn_at" timestamp with time zone,
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
CREATE TABLE "knockon"."leases" (
	"subscriber" text NOT NULL,
	"key" uuid NOT NULL,
	"holder" uuid NOT NULL,
	"until" timestamp with time zone NOT NULL,
	CONSTRAINT "leases_subscriber_key_pk" PRIMARY KEY("subscriber","key")
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
	"unreported" json,
	"last_attempt" integer,
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
	"claimed_at" timestamp with time zone DEFAULT now(),
	"unchecked" boolean,
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
	"unchecked" boolean,
	"deliver_at" timestamp with time zone
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
	"host" text DEFAULT 'effects' NOT NULL,
	"owner" text,
	"ordering" text DEFAULT 'none' NOT NULL,
	"batch" integer NOT NULL,
	"timeout_ms" integer NOT NULL,
	"retry" jsonb NOT NULL,
	"debounce" jsonb,
	"again" text DEFAULT 'never' NOT NULL,
	"workspace_concurrency" integer,
	"workspace_per_second" double precision,
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
CREATE TABLE "knockon"."analytics_quarters" (
	"channel_id" uuid NOT NULL,
	"quarter" timestamp with time zone NOT NULL,
	"author" text NOT NULL,
	"workspace_id" uuid NOT NULL,
	"messages" integer NOT NULL,
	CONSTRAINT "analytics_quarters_channel_id_quarter_author_pk" PRIMARY KEY("channel_id","quarter","author")
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
CREATE TABLE "knockon"."schedule_runs" (
	"schedule" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"event_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "schedule_runs_schedule_at_pk" PRIMARY KEY("schedule","at")
);
--> statement-breakpoint
CREATE TABLE "knockon"."schedules" (
	"name" text PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"cron" text NOT NULL,
	"zone" text NOT NULL,
	"event_type" text NOT NULL,
	"payload" jsonb NOT NULL,
	"key" text,
	"catch_up_seconds" integer NOT NULL,
	"overlap" text NOT NULL,
	"next_at" timestamp with time zone NOT NULL,
	"paused_at" timestamp with time zone,
	"paused_by" text,
	"pause_reason" text,
	"missed_from" timestamp with time zone,
	"missed_to" timestamp with time zone,
	"last_error" text,
	"retry_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL
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
CREATE TABLE "knockon"."workspace_calls" (
	"subscriber" text NOT NULL,
	"workspace_id" uuid NOT NULL,
	"token" uuid NOT NULL,
	"call" text NOT NULL,
	"until" timestamp with time zone NOT NULL,
	CONSTRAINT "workspace_calls_subscriber_workspace_id_token_pk" PRIMARY KEY("subscriber","workspace_id","token")
);
--> statement-breakpoint
CREATE TABLE "knockon"."workspace_limits" (
	"subscriber" text NOT NULL,
	"workspace_id" uuid,
	"concurrency" integer,
	"per_second" double precision,
	"changed_by" text NOT NULL,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "workspace_limits_of" UNIQUE NULLS NOT DISTINCT("subscriber","workspace_id")
);
--> statement-breakpoint
CREATE TABLE "knockon"."workspace_turns" (
	"subscriber" text NOT NULL,
	"workspace_id" uuid NOT NULL,
	"used_until" timestamp with time zone DEFAULT 'epoch' NOT NULL,
	"queued_until" timestamp with time zone DEFAULT 'epoch' NOT NULL,
	"call_ms" double precision,
	"look_at" timestamp with time zone DEFAULT now() + interval '1 day' NOT NULL,
	CONSTRAINT "workspace_turns_subscriber_workspace_id_pk" PRIMARY KEY("subscriber","workspace_id")
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
	"event_id" uuid,
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
ALTER TABLE "knockon"."schedule_runs" ADD CONSTRAINT "schedule_runs_schedule_schedules_name_fk" FOREIGN KEY ("schedule") REFERENCES "knockon"."schedules"("name") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knockon"."schedules" ADD CONSTRAINT "schedules_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "knockon"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knockon"."endpoints" ADD CONSTRAINT "endpoints_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "knockon"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knockon"."api_keys" ADD CONSTRAINT "api_keys_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "knockon"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "debounces_look" ON "knockon"."debounces" USING btree ("look_at");--> statement-breakpoint
CREATE INDEX "events_workspace_id_id_index" ON "knockon"."events" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "events_message_id_id_index" ON "knockon"."events" USING btree ("message_id","id");--> statement-breakpoint
CREATE INDEX "events_uncommon" ON "knockon"."events" USING btree ("type","id") WHERE type <> 'message.created';--> statement-breakpoint
CREATE INDEX "scheduled_next" ON "knockon"."scheduled" USING btree ("deliver_at","place") WHERE cancelled_at is null;--> statement-breakpoint
CREATE INDEX "scheduled_of_workspace" ON "knockon"."scheduled" USING btree ("workspace_id","deliver_at","id") WHERE cancelled_at is null;--> statement-breakpoint
CREATE INDEX "scheduled_turns" ON "knockon"."scheduled" USING btree ("workspace_id","deliver_at","place") WHERE coalesce(cancelled_at, 'infinity') = 'infinity';--> statement-breakpoint
CREATE INDEX "scheduled_workspace_id_id_index" ON "knockon"."scheduled" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "scheduled_sequence_id_id_index" ON "knockon"."scheduled" USING btree ("sequence_id","id");--> statement-breakpoint
CREATE INDEX "scheduled_type_id_index" ON "knockon"."scheduled" USING btree ("type","id");--> statement-breakpoint
CREATE INDEX "scheduled_message_id_index" ON "knockon"."scheduled" USING btree ("message_id") WHERE message_id is not null;--> statement-breakpoint
CREATE INDEX "scheduled_cancelled" ON "knockon"."scheduled" USING btree ("cancelled_at") WHERE cancelled_at is not null;--> statement-breakpoint
CREATE INDEX "channels_workspace_id_id_index" ON "knockon"."channels" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "members_handle_folded" ON "knockon"."members" USING btree ("workspace_id",translate(lower(normalize("handle")), 'ς''ʼ＇‘', 'σ’’’’'));--> statement-breakpoint
CREATE INDEX "messages_sent" ON "knockon"."messages" USING btree ("channel_id","sent_at","seq");--> statement-breakpoint
CREATE INDEX "messages_speaker" ON "knockon"."messages" USING btree ("channel_id",translate(lower(normalize("author")), 'ς''ʼ＇‘', 'σ’’’’'),"seq");--> statement-breakpoint
CREATE INDEX "notifications_workspace_id_recipient_id_index" ON "knockon"."notifications" USING btree ("workspace_id","recipient","id");--> statement-breakpoint
CREATE INDEX "dispatch_events_event_id_index" ON "knockon"."dispatch_events" USING btree ("event_id");--> statement-breakpoint
CREATE INDEX "operation_dispatches_open" ON "knockon"."operation_dispatches" USING btree ("operation_id","dispatch_id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "operation_items_open" ON "knockon"."operation_items" USING btree ("operation_id","subject") WHERE done_at is null;--> statement-breakpoint
CREATE INDEX "operations_open" ON "knockon"."operations" USING btree ("id") WHERE state in ('running', 'paused');--> statement-breakpoint
CREATE INDEX "action_log_subject_id_index" ON "knockon"."action_log" USING btree ("subject","id");--> statement-breakpoint
CREATE INDEX "leases_holder_index" ON "knockon"."leases" USING btree ("holder");--> statement-breakpoint
CREATE INDEX "dead_letters_subscriber_id_index" ON "knockon"."dead_letters" USING btree ("subscriber","id");--> statement-breakpoint
CREATE INDEX "dispatches_unstarted" ON "knockon"."dispatches" USING btree ("claimed_at") WHERE started_at is null;--> statement-breakpoint
CREATE INDEX "dispatches_unsettled" ON "knockon"."dispatches" USING btree ("id") WHERE settled_at is null;--> statement-breakpoint
CREATE INDEX "outbox_undispatched" ON "knockon"."outbox" USING btree ("event_id") WHERE dispatch_id is null;--> statement-breakpoint
CREATE INDEX "outbox_waiting" ON "knockon"."outbox" USING btree ("workspace_id","event_id") WHERE coalesce(dispatch_id, event_id) = event_id;--> statement-breakpoint
CREATE INDEX "outbox_dispatched" ON "knockon"."outbox" USING btree ("dispatch_id","event_id") WHERE dispatch_id is not null;--> statement-breakpoint
CREATE INDEX "outbox_due" ON "knockon"."outbox" USING btree ("deliver_at") WHERE dispatch_id is null and deliver_at is not null;--> statement-breakpoint
CREATE INDEX "analytics_quarters_workspace_id_quarter_index" ON "knockon"."analytics_quarters" USING btree ("workspace_id","quarter");--> statement-breakpoint
CREATE INDEX "search_documents_document" ON "knockon"."search_documents" USING gin ("document");--> statement-breakpoint
CREATE INDEX "search_documents_workspace_id_sent_at_index" ON "knockon"."search_documents" USING btree ("workspace_id","sent_at");--> statement-breakpoint
CREATE INDEX "schedules_active" ON "knockon"."schedules" USING btree ("next_at") WHERE paused_at is null;--> statement-breakpoint
CREATE INDEX "deliveries_endpoint_id_id_index" ON "knockon"."deliveries" USING btree ("endpoint_id","id");--> statement-breakpoint
CREATE INDEX "deliveries_waiting_index" ON "knockon"."deliveries" USING btree ("endpoint_id") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "delivery_attempts_delivery_id_id_index" ON "knockon"."delivery_attempts" USING btree ("delivery_id","id");--> statement-breakpoint
CREATE INDEX "endpoints_workspace_id_id_index" ON "knockon"."endpoints" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "workspace_turns_look" ON "knockon"."workspace_turns" USING btree ("look_at");--> statement-breakpoint
CREATE INDEX "api_keys_workspace_id_id_index" ON "knockon"."api_keys" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created_at_index" ON "knockon"."idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "idempotency_keys_message_id_index" ON "knockon"."idempotency_keys" USING btree ("message_id") WHERE message_id is not null;--> statement-breakpoint
CREATE INDEX "idempotency_keys_event_id_index" ON "knockon"."idempotency_keys" USING btree ("event_id") WHERE event_id is not null;--> statement-breakpoint
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
  SELECT "event_id", "type", "dispatch_id", "deliver_at" FROM "knockon"."outbox" WHERE "dispatch_id" IS NOT NULL
  UNION ALL
  SELECT "event_id", "type", "dispatch_id", NULL FROM "knockon"."dispatch_events";--> statement-breakpoint
-- The log as it is shown: events, and those that are scheduled or were cancelled. Work reads `events` alone.
CREATE VIEW "knockon"."shown_events" AS
  SELECT "id", "type", "version", "workspace_id", "channel_id", "message_id", "sequence_id", "key", "seq", "timestamp", "payload",
    "deliver_at", NULL::timestamptz AS "cancelled_at", false AS "waits" FROM "knockon"."events"
  UNION ALL
  SELECT "id", "type", "version", "workspace_id", "channel_id", "message_id", "sequence_id", "key", NULL::bigint, "timestamp", "payload",
    "deliver_at", "cancelled_at", "cancelled_at" IS NULL FROM "knockon"."scheduled";--> statement-breakpoint
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
ALTER TABLE "knockon"."sequences" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "knockon"."analytics_quarters" SET (fillfactor = 70);--> statement-breakpoint
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
ALTER TABLE "knockon"."scheduled" SET (autovacuum_vacuum_scale_factor = 0.02);--> statement-breakpoint
ALTER TABLE "knockon"."receipts" SET (autovacuum_vacuum_scale_factor = 0.02);--> statement-breakpoint
ALTER TABLE "knockon"."idempotency_keys" SET (autovacuum_vacuum_scale_factor = 0.05);--> statement-breakpoint
-- Emitting, from here to the end. Whether a payload that is an object can break that schema.
CREATE FUNCTION knockon.refuses_some(schema jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN jsonb_typeof(schema) <> 'object' THEN schema <> 'true' ELSE
    schema - '{$schema,$id,$comment,title,description,examples,default,deprecated}'::text[]
    NOT IN (
      '{}', '{"type": "object"}',
      '{"type": "object", "properties": {}}',
      '{"type": "object", "additionalProperties": {}}',
      '{"type": "object", "additionalProperties": true}',
      '{"type": "object", "properties": {}, "additionalProperties": {}}',
      '{"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {}}'
    )
  END $$;--> statement-breakpoint
-- The text, or so many characters of it and a mark that it goes on.
CREATE FUNCTION knockon.shortened(value text, most int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN length(value) > most THEN left(value, most) || '…' ELSE value END
  $$;--> statement-breakpoint
-- The first number that a double can't hold as it is written, with its path, such as
-- `items.0.id is 9007199254740993`. JavaScript, and most who read JSON, would change it. Only so
-- much of a path is kept as is told: names may be long, and each number below them has its own.
CREATE FUNCTION knockon.inexact_number(payload jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
  WITH RECURSIVE nodes (path, value) AS (
    SELECT '', payload
    UNION ALL
    SELECT left(concat_ws('.', nullif(n.path, ''), child.step), 200), child.value
    FROM nodes n CROSS JOIN LATERAL (
      SELECT key AS step, value
      FROM jsonb_each(CASE jsonb_typeof(n.value) WHEN 'object' THEN n.value ELSE '{}' END)
      UNION ALL
      SELECT (place - 1)::text, value
      FROM jsonb_array_elements(CASE jsonb_typeof(n.value) WHEN 'array' THEN n.value ELSE '[]' END)
        WITH ORDINALITY AS item (value, place)
    ) child
  )
  SELECT path || ' is ' || knockon.shortened(value::text, 40) FROM nodes
  WHERE CASE
    WHEN jsonb_typeof(value) <> 'number' OR value::numeric = 0 THEN false
    WHEN abs(value::numeric) NOT BETWEEN 4.9e-324 AND 1.7976931348623157e308 THEN true
    -- Fifteen digits are always kept, though Postgres writes one such as 1e23 otherwise.
    WHEN abs(value::numeric) > 2.3e-308
      AND length(trim(BOTH '0' FROM translate(value::text, '-.', ''))) <= 15 THEN false
    ELSE value::numeric::float8::text::numeric <> value::numeric
  END
  LIMIT 1 $$;--> statement-breakpoint
-- Bytes of a payload as compact JSON: Postgres writes a space after each comma and colon. Of one
-- that is too large anyway, the bytes as Postgres writes it: to look for spaces takes seconds.
CREATE FUNCTION knockon.json_bytes(payload jsonb) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN octet_length(written) <= 262144 OR octet_length(written) > 524288
    THEN octet_length(written)
    ELSE octet_length(written) - length(bare) + length(replace(bare, ' ', '')) END
  FROM (SELECT payload::text AS written OFFSET 0) AS whole, LATERAL (
    SELECT CASE WHEN octet_length(written) BETWEEN 262145 AND 524288
      THEN regexp_replace(written, E'"(?:[^"\\\\]|\\\\.)*"', '', 'g') END AS bare OFFSET 0
  ) AS rest $$;--> statement-breakpoint
-- Whether a payload is nested deeper than 98 levels: many who read JSON go no deeper.
CREATE FUNCTION knockon.is_deep(payload jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT octet_length(payload::text) > 2 * 98 AND jsonb_path_exists(payload,
    'strict $.**{98} ? (@.type() == "object" || @.type() == "array")') $$;--> statement-breakpoint
-- Whether an event may have that payload: an object of at most 256 KiB and 98 levels whose numbers
-- are kept.
CREATE FUNCTION knockon.is_storable(payload jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN jsonb_typeof(payload) IS DISTINCT FROM 'object' THEN false
    WHEN octet_length(payload::text) > 262144 AND knockon.json_bytes(payload) > 262144 THEN false
    WHEN knockon.is_deep(payload) THEN false
    WHEN payload::text ~ '[0-9.]{16}' THEN knockon.inexact_number(payload) IS NULL
    ELSE true
  END $$;--> statement-breakpoint
-- Whether an event may have that key.
CREATE FUNCTION knockon.is_key(key text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT length(key) BETWEEN 1 AND 200 AND key !~ E'[\\u0001-\\u001f\\u007f-\\u009f]'
  $$;--> statement-breakpoint
-- Whether a key is the id of one of the workspace's channels. It would name two sequences.
CREATE FUNCTION knockon.is_channel(workspace uuid, key text) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN key ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN EXISTS (
    SELECT FROM knockon.channels c WHERE c.id = key::uuid AND c.workspace_id = workspace)
  ELSE false END $$;--> statement-breakpoint
-- Whether a caller may choose that id: lists and retention go by the time in it.
CREATE FUNCTION knockon.is_event_id(id uuid) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT id::text ~ '^.{14}7.{4}[89ab]' AND knockon.uuid_time(id)
    BETWEEN clock_timestamp() - interval '1 day' AND clock_timestamp() + interval '5 minutes'
  $$;--> statement-breakpoint
-- Whether an event may be kept until then. A moment that is past means now.
CREATE FUNCTION knockon.is_near(deliver_at timestamptz) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT deliver_at <= clock_timestamp() + interval '366 days' $$;--> statement-breakpoint
-- Declared types whose names are like this one, at most three.
CREATE FUNCTION knockon.types_like(name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH names AS (
    SELECT t.name FROM knockon.event_types t UNION SELECT left(types_like.name, 200)
  ), parts AS (
    SELECT DISTINCT n.name, substr('  ' || n.name, i, 3) AS part
    FROM names n, generate_series(1, length(n.name)) AS i
  ), alike AS (
    SELECT p.name, count(*) AS shared FROM parts p JOIN parts asked USING (part)
    WHERE asked.name = types_like.name AND p.name <> asked.name
    GROUP BY p.name HAVING count(*) * 2 >= length(types_like.name) ORDER BY 2 DESC, 1 LIMIT 3
  )
  SELECT string_agg(name, ', ' ORDER BY shared DESC, name) FROM alike $$;--> statement-breakpoint
-- Why `store_events` refuses an event, for people. The codes are of a class of our own: KN001
-- unknown type, KN002 malformed, KN003 not in this workspace, KN004 too large, KN005 an id twice.
CREATE FUNCTION knockon.why_refused(
  type text, workspace uuid, payload jsonb, channel uuid, message uuid, key text, id uuid,
  version int, deliver_at timestamptz, OUT code text, OUT problem text, OUT detail text, OUT hint text
) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  named text := coalesce('"' || knockon.shortened(type, 100) || '"', 'null');
BEGIN
  detail := format('The event is of type %s.', named);
  IF type IS NULL
    OR type !~ '^[a-z][a-z0-9]*(_[a-z0-9]+)*[.][a-z][a-z0-9]*(_[a-z0-9]+)*$' THEN
    code := 'KN002';
    problem := format('the event type %s is malformed', named);
    hint := 'A type is named <aggregate>.<past participle> in snake_case, such as invoice.paid.';
  ELSIF NOT EXISTS (SELECT FROM knockon.event_types t WHERE t.name = type) THEN
    code := 'KN001';
    problem := format('the event type %s is not declared', named);
    detail := 'No row of knockon.event_types has that name.';
    hint := coalesce('Names like it: ' || knockon.types_like(type) || '. ', '')
      || 'Declare it with defineEvent in a process of yours, '
      || format('or with PUT /v1/ops/event_types/%s.', knockon.shortened(type, 200));
  ELSIF version IS NOT NULL AND NOT EXISTS (
    SELECT FROM knockon.event_types t
    WHERE t.name = type AND t.version = why_refused.version) THEN
    code := 'KN001';
    problem := format('the event type %s has no version %s', named, version);
    hint := format('Its versions are %s. Without `version` it is the newest.', (
      SELECT string_agg(t.version::text, ', ' ORDER BY t.version)
      FROM knockon.event_types t WHERE t.name = type));
  ELSIF workspace IS NULL THEN
    code := 'KN003';
    problem := 'the event names no workspace';
    hint := 'Pass the id of a workspace as `workspace`. POST /v1/workspaces makes one.';
  ELSIF NOT EXISTS (SELECT FROM knockon.workspaces w WHERE w.id = workspace) THEN
    code := 'KN003';
    problem := format('there is no workspace %s', workspace);
    hint := 'Pass the id of a workspace as `workspace`. POST /v1/workspaces makes one.';
  ELSIF jsonb_typeof(payload) IS DISTINCT FROM 'object' THEN
    code := 'KN002';
    problem := format('the payload of %s is no JSON object, but %s', named,
      coalesce(jsonb_typeof(payload), 'null'));
    hint := 'Pass an object as `payload`, such as {"amount": 5}. A driver may have made a JSON '
      || 'string of it: pass it as text with ::jsonb then.';
  ELSIF knockon.json_bytes(payload) > 262144 THEN
    code := 'KN004';
    problem := format('the payload of %s is too large', named);
    detail := format('It has %s bytes of JSON. At most 262144 are taken.',
      knockon.json_bytes(payload));
    hint := 'Store what is large elsewhere, and put its id into the payload.';
  ELSIF knockon.is_deep(payload) THEN
    code := 'KN002';
    problem := format('the payload of %s is nested deeper than 98 levels', named);
    hint := 'Nest it less deep, or store it elsewhere and put its id into the payload.';
  ELSIF knockon.inexact_number(payload) IS NOT NULL THEN
    code := 'KN002';
    problem := format('the payload of %s has a number that can''t be kept exactly', named);
    detail := knockon.inexact_number(payload)
      || '. JavaScript, and most who read JSON, would change it.';
    hint := 'Send it as a string.';
  ELSIF key IS NOT NULL AND channel IS NOT NULL THEN
    code := 'KN002';
    problem := 'an event has a key or a channel, not both';
    hint := 'Leave out `key`: the events of a channel are in order by themselves.';
  ELSIF NOT knockon.is_key(key) THEN
    code := 'KN002';
    problem := CASE
      WHEN key = '' THEN 'the key is empty'
      WHEN length(key) > 200 THEN format('the key has %s characters', length(key))
      ELSE 'the key has control characters' END;
    hint := 'A key has 1 to 200 characters, such as invoice-42. '
      || 'Leave it out where the order does not matter.';
  ELSIF channel IS NOT NULL AND NOT EXISTS (
    SELECT FROM knockon.channels c WHERE c.id = channel AND c.workspace_id = workspace) THEN
    code := 'KN003';
    problem := format('there is no channel %s in workspace %s', channel, workspace);
    hint := 'Pass a channel of that workspace, or a `key` of your own to have events in order.';
  ELSIF message IS NOT NULL AND NOT EXISTS (
    SELECT FROM knockon.messages m WHERE m.id = message AND m.workspace_id = workspace) THEN
    code := 'KN003';
    problem := format('there is no message %s in workspace %s', message, workspace);
    hint := 'Pass a message of that workspace, or leave out `message`.';
  ELSIF knockon.is_channel(workspace, key) THEN
    code := 'KN002';
    problem := format('the key %s is the id of a channel', key);
    hint := 'Pass it as `channel`, so that the event is in order with others of that channel.';
  ELSIF NOT knockon.is_near(deliver_at) THEN
    code := 'KN002';
    problem := format('the moment %s is more than a year ahead', deliver_at);
    hint := 'As `deliver_at` take a moment within the next 366 days.';
  ELSIF NOT knockon.is_event_id(id) THEN
    code := 'KN002';
    problem := format('the id %s is no UUIDv7 of the last 24 hours', id);
    hint := 'Leave out `id`, or make a UUIDv7 right before: lists go by the time in it.';
  ELSE
    code := 'KN005';
    problem := format('there is an event %s already', id);
    hint := 'If it is this one, nothing is left to do. Each event has an id of its own.';
  END IF;
END $$;--> statement-breakpoint
-- Makes the rows of keys that have none yet. Where another transaction is making the same one,
-- `on conflict` waits for its end. With `skip_locked` such a key is left without after 10 ms, and
-- after five of them all that are left: a statement with other people's events waits for 60 ms.
CREATE FUNCTION knockon.make_sequences(workspaces uuid[], keys text[], skip_locked boolean)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  limit_before text := current_setting('lock_timeout');
  missing record;
  waits int := 0;
BEGIN
  IF NOT EXISTS (
    SELECT FROM unnest(workspaces, keys) AS k (workspace, key) WHERE NOT EXISTS (
      SELECT FROM knockon.sequences s WHERE s.workspace_id = k.workspace AND s.key = k.key)
  ) THEN
    RETURN;
  END IF;
  IF NOT skip_locked THEN
    INSERT INTO knockon.sequences (workspace_id, key)
    SELECT DISTINCT k.workspace, k.key COLLATE "C"
    FROM unnest(workspaces, keys) AS k (workspace, key)
    WHERE NOT EXISTS (
      SELECT FROM knockon.sequences s WHERE s.workspace_id = k.workspace AND s.key = k.key)
    ORDER BY 1, 2 ON CONFLICT DO NOTHING;
    RETURN;
  END IF;
  PERFORM set_config('lock_timeout', '10ms', true);
  BEGIN
    PERFORM knockon.make_sequences(workspaces, keys, false);
  EXCEPTION WHEN lock_not_available THEN
    FOR missing IN SELECT DISTINCT k.workspace, k.key COLLATE "C" AS key
      FROM unnest(workspaces, keys) AS k (workspace, key) ORDER BY 1, 2
    LOOP
      BEGIN
        PERFORM knockon.make_sequences(ARRAY[missing.workspace], ARRAY[missing.key], false);
      EXCEPTION WHEN lock_not_available THEN
        waits := waits + 1;
        EXIT WHEN waits = 5;
      END;
    END LOOP;
  END;
  PERFORM set_config('lock_timeout', limit_before, true);
END $$;--> statement-breakpoint
-- Stores one event, and waits for its channel or key. Most who emit have one, and a plan for
-- hundreds takes ten times as long to begin as this. No rows: ask `store_events` why.
CREATE FUNCTION knockon.store_event(
  type text, workspace uuid, payload jsonb, channel uuid, message uuid, key text, given_id uuid,
  given_version int, checked boolean
) RETURNS TABLE (id uuid, version int, seq bigint, "timestamp" timestamptz)
LANGUAGE plpgsql ROWS 1 SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_variable
DECLARE
  known record;
  sequence_id uuid;
BEGIN
  SELECT t.version, knockon.refuses_some(t.schema) AS refuses_some INTO known
  FROM knockon.event_types t
  WHERE t.name = type AND (given_version IS NULL OR t.version = given_version)
    AND knockon.is_storable(payload)
    AND EXISTS (SELECT FROM knockon.workspaces w WHERE w.id = workspace)
    AND (channel IS NULL OR EXISTS (
      SELECT FROM knockon.channels c WHERE c.id = channel AND c.workspace_id = workspace))
    AND (message IS NULL OR EXISTS (
      SELECT FROM knockon.messages m WHERE m.id = message AND m.workspace_id = workspace))
    AND (key IS NULL OR channel IS NULL AND knockon.is_key(key)
      AND NOT knockon.is_channel(workspace, key))
    AND (given_id IS NULL OR knockon.is_event_id(given_id)
      AND NOT EXISTS (SELECT FROM knockon.events e WHERE e.id = given_id)
      AND NOT EXISTS (SELECT FROM knockon.scheduled e WHERE e.id = given_id))
  ORDER BY t.version DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF channel IS NOT NULL THEN
    UPDATE knockon.channels c SET last_event_seq = c.last_event_seq + 1 WHERE c.id = channel
    RETURNING c.id, c.last_event_seq INTO sequence_id, seq;
  ELSIF key IS NOT NULL THEN
    INSERT INTO knockon.sequences AS s (workspace_id, key, last_seq) VALUES (workspace, key, 0)
    ON CONFLICT ON CONSTRAINT sequences_workspace_id_key_unique
      DO UPDATE SET last_seq = s.last_seq + 1
    RETURNING s.id, s.last_seq INTO sequence_id, seq;
  END IF;
  id := coalesce(given_id, knockon.uuidv7());
  version := known.version;
  "timestamp" := date_trunc('milliseconds', clock_timestamp());
  INSERT INTO knockon.events (id, type, version, workspace_id, channel_id, message_id, sequence_id,
    key, seq, timestamp, payload)
  VALUES (id, type, version, workspace, channel, message, sequence_id,
    key, seq, "timestamp", payload);
  INSERT INTO knockon.outbox (event_id, workspace_id, channel_id, type, unchecked)
  VALUES (id, workspace, channel, type, CASE WHEN known.refuses_some AND NOT checked THEN true END);
  RETURN NEXT;
END $$;--> statement-breakpoint
-- Stores events with their places in the outbox, as many at once as there are. All ways to emit
-- come here. The arrays are of one length. `ids`, `versions` and `deliver_ats` may hold nulls: a
-- new id, the newest version, now. `checked`: the payloads have been compared with their types'
-- schemas. What is for later goes to `scheduled`, locks nothing and has no `seq`: see `promote`.
--
-- It answers for each event, in the order given:
--   place           from 1
--   id … timestamp  as stored; `key` is the channel's id where there is a channel
--   deliver_at      when it is due; null: it is dispatched now
--   held            true: another transaction holds its channel or key, so it was left out. Only
--                   with `skip_locked`; without, it is waited for
--   code … hint     why it was refused (see `why_refused`); null: it was not
--
-- What is neither held nor refused is stored. The caller decides what a refused one means for the
-- others, and notifies the dispatchers.
--
-- Rows are locked in one order (new keys by name, channels by id, keys by id), so two callers
-- can't wait for each other, and held until the commit. So `seq` has no gaps and follows the order
-- of commits.
CREATE FUNCTION knockon.store_events(
  types text[], workspaces uuid[], payloads jsonb[], channels uuid[], messages uuid[], keys text[],
  ids uuid[], versions int[], deliver_ats timestamptz[], checked boolean, skip_locked boolean
) RETURNS TABLE (
  place int, id uuid, version int, key text, seq bigint, "timestamp" timestamptz,
  deliver_at timestamptz, held boolean, code text, problem text, detail text, hint text
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
-- The plan is made once, for making it takes longer than all it does. It must suit large tables.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  began CONSTANT timestamptz := clock_timestamp();
  moment CONSTANT timestamptz := date_trunc('milliseconds', began);
  keyed record;
BEGIN
  IF cardinality(types) = 1 AND NOT skip_locked AND (deliver_ats[1] > began) IS NOT TRUE THEN
    RETURN QUERY SELECT 1, s.id, s.version, coalesce(keys[1], channels[1]::text), s.seq,
      s.timestamp, NULL::timestamptz, false, NULL::text, NULL::text, NULL::text, NULL::text
    FROM knockon.store_event(types[1], workspaces[1], payloads[1], channels[1], messages[1],
      keys[1], ids[1], versions[1], checked) s;
    IF FOUND THEN
      RETURN;
    END IF;
  END IF;
  SELECT array_agg(k.workspace) AS workspaces, array_agg(k.key) AS keys INTO keyed
  FROM unnest(workspaces, keys, channels) AS k (workspace, key, channel)
  WHERE knockon.is_key(k.key) AND k.channel IS NULL AND k.workspace IS NOT NULL;
  IF keyed.keys IS NOT NULL THEN
    PERFORM knockon.make_sequences(keyed.workspaces, keyed.keys, skip_locked);
  END IF;

  RETURN QUERY
  WITH input AS MATERIALIZED (
    SELECT i.*, coalesce(i.given_id, knockon.uuidv7()) AS id, t.version, t.refuses_some,
      coalesce(i.channel, s.id) AS sequence_id,
      CASE WHEN i.due > began THEN date_trunc('milliseconds', i.due) END AS deliver_at,
      t.version IS NOT NULL AND knockon.is_storable(i.payload)
        AND (
          SELECT true FROM knockon.workspaces w WHERE w.id = i.workspace LIMIT 1) IS NOT NULL
        AND (i.channel IS NULL OR (
          SELECT true FROM knockon.channels c
          WHERE c.id = i.channel AND c.workspace_id = i.workspace LIMIT 1) IS NOT NULL)
        AND (i.message IS NULL OR (
          SELECT true FROM knockon.messages m
          WHERE m.id = i.message AND m.workspace_id = i.workspace LIMIT 1) IS NOT NULL)
        AND (i.key IS NULL OR i.channel IS NULL AND knockon.is_key(i.key)
          AND NOT knockon.is_channel(i.workspace, i.key))
        AND (i.due IS NULL OR knockon.is_near(i.due))
        AND (i.given_id IS NULL OR knockon.is_event_id(i.given_id)
          AND (SELECT true FROM knockon.events e WHERE e.id = i.given_id LIMIT 1) IS NULL
          AND (SELECT true FROM knockon.scheduled e WHERE e.id = i.given_id LIMIT 1) IS NULL
          AND row_number() OVER (PARTITION BY i.given_id ORDER BY i.place) = 1)
        AS is_fine
    FROM unnest(types, workspaces, payloads, channels, messages, keys, ids, versions, deliver_ats)
      WITH ORDINALITY AS i (
        type, workspace, payload, channel, message, key, given_id, given_version, due, place)
    LEFT JOIN LATERAL (
      SELECT e.version, knockon.refuses_some(e.schema) AS refuses_some FROM knockon.event_types e
      WHERE e.name = i.type AND (i.given_version IS NULL OR e.version = i.given_version)
      ORDER BY e.version DESC LIMIT 1
    ) t ON true
    LEFT JOIN LATERAL (
      SELECT s.id FROM knockon.sequences s
      WHERE s.workspace_id = i.workspace AND s.key = i.key LIMIT 1
    ) s ON true
  ), free_channels AS (
    SELECT c.id, c.last_event_seq AS last_seq FROM knockon.channels c
    WHERE skip_locked AND c.id = ANY (ARRAY(
      SELECT i.channel FROM input i WHERE i.is_fine AND i.deliver_at IS NULL))
    ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED
  ), all_channels AS (
    SELECT c.id, c.last_event_seq AS last_seq FROM knockon.channels c
    WHERE NOT skip_locked AND c.id = ANY (ARRAY(
      SELECT i.channel FROM input i WHERE i.is_fine AND i.deliver_at IS NULL))
    ORDER BY c.id FOR NO KEY UPDATE
  ), free_keys AS (
    SELECT s.id, s.last_seq FROM knockon.sequences s
    WHERE skip_locked AND s.id = ANY (ARRAY(
      SELECT i.sequence_id FROM input i
      WHERE i.is_fine AND i.deliver_at IS NULL AND i.channel IS NULL))
    ORDER BY s.id FOR NO KEY UPDATE SKIP LOCKED
  ), all_keys AS (
    SELECT s.id, s.last_seq FROM knockon.sequences s
    WHERE NOT skip_locked AND s.id = ANY (ARRAY(
      SELECT i.sequence_id FROM input i
      WHERE i.is_fine AND i.deliver_at IS NULL AND i.channel IS NULL))
    ORDER BY s.id FOR NO KEY UPDATE
  ), locked AS MATERIALIZED (
    SELECT * FROM free_channels UNION ALL SELECT * FROM all_channels
    UNION ALL SELECT * FROM free_keys UNION ALL SELECT * FROM all_keys
  ), accepted AS MATERIALIZED (
    SELECT i.*, l.last_seq + row_number() OVER (PARTITION BY l.id ORDER BY i.place) AS seq
    FROM input i LEFT JOIN locked l ON l.id = i.sequence_id AND i.deliver_at IS NULL
    WHERE i.is_fine AND (l.id IS NOT NULL OR i.channel IS NULL AND i.key IS NULL
      OR i.deliver_at IS NOT NULL AND i.sequence_id IS NOT NULL)
  ), advanced_channels AS (
    UPDATE knockon.channels c SET last_event_seq = c.last_event_seq + n.events
    FROM (
      SELECT a.channel, count(*) AS events FROM accepted a
      WHERE a.channel IS NOT NULL AND a.deliver_at IS NULL GROUP BY 1
    ) n WHERE c.id = n.channel
  ), advanced_keys AS (
    UPDATE knockon.sequences s SET last_seq = s.last_seq + n.events
    FROM (
      SELECT a.sequence_id, count(*) AS events FROM accepted a
      WHERE a.key IS NOT NULL AND a.deliver_at IS NULL GROUP BY 1
    ) n WHERE s.id = n.sequence_id
  ), logged AS (
    INSERT INTO knockon.events (id, type, version, workspace_id, channel_id, message_id,
      sequence_id, key, seq, timestamp, payload)
    SELECT a.id, a.type, a.version, a.workspace, a.channel, a.message, a.sequence_id, a.key, a.seq,
      moment, a.payload
    FROM accepted a WHERE a.deliver_at IS NULL
  ), queued AS (
    INSERT INTO knockon.outbox (event_id, workspace_id, channel_id, type, unchecked)
    SELECT a.id, a.workspace, a.channel, a.type,
      CASE WHEN a.refuses_some AND NOT checked THEN true END
    FROM accepted a WHERE a.deliver_at IS NULL
  ), for_later AS (
    INSERT INTO knockon.scheduled (id, type, version, workspace_id, channel_id, message_id,
      sequence_id, key, timestamp, payload, unchecked, deliver_at)
    SELECT a.id, a.type, a.version, a.workspace, a.channel, a.message, a.sequence_id, a.key,
      moment, a.payload, CASE WHEN a.refuses_some AND NOT checked THEN true END, a.deliver_at
    FROM accepted a WHERE a.deliver_at IS NOT NULL ORDER BY a.place
  )
  SELECT i.place::int, i.id, i.version::int, coalesce(i.key, i.channel::text), a.seq, moment,
    a.deliver_at, i.is_fine AND a.id IS NULL, r.code, r.problem, r.detail, r.hint
  FROM input i LEFT JOIN accepted a ON a.place = i.place
    LEFT JOIN LATERAL (
      SELECT * FROM knockon.why_refused(i.type, i.workspace, i.payload, i.channel, i.message,
        i.key, i.given_id, i.given_version, i.due)
      WHERE NOT i.is_fine OFFSET 0
    ) r ON true
  ORDER BY i.place;
END $$;--> statement-breakpoint
-- Takes idempotency keys again that expired 24 hours after they were used. `ON CONFLICT DO UPDATE`
-- alone would wait for a key's row that another transaction holds, and all of the caller's batch
-- with it: such a key is left as it is. The arrays are of one length, but for `message_ids` or
-- `event_ids`, which is null; no key comes twice. Returns the ids of those that have their key now.
CREATE FUNCTION knockon.renew_keys(
  workspaces uuid[], keys text[], request_hashes text[], message_ids uuid[], event_ids uuid[]
) RETURNS SETOF uuid LANGUAGE plpgsql ROWS 1 SET search_path = pg_catalog, pg_temp
-- The plan is made once, and must suit large tables.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY WITH expired AS MATERIALIZED (
    SELECT i.* FROM unnest(workspaces, keys, request_hashes, message_ids, event_ids)
      AS i (workspace, key, request_hash, message_id, event_id)
    CROSS JOIN LATERAL (
      SELECT FROM knockon.idempotency_keys k
      WHERE k.workspace_id = i.workspace AND k.key = i.key
        AND k.created_at < now() - interval '24 hours' LIMIT 1 FOR UPDATE SKIP LOCKED
    ) k
  )
  INSERT INTO knockon.idempotency_keys AS k (workspace_id, key, request_hash, status, message_id,
    event_id)
  SELECT e.workspace, e.key, decode(e.request_hash, 'hex'), 201, e.message_id, e.event_id
  FROM expired e
  ON CONFLICT (workspace_id, key) DO UPDATE SET request_hash = excluded.request_hash, status = 201,
    response = NULL, message_id = excluded.message_id, event_id = excluded.event_id,
    created_at = now()
  RETURNING coalesce(k.message_id, k.event_id);
END $$;--> statement-breakpoint
-- Stores events that came over HTTP, as many at once as there are. Their payloads have been
-- checked. It answers as `store_events` does, and:
--   taken   true: its idempotency key was used before, so it was not stored
-- `idempotency_keys` and `request_hashes` (in hex) may hold nulls, and no key comes twice. A key is
-- kept together with its event or not at all: what is held or refused leaves it free.
CREATE FUNCTION knockon.post_events(
  types text[], workspaces uuid[], payloads text[], channels uuid[], messages uuid[], keys text[],
  versions int[], deliver_ats timestamptz[], idempotency_keys text[], request_hashes text[],
  skip_locked boolean
) RETURNS TABLE (
  place int, id uuid, version int, key text, seq bigint, "timestamp" timestamptz,
  deliver_at timestamptz, held boolean, taken boolean, code text, problem text, detail text, hint text
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  ids uuid[] := array_fill(NULL::uuid, ARRAY[cardinality(types)]);
  with_key uuid[];
  fresh int[];
  stored record;
  unused int[] := '{}';
BEGIN
  IF array_remove(idempotency_keys, NULL) = '{}' THEN
    RETURN QUERY SELECT s.place, s.id, s.version, s.key, s.seq, s.timestamp, s.deliver_at, s.held,
      false, s.code, s.problem, s.detail, s.hint
    FROM knockon.store_events(types, workspaces, payloads::jsonb[], channels, messages, keys,
      ids, versions, deliver_ats, true, skip_locked) s;
    RETURN;
  END IF;
  IF NOT skip_locked THEN
    -- Nobody who wants the idempotency key waits for the channel or key of its event too.
    PERFORM FROM knockon.channels c WHERE c.id = ANY (channels) ORDER BY c.id FOR NO KEY UPDATE;
    PERFORM knockon.make_sequences(n.workspaces, n.keys, false) FROM (
      SELECT array_agg(k.workspace) AS workspaces, array_agg(k.key) AS keys
      FROM unnest(workspaces, keys) AS k (workspace, key) WHERE knockon.is_key(k.key)
    ) n WHERE n.keys IS NOT NULL;
    PERFORM FROM knockon.sequences s JOIN unnest(workspaces, keys) AS k (workspace, key)
      ON s.workspace_id = k.workspace AND s.key = k.key
    ORDER BY s.id FOR NO KEY UPDATE OF s;
  END IF;

  ids := ARRAY(
    SELECT CASE WHEN i.key IS NOT NULL THEN knockon.uuidv7() END
    FROM unnest(idempotency_keys) WITH ORDINALITY AS i (key, place) ORDER BY i.place);
  WITH keyed AS (
    INSERT INTO knockon.idempotency_keys AS k (workspace_id, key, request_hash, status, event_id)
    SELECT i.workspace, i.key, decode(i.request_hash, 'hex'), 201, i.id
    FROM unnest(workspaces, idempotency_keys, request_hashes, ids)
      AS i (workspace, key, request_hash, id)
    WHERE i.key IS NOT NULL ORDER BY 1, 2
    ON CONFLICT (workspace_id, key) DO NOTHING
    RETURNING k.event_id
  )
  SELECT coalesce(array_agg(k.event_id), '{}') INTO with_key FROM keyed k;
  IF cardinality(with_key) < cardinality(array_remove(idempotency_keys, NULL)) THEN
    with_key := with_key || ARRAY(
      SELECT r.id FROM (
        SELECT array_agg(i.workspace) AS workspaces, array_agg(i.key) AS keys,
          array_agg(i.request_hash) AS request_hashes, array_agg(i.id) AS ids
        FROM unnest(workspaces, idempotency_keys, request_hashes, ids)
          AS i (workspace, key, request_hash, id)
        WHERE i.key IS NOT NULL AND i.id <> ALL (with_key)
      ) n CROSS JOIN LATERAL
        knockon.renew_keys(n.workspaces, n.keys, n.request_hashes, NULL, n.ids) AS r (id));
  END IF;
  SELECT coalesce(array_agg(i.place ORDER BY i.place), '{}') INTO fresh
  FROM unnest(idempotency_keys, ids) WITH ORDINALITY AS i (key, id, place)
  WHERE i.key IS NULL OR i.id = ANY (with_key);

  RETURN QUERY SELECT i.place, NULL::uuid, NULL::int, NULL::text, NULL::bigint, NULL::timestamptz,
    NULL::timestamptz, false, true, NULL::text, NULL::text, NULL::text, NULL::text
  FROM generate_subscripts(types, 1) AS i (place) WHERE i.place <> ALL (fresh);
  FOR stored IN
    SELECT fresh[s.place] AS nth, s.* FROM (
      SELECT array_agg(types[p] ORDER BY n) AS types, array_agg(workspaces[p] ORDER BY n) AS owners,
        array_agg(payloads[p]::jsonb ORDER BY n) AS payloads,
        array_agg(channels[p] ORDER BY n) AS channels,
        array_agg(messages[p] ORDER BY n) AS messages, array_agg(keys[p] ORDER BY n) AS keys,
        array_agg(ids[p] ORDER BY n) AS ids, array_agg(versions[p] ORDER BY n) AS versions,
        array_agg(deliver_ats[p] ORDER BY n) AS deliver_ats
      FROM unnest(fresh) WITH ORDINALITY AS f (p, n)
    ) f CROSS JOIN LATERAL knockon.store_events(f.types, f.owners, f.payloads, f.channels,
      f.messages, f.keys, f.ids, f.versions, f.deliver_ats, true, skip_locked) s
    WHERE fresh <> '{}'
  LOOP
    place := stored.nth; id := stored.id; version := stored.version; key := stored.key;
    seq := stored.seq; "timestamp" := stored."timestamp"; deliver_at := stored.deliver_at;
    held := stored.held; taken := false;
    code := stored.code; problem := stored.problem; detail := stored.detail; hint := stored.hint;
    IF held OR code IS NOT NULL THEN
      unused := unused || place;
    END IF;
    RETURN NEXT;
  END LOOP;
  DELETE FROM knockon.idempotency_keys k USING unnest(unused) AS f (p)
  WHERE k.workspace_id = workspaces[f.p] AND k.key = idempotency_keys[f.p];
END $$;--> statement-breakpoint
-- Types that Knock-on itself emits (src/events/own-types.ts). Its effects and its audit chain trust
-- them, so nobody else may.
CREATE FUNCTION knockon.is_own_type(type text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT type IN ('message.created', 'message.updated', 'message.deleted', 'channel.created',
    'effect.discarded') OR type LIKE 'endpoint.%' $$;--> statement-breakpoint
-- What a subscriber may ask for to get events of that type. Postgres puts its text in its place.
CREATE FUNCTION knockon.wanted_as(type text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ARRAY[type, '*', split_part(type, '.', 1) || '.*'] $$;--> statement-breakpoint
-- Emits an event in the caller's transaction: if and only if that commits. Returns its id.
-- `deliver_at`: it is dispatched then, or now where that is past.
CREATE FUNCTION knockon.emit(
  type text, workspace uuid DEFAULT NULL, payload jsonb DEFAULT NULL, channel uuid DEFAULT NULL,
  message uuid DEFAULT NULL, key text DEFAULT NULL, deliver_at timestamptz DEFAULT NULL,
  id uuid DEFAULT NULL, version int DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stored record;
BEGIN
  IF knockon.is_own_type(emit.type) THEN
    RAISE EXCEPTION USING ERRCODE = 'KN002',
      MESSAGE = format('the event type "%s" is emitted by Knock-on itself', emit.type),
      DETAIL = 'Its effects and its audit chain trust such events.',
      HINT = 'Emit an event type of your own.';
  END IF;
  SELECT * INTO stored FROM knockon.store_events(ARRAY[emit.type], ARRAY[emit.workspace],
    ARRAY[emit.payload], ARRAY[emit.channel], ARRAY[emit.message], ARRAY[emit.key],
    ARRAY[emit.id], ARRAY[emit.version], ARRAY[emit.deliver_at], false, false);
  IF stored.code IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = stored.code, MESSAGE = stored.problem,
      DETAIL = stored.detail, HINT = stored.hint;
  END IF;
  PERFORM pg_notify('knockon_events', '');
  RETURN stored.id;
END $$;--> statement-breakpoint
-- The moment that a JSON string names by RFC 3339; null: it names none. Seconds may be left out.
-- Where Postgres takes more, such as 24:00, the API and `emit` in TypeScript don't.
CREATE FUNCTION knockon.moment_of(value jsonb) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF jsonb_typeof(value) = 'string' AND value #>> '{}'
    ~* '^[0-9]{4}(-[0-9]{2}){2}T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])$' THEN
    RETURN (value #>> '{}')::timestamptz;
  END IF;
  RETURN NULL;
EXCEPTION
  -- It has the form of one, such as the 30th of February.
  WHEN data_exception THEN RETURN NULL;
END $$;--> statement-breakpoint
-- What is wrong with the form of an event for `emit_events`; null: nothing.
CREATE FUNCTION knockon.why_unreadable(event jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN jsonb_typeof(event) <> 'object'
    THEN 'it is no JSON object, but ' || jsonb_typeof(event)
  ELSE (
    SELECT CASE
      WHEN m.key = 'deliver_at' THEN '`deliver_at` is no moment such as 2027-01-31T09:00:00Z'
      WHEN m.key IN ('type', 'key')
        THEN format('`%s` is no string, but %s', m.key, jsonb_typeof(m.value))
      WHEN m.key = 'version' THEN '`version` is no whole number from 1 to 32767'
      WHEN m.key IN ('workspace', 'channel', 'message', 'id')
        THEN format('`%s` is no UUID', m.key)
      ELSE format('`%s` is no member of an event', knockon.shortened(m.key, 100))
    END
    FROM jsonb_each(event) AS m
    WHERE NOT CASE
      WHEN m.key IN ('type', 'key') THEN jsonb_typeof(m.value) IN ('string', 'null')
      WHEN m.key IN ('workspace', 'channel', 'message', 'id') THEN m.value = 'null'
        OR m.value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
      WHEN m.key = 'version' THEN m.value::text ~ '^(null|[1-9][0-9]{0,4})$'
      WHEN m.key = 'deliver_at' THEN m.value = 'null' OR m.value #>> '{}' ~* 'T[0-9]{2}(:[0-9]{2}){2}'
        AND knockon.moment_of(m.value) IS NOT NULL
      ELSE m.key = 'payload'
    END
    LIMIT 1
  ) END $$;--> statement-breakpoint
-- Emits the events of a JSON array, all or none, those of Knock-on's own types too. Each is
-- `{type, workspace, payload, channel?, message?, key?, id?, version?, deliver_at?}`. `checked`: the
-- payloads have been compared with their types' schemas already. Returns them in the order given.
CREATE FUNCTION knockon.write_events(events jsonb, checked boolean) RETURNS TABLE (
  id uuid, version int, key text, seq bigint, "timestamp" timestamptz, deliver_at timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  most CONSTANT int := 10000;
  wrong record;
  given record;
  stored record;
BEGIN
  IF jsonb_typeof(events) IS DISTINCT FROM 'array' THEN
    RAISE EXCEPTION USING ERRCODE = 'KN002', MESSAGE = 'the events are no JSON array',
      DETAIL = format('They are %s.', coalesce(jsonb_typeof(events), 'null')),
      HINT = 'Pass [{"type": …, "workspace": …, "payload": {…}}, …] as jsonb.';
  ELSIF jsonb_array_length(events) > most THEN
    RAISE EXCEPTION USING ERRCODE = 'KN004',
      MESSAGE = format('%s events are too many at once', jsonb_array_length(events)),
      DETAIL = format('At most %s are taken.', most),
      HINT = 'Emit them by several calls in the same transaction.';
  ELSIF jsonb_array_length(events) = 0 THEN
    RETURN;
  END IF;
  SELECT e.place - 1 AS place, e.reason INTO wrong
  FROM (
    SELECT given.place, knockon.why_unreadable(given.event) AS reason
    FROM jsonb_array_elements(events) WITH ORDINALITY AS given (event, place) OFFSET 0
  ) e WHERE e.reason IS NOT NULL ORDER BY e.place LIMIT 1;
  IF wrong.reason IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'KN002',
      MESSAGE = format('events[%s] is malformed: %s', wrong.place, wrong.reason),
      DETAIL = 'Nothing was stored.',
      HINT = 'An event is '
        || '{type, workspace, payload, channel?, message?, key?, id?, version?, deliver_at?}.';
  END IF;
  SELECT array_agg(e.event ->> 'type' ORDER BY e.place) AS types,
    array_agg((e.event ->> 'workspace')::uuid ORDER BY e.place) AS workspaces,
    array_agg(e.event -> 'payload' ORDER BY e.place) AS payloads,
    array_agg((e.event ->> 'channel')::uuid ORDER BY e.place) AS channels,
    array_agg((e.event ->> 'message')::uuid ORDER BY e.place) AS messages,
    array_agg(e.event ->> 'key' ORDER BY e.place) AS keys,
    array_agg((e.event ->> 'id')::uuid ORDER BY e.place) AS ids,
    array_agg((e.event ->> 'version')::int ORDER BY e.place) AS versions,
    array_agg((e.event ->> 'deliver_at')::timestamptz ORDER BY e.place) AS deliver_ats
  INTO given FROM jsonb_array_elements(events) WITH ORDINALITY AS e (event, place);
  FOR stored IN
    SELECT * FROM knockon.store_events(given.types, given.workspaces, given.payloads,
      given.channels, given.messages, given.keys, given.ids, given.versions, given.deliver_ats,
      coalesce(checked, false), false)
  LOOP
    IF stored.code IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = stored.code,
        MESSAGE = format('events[%s]: %s', stored.place - 1, stored.problem),
        DETAIL = stored.detail || ' Nothing was stored.', HINT = stored.hint;
    END IF;
    id := stored.id;
    version := stored.version;
    key := stored.key;
    seq := stored.seq;
    "timestamp" := stored."timestamp";
    deliver_at := stored.deliver_at;
    RETURN NEXT;
  END LOOP;
  PERFORM pg_notify('knockon_events', '');
END $$;--> statement-breakpoint
-- As `write_events`, for everybody: refuses Knock-on's own types, and takes nobody's word for it
-- that payloads fit.
CREATE FUNCTION knockon.emit_events(events jsonb) RETURNS TABLE (
  id uuid, version int, key text, seq bigint, "timestamp" timestamptz, deliver_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  own record;
BEGIN
  IF jsonb_typeof(events) = 'array' THEN
    SELECT e.place - 1 AS place, e.event ->> 'type' AS type INTO own
    FROM jsonb_array_elements(events) WITH ORDINALITY AS e (event, place)
    WHERE jsonb_typeof(e.event) = 'object' AND knockon.is_own_type(e.event ->> 'type')
    ORDER BY e.place LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'KN002', MESSAGE = format(
          'events[%s]: the event type "%s" is emitted by Knock-on itself', own.place, own.type),
        DETAIL = 'Its effects and its audit chain trust such events. Nothing was stored.',
        HINT = 'Emit an event type of your own.';
    END IF;
  END IF;
  RETURN QUERY SELECT * FROM knockon.write_events(events, false);
END $$;--> statement-breakpoint
-- As `emit_events`, for SQL: returns the ids alone.
CREATE FUNCTION knockon.emit_many(events jsonb) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT id FROM knockon.emit_events(events) $$;--> statement-breakpoint
-- Hands events that are due to the dispatchers, `most` at a time, in the order of their moments:
-- from `scheduled` to `events` and `outbox`, with the next `seq` of their keys. So a key's `seq` has
-- no gaps, and follows the order in which its events went out. One caller at a time; the others
-- find nothing. It waits for nobody: a key that somebody else holds, or an event of which is being
-- cancelled, is left out with all of its events, so that none overtakes another.
-- Where more are due, half of them is shared out evenly among workspaces, so that nobody waits for
-- somebody else's million. They are looked at in turns, for most of them have nothing due.
-- Parts of a batch are joined by hashes, for their size is what the planner knows least of: a nested
-- loop would compare each with each.
--   held      keys that are left out: to be passed again until `is_last`
--   after     the workspace that was looked at last: to be passed again
--   is_last   it has looked at all that is due
--   next_ms   so long until the next one is due, by Postgres' clock; null: there is none
CREATE FUNCTION knockon.promote(
  most int, INOUT held uuid[] DEFAULT '{}',
  INOUT after uuid DEFAULT '00000000-0000-0000-0000-000000000000',
  OUT promoted int, OUT is_last boolean, OUT next_ms float8
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_nestloop = off AS $$
#variable_conflict use_column
DECLARE
  moment timestamptz := clock_timestamp();
  first timestamptz := (SELECT s.deliver_at FROM knockon.scheduled s
    WHERE s.cancelled_at IS NULL ORDER BY s.deliver_at, s.place LIMIT 1);
  passed CONSTANT uuid[] := held;
  half CONSTANT int := most / 2;
  found record;
BEGIN
  promoted := 0;
  is_last := true;
  IF first IS NULL OR first > moment THEN
    next_ms := extract(epoch FROM first - moment) * 1000;
    RETURN;
  END IF;
  -- Until the first subscriber registers, everything waits, as in the outbox.
  IF NOT EXISTS (SELECT FROM knockon.subscribers)
    OR NOT pg_try_advisory_xact_lock('knockon.scheduled'::regclass::oid::bigint) THEN
    RETURN;
  END IF;
  WITH RECURSIVE oldest AS MATERIALIZED (
    SELECT s.id, s.sequence_id, s.deliver_at, s.place FROM knockon.scheduled s
    WHERE s.cancelled_at IS NULL AND s.deliver_at <= moment
      AND (s.sequence_id IS NULL OR s.sequence_id <> ALL (passed))
    ORDER BY s.deliver_at, s.place LIMIT most
  ), looked_at AS (
    SELECT after AS id, false AS is_due, 0 AS nth, 0 AS due
    WHERE (SELECT count(*) FROM oldest) = most
    UNION ALL
    SELECT n.workspace_id, n.deliver_at <= moment, l.nth + 1,
      l.due + (n.deliver_at <= moment)::int
    FROM looked_at l CROSS JOIN LATERAL (
      SELECT s.workspace_id, s.deliver_at FROM knockon.scheduled s
      WHERE coalesce(s.cancelled_at, 'infinity') = 'infinity' AND s.workspace_id > l.id
      ORDER BY s.workspace_id, s.deliver_at, s.place LIMIT 1
    ) n WHERE l.due < half AND l.nth < 2 * most
  ), turns AS MATERIALIZED (
    SELECT l.id FROM looked_at l WHERE l.is_due
  ), fair AS (
    SELECT share.* FROM turns t CROSS JOIN LATERAL (
      SELECT s.id, s.sequence_id, s.deliver_at, s.place FROM knockon.scheduled s
      WHERE coalesce(s.cancelled_at, 'infinity') = 'infinity' AND s.workspace_id = t.id
        AND s.deliver_at <= moment AND (s.sequence_id IS NULL OR s.sequence_id <> ALL (passed))
      ORDER BY s.deliver_at, s.place LIMIT (SELECT ceil(half::float8 / count(*)) FROM turns)
    ) share
  ), due AS MATERIALIZED (
    SELECT c.id, c.sequence_id, c.deliver_at, c.place
    FROM (SELECT *, 1 AS turn FROM fair UNION ALL SELECT *, 2 FROM oldest) AS c
    GROUP BY c.id, c.sequence_id, c.deliver_at, c.place
    ORDER BY min(c.turn), c.deliver_at, c.place LIMIT most
  ), free AS MATERIALIZED (
    SELECT s.id FROM knockon.scheduled s
    WHERE s.id = ANY (ARRAY(SELECT d.id FROM due d)) AND s.cancelled_at IS NULL
    FOR UPDATE SKIP LOCKED
  ), wanted AS MATERIALIZED (
    SELECT d.sequence_id AS id FROM due d LEFT JOIN free f ON f.id = d.id
    WHERE d.sequence_id IS NOT NULL GROUP BY d.sequence_id HAVING bool_and(f.id IS NOT NULL)
  ), locked AS MATERIALIZED (
    SELECT * FROM (
      SELECT c.id, c.last_event_seq AS last_seq FROM knockon.channels c
      WHERE c.id = ANY (ARRAY(SELECT w.id FROM wanted w))
      ORDER BY c.id FOR NO KEY UPDATE SKIP LOCKED
    ) AS free_channels UNION ALL SELECT * FROM (
      SELECT s.id, s.last_seq FROM knockon.sequences s
      WHERE s.id = ANY (ARRAY(SELECT w.id FROM wanted w))
      ORDER BY s.id FOR NO KEY UPDATE SKIP LOCKED
    ) AS free_keys
  ), chosen AS MATERIALIZED (
    SELECT d.id, d.sequence_id,
      l.last_seq + row_number() OVER (PARTITION BY l.id ORDER BY d.deliver_at, d.place) AS seq
    FROM due d JOIN free f ON f.id = d.id LEFT JOIN locked l ON l.id = d.sequence_id
    WHERE l.id IS NOT NULL OR d.sequence_id IS NULL
  ), advanced AS MATERIALIZED (
    SELECT c.sequence_id AS id, max(c.seq) AS seq FROM chosen c
    WHERE c.sequence_id IS NOT NULL GROUP BY 1
  ), advanced_channels AS (
    UPDATE knockon.channels c SET last_event_seq = a.seq FROM advanced a
    WHERE c.id = a.id AND c.id = ANY (ARRAY(SELECT a.id FROM advanced a))
  ), advanced_keys AS (
    UPDATE knockon.sequences s SET last_seq = a.seq FROM advanced a
    WHERE s.id = a.id AND s.id = ANY (ARRAY(SELECT a.id FROM advanced a))
  ), taken AS (
    DELETE FROM knockon.scheduled s
    WHERE s.id = ANY (ARRAY(SELECT c.id FROM chosen c)) RETURNING s.*
  ), logged AS (
    INSERT INTO knockon.events (id, type, version, workspace_id, channel_id, message_id,
      sequence_id, key, seq, timestamp, payload, deliver_at)
    SELECT t.id, t.type, t.version, t.workspace_id, t.channel_id, t.message_id, t.sequence_id,
      t.key, c.seq, t.timestamp, t.payload, t.deliver_at
    FROM taken t JOIN chosen c ON c.id = t.id
  ), queued AS (
    INSERT INTO knockon.outbox (event_id, workspace_id, channel_id, type, unchecked, deliver_at)
    SELECT t.id, t.workspace_id, t.channel_id, t.type, t.unchecked, t.deliver_at FROM taken t
  )
  SELECT count(*) AS due, (SELECT count(*) FROM chosen) AS chosen, ARRAY(
    SELECT d.sequence_id FROM due d WHERE d.sequence_id IS NOT NULL
    EXCEPT SELECT l.id FROM locked l
  ) AS held, (SELECT l.id FROM looked_at l WHERE l.due = half OR l.nth = 2 * most
    ORDER BY l.nth DESC LIMIT 1) AS after
  INTO found FROM due d;
  promoted := found.chosen;
  held := passed || found.held;
  after := coalesce(found.after, '00000000-0000-0000-0000-000000000000');
  is_last := found.due < most;
  next_ms := extract(epoch FROM (SELECT s.deliver_at FROM knockon.scheduled s
    WHERE s.cancelled_at IS NULL AND s.deliver_at > moment
    ORDER BY s.deliver_at, s.place LIMIT 1) - moment) * 1000;
END $$;--> statement-breakpoint
-- Cancels an event that is scheduled, in the caller's transaction. True: it is cancelled, by this
-- or before, and will not be dispatched. False: it has been dispatched, or there is no such event.
-- Where it goes out at this moment it waits for that; whoever is first wins.
CREATE FUNCTION knockon.cancel(id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_type text;
BEGIN
  UPDATE knockon.scheduled s SET cancelled_at = coalesce(s.cancelled_at, clock_timestamp())
  WHERE s.id = cancel.id RETURNING s.type INTO found_type;
  IF knockon.is_own_type(found_type) THEN
    RAISE EXCEPTION USING ERRCODE = 'KN002',
      MESSAGE = format('the event %s is Knock-on''s own', cancel.id),
      DETAIL = format('It is of type %s.', found_type),
      HINT = 'Delete its message instead: that cancels it.';
  END IF;
  RETURN found_type IS NOT NULL;
END $$;--> statement-breakpoint
-- Work for a subscriber in another language, from here to the end: docs/reference/protocol.md.
CREATE FUNCTION knockon.is_uuid(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_typeof(value) = 'string'
    AND value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', false) $$;--> statement-breakpoint
CREATE FUNCTION knockon.is_whole(value jsonb, lowest int, highest int) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(CASE WHEN jsonb_typeof(value) = 'number' THEN value::numeric % 1 = 0
    AND value::numeric BETWEEN lowest AND highest END, false) $$;--> statement-breakpoint
CREATE FUNCTION knockon.is_text(value jsonb, shortest int, longest int) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_typeof(value) = 'string'
    AND length(value #>> '{}') BETWEEN shortest AND longest, false) $$;--> statement-breakpoint
-- Whether the session may work for a subscriber of that owner: it is a member of that role, or of
-- the one that owns Knock-on's tables.
CREATE FUNCTION knockon.may_work_for(owner text) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pg_roles r WHERE r.rolname IN (owner, current_user)
    AND pg_has_role(session_user, r.oid, 'member')) $$;--> statement-breakpoint
-- What is wrong with a subscriber's registration; null: nothing.
CREATE FUNCTION knockon.why_not_registered(given jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN jsonb_typeof(given) IS DISTINCT FROM 'object'
    THEN 'it is no JSON object, but ' || coalesce(jsonb_typeof(given), 'null')
  WHEN NOT given ? 'name' THEN '`name` is missing'
  WHEN NOT given ? 'event_types' THEN '`event_types` is missing'
  ELSE (
    SELECT CASE m.key
      WHEN 'name' THEN '`name` must be a lower-case letter, then up to 62 of a-z, 0-9, _ and -'
      WHEN 'event_types' THEN '`event_types` must be an array of 1 to 1000 names of event types, '
        || 'such as ["invoice.paid"], of patterns such as ["invoice.*"], or ["*"] for all'
      WHEN 'description' THEN '`description` must be a string of at most 1000 characters'
      WHEN 'ordering' THEN '`ordering` must be "none": only effects that Knock-on''s own workers '
        || 'host, and subscribers over HTTP, get events in order'
      WHEN 'debounce' THEN '`debounce` is for effects that Knock-on''s own workers host, and for '
        || 'subscribers over HTTP: leave it out'
      WHEN 'per_workspace' THEN '`per_workspace` is for what Knock-on''s own workers call, and your '
        || 'worker takes its calls itself: leave it out, and limit them there'
      WHEN 'batch' THEN '`batch` must be a whole number from 1 to 2000'
      WHEN 'timeout_ms' THEN '`timeout_ms` must be a whole number from 1000 to 86400000'
      WHEN 'retry' THEN '`retry` must be an object of `attempts` (0: without end), `initial_ms`, '
        || '`max_ms` (whole numbers) and `backoff` (from 1 to 100)'
      WHEN 'again' THEN '`again` must be "freely", "asked" or "never"'
      WHEN 'owner' THEN '`owner` must be a role that this session is a member of'
      ELSE format('`%s` is no member of a registration', knockon.shortened(m.key, 100)) END
    FROM jsonb_each(given) AS m
    WHERE NOT coalesce(CASE m.key
      WHEN 'name' THEN jsonb_typeof(m.value) = 'string'
        AND m.value #>> '{}' ~ '^[a-z][a-z0-9_-]{0,62}$'
      WHEN 'event_types' THEN jsonb_typeof(m.value) = 'array'
        AND jsonb_array_length(m.value) BETWEEN 1 AND 1000
        AND jsonb_array_length(m.value) = (
          SELECT count(*) FROM jsonb_array_elements(m.value) AS t (name)
          WHERE jsonb_typeof(t.name) = 'string' AND t.name #>> '{}'
            ~ '^([*]|[a-z][a-z0-9]*(_[a-z0-9]+)*[.]([*]|[a-z][a-z0-9]*(_[a-z0-9]+)*))$')
      WHEN 'description' THEN knockon.is_text(m.value, 0, 1000)
      WHEN 'ordering' THEN m.value = '"none"'
      WHEN 'batch' THEN knockon.is_whole(m.value, 1, 2000)
      WHEN 'timeout_ms' THEN knockon.is_whole(m.value, 1000, 86400000)
      WHEN 'again' THEN m.value IN ('"freely"', '"asked"', '"never"')
      WHEN 'owner' THEN jsonb_typeof(m.value) = 'string' AND knockon.may_work_for(m.value #>> '{}')
        AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = m.value #>> '{}')
      WHEN 'retry' THEN jsonb_typeof(m.value) = 'object'
        AND m.value - '{attempts,initial_ms,max_ms,backoff}'::text[] = '{}'
        AND knockon.is_whole(coalesce(m.value -> 'attempts', '0'), 0, 999999999)
        AND knockon.is_whole(coalesce(m.value -> 'initial_ms', '1'), 1, 999999999)
        AND knockon.is_whole(coalesce(m.value -> 'max_ms', '1'), 1, 999999999)
        AND CASE jsonb_typeof(coalesce(m.value -> 'backoff', '1'))
          WHEN 'number' THEN coalesce(m.value -> 'backoff', '1')::numeric BETWEEN 1 AND 100 END
      END, false)
    ORDER BY m.key LIMIT 1
  ) END $$;--> statement-breakpoint
-- Whether Knock-on brings that subscriber along: its name is nobody else's.
CREATE FUNCTION knockon.is_own_subscriber(name text) RETURNS boolean LANGUAGE sql IMMUTABLE
PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT name IN ('analytics', 'audit', 'cache', 'notifications', 'schema', 'search', 'webhooks')
$$;--> statement-breakpoint
-- Registers a subscriber whose calls somebody's own Temporal worker takes. Every event that is
-- committed from then on is for it too. Again, it changes what is given. Returns where its calls
-- are: `{name, task_queue, activity, is_retired}`. Members that are null are as if they were not
-- there.
CREATE FUNCTION knockon.register_subscriber(registration jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
  given text := registration ->> 'name';
  place record;
  stored record;
BEGIN
  registration := jsonb_strip_nulls(registration);
  wrong := knockon.why_not_registered(registration);
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'KN002', MESSAGE = 'the registration is malformed: ' || wrong,
      DETAIL = 'Nothing was changed.',
      HINT = 'A registration is {name, event_types, description?, batch?, timeout_ms?, retry?, '
        || 'again?, ordering?, owner?}.';
  END IF;
  SELECT transport, coalesce(d.name || '.', '') || 'effects.' || given AS task_queue INTO place
  FROM knockon.deployment d;
  IF place.transport = 'pg-boss' THEN
    RAISE EXCEPTION USING ERRCODE = 'KN008',
      MESSAGE = format('"%s" can''t be registered: this deployment runs on pg-boss', given),
      DETAIL = 'A worker of your own takes its calls from Temporal, which is not there.',
      HINT = 'Run Knock-on with KNOCKON_TRANSPORT=temporal, or subscribe over HTTP.';
  END IF;
  INSERT INTO knockon.subscribers AS s (name, host, owner, description, event_types, task_queue,
    activity, ordering, batch, timeout_ms, retry, again)
  SELECT given, 'worker', coalesce(registration ->> 'owner', session_user),
    coalesce(registration ->> 'description', ''),
    ARRAY(SELECT DISTINCT jsonb_array_elements_text(registration -> 'event_types') ORDER BY 1),
    place.task_queue, given, 'none', coalesce((registration -> 'batch')::int, 2000),
    coalesce((registration -> 'timeout_ms')::int, 30000),
    '{"attempts": 20, "initial_ms": 1000, "max_ms": 600000, "backoff": 2}'::jsonb
      || coalesce((SELECT jsonb_object_agg(r.key, trim_scale(r.value::numeric))
        FROM jsonb_each(registration -> 'retry') AS r), '{}'),
    coalesce(registration ->> 'again', 'never')
  WHERE NOT knockon.is_own_subscriber(given)
  ON CONFLICT (name) DO UPDATE SET description = excluded.description,
    owner = CASE WHEN registration ? 'owner' THEN excluded.owner ELSE s.owner END,
    event_types = excluded.event_types, task_queue = excluded.task_queue, batch = excluded.batch,
    timeout_ms = excluded.timeout_ms, retry = excluded.retry, again = excluded.again,
    registered_at = now()
  WHERE s.host = 'worker' AND knockon.may_work_for(s.owner)
  RETURNING jsonb_build_object('name', s.name, 'task_queue', s.task_queue, 'activity', s.activity,
    'is_retired', s.retired_at IS NOT NULL) AS answer INTO stored;
  IF NOT FOUND THEN
    PERFORM knockon.refuse_work(given);
  END IF;
  -- Events may have waited for the first subscriber.
  PERFORM pg_notify('knockon_events', '');
  RETURN stored.answer;
END $$;--> statement-breakpoint
-- Raises why the session may not work for a subscriber.
CREATE FUNCTION knockon.refuse_work(subscriber text) RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known record;
BEGIN
  SELECT s.host, s.owner INTO known FROM knockon.subscribers s WHERE s.name = subscriber;
  IF known.host = 'worker' THEN
    RAISE EXCEPTION USING ERRCODE = '42501',
      MESSAGE = format('the role "%s" may not work for "%s"', session_user, subscriber),
      DETAIL = 'It belongs to ' || coalesce(format('the role "%s".', known.owner), 'nobody.'),
      HINT = 'Connect as a member of that role, or register a subscriber of your own.';
  ELSIF known.host IS NOT NULL OR knockon.is_own_subscriber(subscriber) THEN
    RAISE EXCEPTION USING ERRCODE = 'KN007',
      MESSAGE = format('"%s" is no subscriber of a worker of yours', subscriber),
      DETAIL = 'It is hosted by ' || CASE known.host WHEN 'http' THEN 'a service over HTTP.'
        ELSE 'Knock-on''s own workers.' END,
      HINT = 'Take another name.';
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'KN007',
    MESSAGE = format('there is no subscriber "%s"', coalesce(subscriber, 'null')),
    DETAIL = 'It has not been registered in this database.',
    HINT = 'Register it by knockon.register_subscriber, and pass calls as they came.';
END $$;--> statement-breakpoint
-- What is wrong with the form of a call; null: nothing.
CREATE FUNCTION knockon.why_no_call(call jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN jsonb_typeof(call) IS DISTINCT FROM 'object' THEN 'it is no JSON object'
    WHEN jsonb_typeof(call -> 'subscriber') IS DISTINCT FROM 'string'
      THEN '`subscriber` is no string'
    WHEN NOT knockon.is_uuid(call -> 'dispatch_id') THEN '`dispatch_id` is no UUID'
    WHEN coalesce(call -> 'origin', 'null') <> 'null' AND NOT knockon.is_uuid(call -> 'origin')
      THEN '`origin` is no UUID'
    WHEN coalesce(call -> 'target', 'null') <> 'null' AND NOT knockon.is_text(call -> 'target', 1, 200)
      THEN '`target` is no string of 1 to 200 characters'
    WHEN coalesce(call -> 'targets', 'null') <> 'null' AND CASE jsonb_typeof(call -> 'targets')
      WHEN 'array' THEN EXISTS (SELECT FROM jsonb_array_elements(call -> 'targets') AS t (target)
        WHERE NOT knockon.is_text(t.target, 1, 200))
      ELSE true END
      THEN '`targets` is no array of strings of 1 to 200 characters'
    WHEN jsonb_typeof(call #> '{events,ids}') = 'array' THEN (
      SELECT '`events.ids` has something that is no UUID'
      FROM jsonb_array_elements(call #> '{events,ids}') AS e (id)
      WHERE NOT knockon.is_uuid(e.id) LIMIT 1)
    WHEN coalesce(call #> '{events,ids}', 'null') <> 'null'
      OR NOT knockon.is_whole(call #> '{events,offset}', 0, 999999999)
      OR NOT knockon.is_whole(call #> '{events,limit}', 0, 999999999)
      THEN '`events` is neither {ids} nor {offset, limit}'
  END $$;--> statement-breakpoint
-- Checks that the session may take that call. `is_here` is false where its dispatch has expired:
-- then all of it was done. Receipts from before `since` don't count: it does again what is done.
CREATE FUNCTION knockon.check_call(call jsonb, OUT is_here boolean, OUT since timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text := knockon.why_no_call(call);
  who text := call ->> 'subscriber';
  dispatch uuid;
  is_ours boolean;
  has_expired boolean;
BEGIN
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'KN002', MESSAGE = 'the call is malformed: ' || wrong,
      DETAIL = 'Nothing was done.', HINT = 'Pass the activity''s input as it came, as jsonb.';
  ELSIF NOT EXISTS (SELECT FROM knockon.subscribers s
    WHERE s.name = who AND s.host = 'worker' AND knockon.may_work_for(s.owner)) THEN
    PERFORM knockon.refuse_work(who);
  END IF;
  dispatch := call ->> 'dispatch_id';
  SELECT CASE WHEN d.again THEN d.claimed_at END INTO since
  FROM knockon.dispatches d WHERE d.id = dispatch AND who = ANY (d.subscribers);
  is_here := FOUND;
  since := coalesce(since, '-infinity');
  IF is_here THEN
    RETURN;
  END IF;
  SELECT d.id = coalesce((call ->> 'origin')::uuid, d.id), dispatch < d.expired_before
  INTO is_ours, has_expired FROM knockon.deployment d;
  IF has_expired AND is_ours THEN
    RETURN;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'KN006',
    MESSAGE = format('dispatch %s of "%s" is not in this database', dispatch, who),
    DETAIL = CASE WHEN is_ours THEN 'Either it is another deployment''s, or this database was put '
      || 'back to an earlier state. Nothing was done.'
      ELSE 'It is another deployment''s. Nothing was done.' END,
    HINT = 'Fail the call by an UnknownDispatchError. Have DATABASE_URL, TEMPORAL_NAMESPACE and '
      || 'KNOCKON_DEPLOYMENT of one deployment.';
END $$;--> statement-breakpoint
-- The events of a call.
CREATE FUNCTION knockon.events_of(call jsonb) RETURNS SETOF uuid LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  dispatch uuid := call ->> 'dispatch_id';
BEGIN
  IF nullif(call #> '{events,ids}', 'null') IS NULL THEN
    RETURN QUERY SELECT d.event_id FROM (
      SELECT o.event_id FROM knockon.dispatched o WHERE o.dispatch_id = dispatch OFFSET 0
    ) d ORDER BY d.event_id
    OFFSET (call #> '{events,offset}')::int LIMIT (call #> '{events,limit}')::int;
    RETURN;
  END IF;
  RETURN QUERY SELECT DISTINCT e.id
  FROM (SELECT jsonb_array_elements_text(call #> '{events,ids}')::uuid AS id) e
  WHERE EXISTS (
      SELECT FROM knockon.outbox o WHERE o.event_id = e.id AND o.dispatch_id = dispatch)
    OR EXISTS (
      SELECT FROM knockon.dispatch_events d WHERE d.event_id = e.id AND d.dispatch_id = dispatch);
END $$;--> statement-breakpoint
-- The events of a call that have no receipt yet, in the order of their keys and seqs: as many as
-- have 2 MB, and one at least. `seen`: those that the call has had already.
CREATE FUNCTION knockon.open_events(call jsonb, seen uuid[] DEFAULT '{}') RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most CONSTANT int := 2097152;
  found record;
BEGIN
  SELECT * INTO found FROM knockon.check_call(call);
  RETURN QUERY
  WITH open AS MATERIALIZED (
    SELECT c.id FROM knockon.events_of(call) AS c (id)
    WHERE found.is_here AND (c.id = ANY (seen)) IS NOT TRUE AND NOT EXISTS (
      SELECT FROM knockon.receipts r WHERE r.event_id = c.id
        AND r.subscriber = call ->> 'subscriber' AND r.completed_at >= found.since)
  ), sized AS (
    SELECT e.id, e.sequence_id, e.seq, e.bytes, sum(e.bytes) OVER w AS total,
      row_number() OVER w AS nth
    FROM (
      SELECT e.id, e.sequence_id, e.seq,
        CASE WHEN pg_column_compression(e.payload) IS NULL THEN pg_column_size(e.payload)
          ELSE octet_length(e.payload::text) END AS bytes
      FROM open o CROSS JOIN LATERAL (
        SELECT * FROM knockon.events e WHERE e.id = o.id OFFSET 0) e
    ) e WINDOW w AS (ORDER BY e.sequence_id, e.seq, e.id)
  )
  SELECT jsonb_build_object('id', e.id, 'type', e.type, 'version', e.version,
    'workspace_id', e.workspace_id, 'channel_id', e.channel_id, 'message_id', e.message_id,
    'key', coalesce(e.key, e.channel_id::text), 'seq', e.seq,
    'timestamp', to_char(e.timestamp AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'payload', e.payload)
  FROM sized s CROSS JOIN LATERAL (SELECT * FROM knockon.events e WHERE e.id = s.id OFFSET 0) e
  WHERE s.total <= most OR s.nth = 1 ORDER BY s.sequence_id, s.seq, s.id;
END $$;--> statement-breakpoint
-- Writes the receipts of these events of a call, and returns the ids of those that had none. Whose
-- transaction does an event's work does so for these alone: another that writes the same receipt is
-- waited for, and of two one gets it. A call for targets of an event settles these.
CREATE FUNCTION knockon.complete(call jsonb, event_ids uuid[]) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found record;
  who text := call ->> 'subscriber';
  own uuid[];
  parties text[];
BEGIN
  SELECT * INTO found FROM knockon.check_call(call);
  IF NOT found.is_here THEN
    RETURN;
  END IF;
  own := ARRAY(SELECT c.id FROM knockon.events_of(call) AS c (id)
    WHERE c.id = ANY (event_ids) ORDER BY 1);
  IF cardinality(own) < (SELECT count(DISTINCT e.id) FROM unnest(event_ids) AS e (id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'KN002',
      MESSAGE = 'some of these ids are none of the call''s events', DETAIL = 'Nothing was done.',
      HINT = 'Pass ids that knockon.open_events has returned for this call.';
  END IF;
  parties := ARRAY(SELECT jsonb_array_elements_text(coalesce(nullif(call -> 'targets', 'null'),
    CASE WHEN nullif(call -> 'target', 'null') IS NULL THEN '[]'
      ELSE jsonb_build_array(call -> 'target') END)));
  IF parties <> '{}' THEN
    RETURN QUERY
    WITH answered AS (
      DELETE FROM knockon.dead_letters d
      WHERE d.event_id = ANY (own) AND d.subscriber = who AND d.target = ANY (parties)
    ), settled AS (
      UPDATE knockon.attempts a SET waiting_until = NULL
      WHERE a.event_id = ANY (own) AND a.subscriber = who AND a.target = ANY (parties)
    )
    SELECT unnest(own);
    RETURN;
  END IF;
  RETURN QUERY
  WITH fresh AS (
    INSERT INTO knockon.receipts (event_id, subscriber) SELECT o.id, who FROM unnest(own) AS o (id)
    ON CONFLICT DO NOTHING RETURNING event_id
  ), renewed AS (
    UPDATE knockon.receipts r SET completed_at = now()
    WHERE r.event_id = ANY (own) AND r.subscriber = who AND r.completed_at < found.since
    RETURNING r.event_id
  ), mine AS (
    SELECT f.event_id FROM fresh f UNION ALL SELECT r.event_id FROM renewed r
  ), revived AS (
    DELETE FROM knockon.dead_letters d USING mine m
    WHERE d.event_id = m.event_id AND d.subscriber = who
  )
  SELECT m.event_id FROM mine m;
END $$;--> statement-breakpoint
-- How long an outcome waits, by `in_ms` or else until its moment; null: neither says it, or that is
-- more than 30 days.
CREATE FUNCTION knockon.wait_of(outcome jsonb) RETURNS interval LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN w.wait <= interval '30 days' THEN w.wait END
  FROM (SELECT CASE
    WHEN coalesce(outcome -> 'in_ms', 'null') = 'null'
      THEN knockon.moment_of(outcome -> 'until') - now()
    WHEN jsonb_typeof(outcome -> 'in_ms') = 'number' AND (outcome -> 'in_ms')::numeric
      BETWEEN 0 AND 2592000000 THEN (outcome -> 'in_ms')::float8 * interval '1 ms'
    END AS wait) w $$;--> statement-breakpoint
-- What is wrong with an answer; null: nothing.
CREATE FUNCTION knockon.why_no_answer(answer jsonb) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN jsonb_typeof(answer) IS DISTINCT FROM 'object' THEN 'it is no JSON object'
    WHEN NOT knockon.is_whole(answer -> 'done', 0, 2000)
      THEN '`done` is no whole number from 0 to 2000'
    WHEN jsonb_typeof(answer -> 'open') IS DISTINCT FROM 'array' THEN '`open` is no array'
    ELSE (
      SELECT format('open[%s]: %s', w.place - 1, w.why)
      FROM (
        SELECT o.place, CASE
          WHEN NOT knockon.is_uuid(o.outcome -> 'event_id') THEN '`event_id` is no UUID'
          WHEN (o.outcome ->> 'state' IN ('retry', 'later', 'dead')) IS NOT TRUE
            THEN '`state` is none of "retry", "later" and "dead"'
          WHEN coalesce(o.outcome -> 'target', 'null') <> 'null'
            AND NOT knockon.is_text(o.outcome -> 'target', 1, 200)
            THEN '`target` is no string of 1 to 200 characters'
          WHEN jsonb_typeof(coalesce(o.outcome -> 'reason', 'null')) NOT IN ('null', 'string')
            THEN '`reason` is no string'
          WHEN o.outcome ->> 'state' = 'later' AND knockon.wait_of(o.outcome) IS NULL
            THEN 'neither `in_ms` nor `until` says a wait of at most 30 days'
        END AS why
        FROM jsonb_array_elements(answer -> 'open') WITH ORDINALITY AS o (outcome, place)
      ) w WHERE w.why IS NOT NULL ORDER BY w.place LIMIT 1)
  END $$;--> statement-breakpoint
-- Notes what a call is about to answer: tries and their errors, waits, and how much is done. That is
-- what operators see. To be called outside of the transaction that does the work. Members that are
-- null are as if they were not there, and `open` is empty then.
CREATE FUNCTION knockon.report(call jsonb, answer jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found record;
  who text := call ->> 'subscriber';
  wrong text;
  failed int;
BEGIN
  IF answer -> 'open' = 'null' THEN
    answer := answer || '{"open": []}';
  END IF;
  wrong := knockon.why_no_answer(answer);
  SELECT * INTO found FROM knockon.check_call(call);
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'KN002', MESSAGE = 'the answer is malformed: ' || wrong,
      DETAIL = 'Nothing was noted.', HINT = 'An answer is {done, open: [{event_id, state: '
        || '"retry", "later" or "dead", reason?, until?, in_ms?, target?}]}.';
  END IF;
  INSERT INTO knockon.attempts AS a (event_id, subscriber, target, attempts, last_error,
    waiting_until)
  SELECT DISTINCT ON (c.id, coalesce(o.outcome ->> 'target', ''))
    c.id, who, coalesce(o.outcome ->> 'target', ''),
    CASE WHEN o.outcome ->> 'state' = 'later' THEN 0 ELSE 1 END, left(o.outcome ->> 'reason', 2000),
    CASE WHEN o.outcome ->> 'state' = 'later' THEN now() + knockon.wait_of(o.outcome) END
  FROM jsonb_array_elements(answer -> 'open') AS o (outcome)
  JOIN knockon.events_of(call) AS c (id) ON c.id = (o.outcome ->> 'event_id')::uuid
  WHERE found.is_here ORDER BY 1, 3
  ON CONFLICT (event_id, subscriber, target) DO UPDATE SET
    attempts = a.attempts + excluded.attempts,
    last_error = coalesce(excluded.last_error, a.last_error),
    waiting_until = excluded.waiting_until, waits_for = NULL, updated_at = now();
  SELECT count(*) INTO failed FROM jsonb_array_elements(answer -> 'open') AS o (outcome)
  WHERE o.outcome ->> 'state' <> 'later';
  INSERT INTO knockon.effect_rates AS r (subscriber, since, done, failed)
  SELECT who, date_bin('10 seconds', now(), timestamptz 'epoch'), (answer ->> 'done')::numeric::int,
    failed
  WHERE failed > 0 OR (answer -> 'done')::numeric > 0
  ON CONFLICT (subscriber, since) DO UPDATE SET done = r.done + excluded.done,
    failed = r.failed + excluded.failed;
END $$;--> statement-breakpoint
-- How much of a call its workspaces may have now, which is counted as theirs at once. `may`: how
-- many of their events. The rest comes again: the first after `wait_ms`, each further one `gap_ms`
-- later, all of them within `most_ms`. What has `waited` goes before what comes anew. A workspace
-- without a limit costs nothing.
CREATE FUNCTION knockon.take_workspace_turns(
  of_subscriber text, of_call text, of_token uuid, lasts_ms float8,
  workspaces uuid[], events int[], waited boolean[]
) RETURNS TABLE (workspace_id uuid, may int, wait_ms float8, gap_ms float8, most_ms float8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  asking record;
  turns record;
  is_free boolean;
  moment timestamptz;
  queue timestamptz;
BEGIN
  -- In one order, so that two calls don't wait for each other in a circle.
  FOR asking IN
    SELECT a.id, a.events, a.waited,
      coalesce(own.concurrency, every.concurrency, s.workspace_concurrency) AS concurrency,
      coalesce(own.per_second, every.per_second, s.workspace_per_second) AS per_second
    FROM unnest(workspaces, events, waited) AS a (id, events, waited)
    JOIN knockon.subscribers s ON s.name = of_subscriber
    LEFT JOIN knockon.workspace_limits own
      ON own.subscriber = s.name AND own.workspace_id = a.id
    LEFT JOIN knockon.workspace_limits every
      ON every.subscriber = s.name AND every.workspace_id IS NULL
    ORDER BY a.id
  LOOP
    workspace_id := asking.id;
    may := asking.events;
    wait_ms := 0;
    gap_ms := 0;
    most_ms := 60000;
    IF asking.concurrency IS NULL AND asking.per_second IS NULL THEN
      RETURN NEXT;
      CONTINUE;
    END IF;
    -- Retention may delete it between the two.
    LOOP
      INSERT INTO knockon.workspace_turns (subscriber, workspace_id)
      VALUES (of_subscriber, asking.id) ON CONFLICT DO NOTHING;
      SELECT t.used_until, t.queued_until, coalesce(t.call_ms, 250) AS call_ms INTO turns
      FROM knockon.workspace_turns t
      WHERE t.subscriber = of_subscriber AND t.workspace_id = asking.id FOR UPDATE;
      EXIT WHEN FOUND;
    END LOOP;
    moment := clock_timestamp();
    queue := greatest(turns.queued_until, moment);
    -- An attempt that was killed has had its turn.
    IF turns.queued_until > moment AND NOT asking.waited AND NOT EXISTS (
      SELECT FROM knockon.workspace_calls c WHERE c.subscriber = of_subscriber
        AND c.workspace_id = asking.id AND c.call = of_call) THEN
      may := 0;
    END IF;
    DELETE FROM knockon.workspace_calls c
    WHERE c.subscriber = of_subscriber AND c.workspace_id = asking.id
      AND (c.until < moment OR c.call = of_call);
    is_free := asking.concurrency IS NULL OR asking.concurrency > (
      SELECT count(*) FROM knockon.workspace_calls c
      WHERE c.subscriber = of_subscriber AND c.workspace_id = asking.id);
    IF NOT is_free THEN
      may := 0;
    END IF;
    IF asking.per_second IS NOT NULL THEN
      -- What was not used lasts for a second, or until it is one event.
      turns.used_until := greatest(turns.used_until,
        moment - make_interval(secs => greatest(1, 1 / asking.per_second)));
      may := least(may, floor(extract(epoch FROM moment - turns.used_until)::float8
        * asking.per_second + 0.001));
      turns.used_until := turns.used_until + make_interval(secs => may / asking.per_second);
    END IF;
    IF may > 0 THEN
      INSERT INTO knockon.workspace_calls (subscriber, workspace_id, token, call, until)
      VALUES (of_subscriber, asking.id, of_token, of_call,
        moment + make_interval(secs => lasts_ms / 1000));
    END IF;
    IF may < asking.events THEN
      IF asking.per_second IS NULL OR NOT is_free THEN
        queue := least(queue + make_interval(secs =>
          turns.call_ms / coalesce(asking.concurrency, 1) / 1000), moment + interval '1 minute');
        wait_ms := greatest(100, extract(epoch FROM queue - moment)::float8 * 1000);
      ELSE
        gap_ms := 1000 / asking.per_second;
        queue := greatest(queue, turns.used_until);
        wait_ms := extract(epoch FROM queue - moment)::float8 * 1000 + gap_ms;
        most_ms := least(3600000, greatest(300000, gap_ms * (asking.events - may) / 8));
        queue := greatest(turns.queued_until, least(
          queue + make_interval(secs => gap_ms * (asking.events - may) / 1000),
          moment + make_interval(secs => most_ms / 1000)));
      END IF;
    END IF;
    UPDATE knockon.workspace_turns t SET used_until = turns.used_until, queued_until = queue
    WHERE t.subscriber = of_subscriber AND t.workspace_id = asking.id;
    RETURN NEXT;
  END LOOP;
END $$;--> statement-breakpoint
-- The call has ended, after so long: its workspaces may have the next.
CREATE FUNCTION knockon.end_workspace_turns(of_subscriber text, of_token uuid, took_ms float8)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM knockon.workspace_turns t
  WHERE t.subscriber = of_subscriber AND t.workspace_id IN (
    SELECT c.workspace_id FROM knockon.workspace_calls c
    WHERE c.subscriber = of_subscriber AND c.token = of_token)
  ORDER BY t.workspace_id FOR UPDATE;
  WITH ended AS (
    DELETE FROM knockon.workspace_calls c
    WHERE c.subscriber = of_subscriber AND c.token = of_token RETURNING c.workspace_id
  )
  UPDATE knockon.workspace_turns t SET call_ms = coalesce(0.8 * t.call_ms + 0.2 * took_ms, took_ms)
  FROM ended e WHERE t.subscriber = of_subscriber AND t.workspace_id = e.workspace_id;
END $$;--> statement-breakpoint
-- Everybody may call a function unless that is taken from them. These three only compute, and
-- defaults of columns need the first.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA knockon FROM PUBLIC;--> statement-breakpoint
GRANT EXECUTE ON FUNCTION knockon.uuidv7(), knockon.uuid_time(uuid), knockon.uuid_at(timestamptz)
TO PUBLIC;
