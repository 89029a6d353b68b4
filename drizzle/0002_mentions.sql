DROP INDEX "messages_channel_id_author_seq_index";--> statement-breakpoint
ALTER TABLE "notifications" ADD COLUMN "event_id" uuid NOT NULL;--> statement-breakpoint
CREATE INDEX "messages_speaker" ON "messages" USING btree ("channel_id",lower("author"),"seq");