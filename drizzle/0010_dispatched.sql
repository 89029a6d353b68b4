-- Which events a dispatch has, whether it was their first or one that somebody asked for later.
CREATE VIEW "dispatched" AS
  SELECT "event_id", "type", "dispatch_id" FROM "outbox" WHERE "dispatch_id" IS NOT NULL
  UNION ALL
  SELECT "event_id", "type", "dispatch_id" FROM "dispatch_events";--> statement-breakpoint
-- Effects that were there before this migration have been dispatched to for nobody knows how long.
UPDATE "subscribers" SET "created_at" = 'epoch';--> statement-breakpoint
-- As in 0006, for dispatches of every kind. Those that try something again are not in the ledger (`open` stays null) and are not opened.
CREATE OR REPLACE FUNCTION "reopen_dispatches"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  who text;
  reopened bigint;
BEGIN
  FOR who IN SELECT DISTINCT subscriber FROM gone ORDER BY 1 LOOP
    WITH torn AS (
      UPDATE dispatches d SET open = d.open || who, settled_at = NULL
      WHERE d.id IN (SELECT o.dispatch_id FROM gone g JOIN dispatched o USING (event_id) WHERE g.subscriber = who)
        AND who = ANY (d.subscribers) AND who <> ALL (d.open)
      RETURNING d.size
    )
    SELECT sum(size) INTO reopened FROM torn;
    IF reopened IS NOT NULL THEN
      UPDATE settled_totals t SET events = t.events - reopened WHERE t.subscriber = who;
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
