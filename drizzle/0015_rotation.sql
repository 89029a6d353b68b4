ALTER TABLE "endpoints" ADD COLUMN "previous_secret" text;--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "previous_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "failing_cause" text;