CREATE TABLE "deployment" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"expired_before" uuid,
	CONSTRAINT "deployment_is_only" CHECK ("deployment"."is_only")
);
--> statement-breakpoint
ALTER TABLE "subscribers" ADD COLUMN "retired_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "subscribers" ADD COLUMN "retired_by" text;--> statement-breakpoint
ALTER TABLE "subscribers" ADD COLUMN "retired_open" text;--> statement-breakpoint
ALTER TABLE "subscribers" ADD COLUMN "handed_to" text;--> statement-breakpoint
ALTER TABLE "subscribers" ADD COLUMN "retire_job" uuid;--> statement-breakpoint
INSERT INTO "deployment" DEFAULT VALUES;
