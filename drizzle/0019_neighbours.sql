ALTER TABLE "jobs" ADD COLUMN "driven_by" text;--> statement-breakpoint
ALTER TABLE "workers" ADD COLUMN "clock_ahead_ms" double precision;--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "resting_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "disabled_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "disabled_reason" text;--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "disabled_by" text;--> statement-breakpoint
CREATE INDEX "idempotency_keys_message_id_index" ON "idempotency_keys" USING btree ("message_id") WHERE message_id is not null;