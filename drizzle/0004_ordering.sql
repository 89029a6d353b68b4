CREATE TABLE "cursors" (
	"subscriber" text NOT NULL,
	"channel_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	CONSTRAINT "cursors_subscriber_channel_id_pk" PRIMARY KEY("subscriber","channel_id")
);
--> statement-breakpoint
CREATE TABLE "fences" (
	"subscriber" text NOT NULL,
	"key" uuid NOT NULL,
	"token" bigint NOT NULL,
	CONSTRAINT "fences_subscriber_key_pk" PRIMARY KEY("subscriber","key")
);
--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "waits_for" uuid;--> statement-breakpoint
ALTER TABLE "cursors" SET (fillfactor = 70);