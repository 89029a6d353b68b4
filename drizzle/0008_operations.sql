CREATE TABLE "controls" (
	"subscriber" text PRIMARY KEY NOT NULL,
	"paused_at" timestamp with time zone,
	"paused_by" text,
	"pause_reason" text,
	"paused_until" timestamp with time zone,
	"per_second" double precision,
	"limited_by" text,
	"limited_at" timestamp with time zone,
	"next_call_at" timestamp with time zone DEFAULT now() NOT NULL,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "effect_rates" (
	"subscriber" text NOT NULL,
	"since" timestamp with time zone NOT NULL,
	"done" integer NOT NULL,
	"failed" integer NOT NULL,
	CONSTRAINT "effect_rates_subscriber_since_pk" PRIMARY KEY("subscriber","since")
);
--> statement-breakpoint
CREATE TABLE "operations_log" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"by" text NOT NULL,
	"verb" text NOT NULL,
	"subject" text NOT NULL,
	"detail" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"reason" text
);
--> statement-breakpoint
CREATE TABLE "operators" (
	"id" uuid PRIMARY KEY DEFAULT uuidv7() NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"prefix" text NOT NULL,
	"hash" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "operators_name_unique" UNIQUE("name"),
	CONSTRAINT "operators_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"identity" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"version" text NOT NULL,
	"host" text NOT NULL,
	"pid" integer NOT NULL,
	"effects" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE INDEX "operations_log_subject_id_index" ON "operations_log" USING btree ("subject","id");