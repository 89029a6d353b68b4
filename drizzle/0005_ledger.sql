CREATE TABLE "expirations" (
	"log" text PRIMARY KEY NOT NULL,
	"before" uuid NOT NULL,
	"mac" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ledger_checks" (
	"name" text PRIMARY KEY NOT NULL,
	"checked_at" timestamp with time zone DEFAULT now() NOT NULL,
	"balance" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "settled_totals" (
	"subscriber" text PRIMARY KEY NOT NULL,
	"events" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "open" text[];--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "settled_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "restarts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "dispatches" ADD COLUMN "restarted_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "dispatches_unsettled" ON "dispatches" USING btree ("id") WHERE settled_at is null;