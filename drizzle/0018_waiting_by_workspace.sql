DROP INDEX "outbox_waiting";--> statement-breakpoint
CREATE INDEX "outbox_waiting" ON "outbox" USING btree ("workspace_id","event_id") WHERE coalesce(dispatch_id, event_id) = event_id;