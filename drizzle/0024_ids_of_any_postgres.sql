-- When an id was made, and the smallest id of a moment: Postgres 18 has the former (`uuid_extract_timestamp`), and nothing for the latter
-- that an index could be asked with.
CREATE FUNCTION knockon.uuid_time(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000.0) $$;--> statement-breakpoint
CREATE FUNCTION knockon.uuid_at(moment timestamptz) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid $$;--> statement-breakpoint
-- Made with Knock-on's schema, before the first migration: it is not there before Postgres 18.
ALTER TABLE "jobs" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "channels" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "notifications" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "operations_log" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "operators" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "sessions" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "dead_letters" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "deliveries" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "delivery_attempts" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "endpoints" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "api_keys" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();--> statement-breakpoint
ALTER TABLE "workspaces" ALTER COLUMN "id" SET DEFAULT knockon.uuidv7();