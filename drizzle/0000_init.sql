CREATE TABLE "analytics_hours" (
	"channel_id" uuid NOT NULL,
	"hour" timestamp with time zone NOT NULL,
	"author" text NOT NULL,
	"workspace_id" uuid NOT NULL,
	"messages" integer NOT NULL,
	CONSTRAINT "analytics_hours_channel_id_hour_author_pk" PRIMARY KEY("channel_id","hour","author")
);
--> statement-breakpoint
CREATE TABLE "audit_entries" (
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
CREATE TABLE "audit_heads" (
	"workspace_id" uuid PRIMARY KEY NOT NULL,
	"entries" bigint DEFAULT 0 NOT NULL,
	"head" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "channel_authors" (
	"channel_id" uuid NOT NULL,
	"author" text NOT NULL,
	"messages" integer NOT NULL,
	CONSTRAINT "channel_authors_channel_id_author_pk" PRIMARY KEY("channel_id","author")
);
--> statement-breakpoint
CREATE TABLE "channel_summaries" (
	"channel_id" uuid PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"messages" integer DEFAULT 0 NOT NULL,
	"authors" integer DEFAULT 0 NOT NULL,
	"last_message" jsonb,
	"last_activity_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"version" smallint NOT NULL,
	"workspace_id" uuid NOT NULL,
	"channel_id" uuid,
	"message_id" uuid,
	"seq" bigint,
	"timestamp" timestamp with time zone NOT NULL,
	"payload" jsonb NOT NULL,
	CONSTRAINT "events_channel_id_seq_unique" UNIQUE("channel_id","seq")
);
--> statement-breakpoint
CREATE TABLE "channels" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"name" text NOT NULL,
	"last_seq" bigint DEFAULT 0 NOT NULL,
	"last_event_seq" bigint DEFAULT -1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "channels_workspace_id_name_unique" UNIQUE("workspace_id","name")
);
--> statement-breakpoint
CREATE TABLE "members" (
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
CREATE TABLE "messages" (
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
CREATE TABLE "notifications" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"channel_id" uuid NOT NULL,
	"message_id" uuid NOT NULL,
	"recipient" text NOT NULL,
	"kind" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"read_at" timestamp with time zone,
	"emailed_at" timestamp with time zone,
	CONSTRAINT "notifications_message_id_recipient_kind_unique" UNIQUE("message_id","recipient","kind")
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"event_id" uuid NOT NULL,
	"subscriber" text NOT NULL,
	"target" text DEFAULT '' NOT NULL,
	"attempts" integer NOT NULL,
	"last_error" text,
	"waiting_until" timestamp with time zone,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "attempts_event_id_subscriber_target_pk" PRIMARY KEY("event_id","subscriber","target")
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"event_id" uuid NOT NULL,
	"subscriber" text NOT NULL,
	"target" text DEFAULT '' NOT NULL,
	"dispatch_id" uuid NOT NULL,
	"cause" text NOT NULL,
	"reason" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "dead_letters_event_id_subscriber_target_unique" UNIQUE("event_id","subscriber","target")
);
--> statement-breakpoint
CREATE TABLE "dispatches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"size" integer NOT NULL,
	"subscribers" text[] NOT NULL,
	"claimed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"run_id" text
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"event_id" uuid PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"channel_id" uuid,
	"type" text NOT NULL,
	"dispatch_id" uuid
);
--> statement-breakpoint
CREATE TABLE "receipts" (
	"event_id" uuid NOT NULL,
	"subscriber" text NOT NULL,
	"completed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "receipts_event_id_subscriber_pk" PRIMARY KEY("event_id","subscriber")
);
--> statement-breakpoint
CREATE TABLE "subscribers" (
	"name" text PRIMARY KEY NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"event_types" text[] NOT NULL,
	"task_queue" text NOT NULL,
	"activity" text NOT NULL,
	"ordering" text DEFAULT 'none' NOT NULL,
	"batch" integer NOT NULL,
	"timeout_ms" integer NOT NULL,
	"retry" jsonb NOT NULL,
	"registered_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "search_documents" (
	"message_id" uuid PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"channel_id" uuid NOT NULL,
	"author" text NOT NULL,
	"sent_at" timestamp with time zone NOT NULL,
	"version" integer NOT NULL,
	"document" "tsvector"
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"endpoint_id" uuid NOT NULL,
	"event_id" uuid,
	"event_type" text NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"delivered_at" timestamp with time zone,
	CONSTRAINT "deliveries_event_id_endpoint_id_unique" UNIQUE("event_id","endpoint_id")
);
--> statement-breakpoint
CREATE TABLE "delivery_attempts" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"delivery_id" uuid NOT NULL,
	"attempted_at" timestamp with time zone DEFAULT now() NOT NULL,
	"status" integer,
	"latency_ms" integer NOT NULL,
	"error" text,
	"response_excerpt" text
);
--> statement-breakpoint
CREATE TABLE "endpoints" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"url" text NOT NULL,
	"event_types" text[] NOT NULL,
	"description" text,
	"secret" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"hash" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "api_keys_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
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
CREATE TABLE "workspaces" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "channels" ADD CONSTRAINT "channels_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "members" ADD CONSTRAINT "members_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "endpoints" ADD CONSTRAINT "endpoints_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "analytics_hours_workspace_id_hour_index" ON "analytics_hours" USING btree ("workspace_id","hour");--> statement-breakpoint
CREATE INDEX "events_workspace_id_id_index" ON "events" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "events_message_id_id_index" ON "events" USING btree ("message_id","id");--> statement-breakpoint
CREATE INDEX "channels_workspace_id_id_index" ON "channels" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "members_handle_folded" ON "members" USING btree ("workspace_id",lower("handle"));--> statement-breakpoint
CREATE INDEX "messages_channel_id_author_seq_index" ON "messages" USING btree ("channel_id","author","seq");--> statement-breakpoint
CREATE INDEX "notifications_workspace_id_recipient_id_index" ON "notifications" USING btree ("workspace_id","recipient","id");--> statement-breakpoint
CREATE INDEX "dead_letters_subscriber_id_index" ON "dead_letters" USING btree ("subscriber","id");--> statement-breakpoint
CREATE INDEX "dispatches_unstarted" ON "dispatches" USING btree ("claimed_at") WHERE started_at is null;--> statement-breakpoint
CREATE INDEX "outbox_undispatched" ON "outbox" USING btree ("event_id") WHERE dispatch_id is null;--> statement-breakpoint
CREATE INDEX "outbox_dispatched" ON "outbox" USING btree ("dispatch_id","event_id") WHERE dispatch_id is not null;--> statement-breakpoint
CREATE INDEX "search_documents_document" ON "search_documents" USING gin ("document");--> statement-breakpoint
CREATE INDEX "search_documents_workspace_id_sent_at_index" ON "search_documents" USING btree ("workspace_id","sent_at");--> statement-breakpoint
CREATE INDEX "deliveries_endpoint_id_id_index" ON "deliveries" USING btree ("endpoint_id","id");--> statement-breakpoint
CREATE INDEX "delivery_attempts_delivery_id_id_index" ON "delivery_attempts" USING btree ("delivery_id","id");--> statement-breakpoint
CREATE INDEX "endpoints_workspace_id_id_index" ON "endpoints" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "api_keys_workspace_id_id_index" ON "api_keys" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created_at_index" ON "idempotency_keys" USING btree ("created_at");