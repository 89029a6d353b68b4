CREATE TABLE "discards" (
	"event_id" uuid NOT NULL,
	"subscriber" text NOT NULL,
	"by" text NOT NULL,
	"reason" text NOT NULL,
	"cause" text NOT NULL,
	"discarded_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "discards_event_id_subscriber_pk" PRIMARY KEY("event_id","subscriber")
);
--> statement-breakpoint
CREATE TABLE "dispatch_events" (
	"dispatch_id" uuid NOT NULL,
	"event_id" uuid NOT NULL,
	"type" text NOT NULL,
	CONSTRAINT "dispatch_events_dispatch_id_event_id_pk" PRIMARY KEY("dispatch_id","event_id")
);
--> statement-breakpoint
CREATE TABLE "job_dispatches" (
	"dispatch_id" uuid PRIMARY KEY NOT NULL,
	"job_id" uuid NOT NULL,
	"ended_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "job_items" (
	"job_id" uuid NOT NULL,
	"subject" text NOT NULL,
	"done_at" timestamp with time zone,
	CONSTRAINT "job_items_job_id_subject_pk" PRIMARY KEY("job_id","subject")
);
--> statement-breakpoint
CREATE TABLE "jobs" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
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
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "dead_letters" ADD COLUMN "retried_by" uuid;--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "again" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "subscribers" ADD COLUMN "again" text DEFAULT 'never' NOT NULL;--> statement-breakpoint
ALTER TABLE "subscribers" ADD COLUMN "created_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "job_dispatches" ADD CONSTRAINT "job_dispatches_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "job_items" ADD CONSTRAINT "job_items_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "dispatch_events_event_id_index" ON "dispatch_events" USING btree ("event_id");--> statement-breakpoint
CREATE INDEX "job_dispatches_open" ON "job_dispatches" USING btree ("job_id","dispatch_id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "job_items_open" ON "job_items" USING btree ("job_id","subject") WHERE done_at is null;--> statement-breakpoint
CREATE INDEX "jobs_open" ON "jobs" USING btree ("id") WHERE state in ('running', 'paused');