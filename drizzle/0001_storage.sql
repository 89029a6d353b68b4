-- Room in the page for the next version of rows that are updated again and again, and earlier vacuums for them.
ALTER TABLE "channels" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "outbox" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);--> statement-breakpoint
ALTER TABLE "dispatches" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "analytics_hours" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "channel_summaries" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "channel_authors" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "audit_heads" SET (fillfactor = 50);
