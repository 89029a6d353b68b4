-- Whoever deletes a receipt or a dead letter opens its dispatch again: the ledger does not trust what it has once found settled.
-- What expires is deleted together with its outbox row, and opens nothing.
CREATE FUNCTION "reopen_dispatches"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  who text;
  reopened bigint;
BEGIN
  FOR who IN SELECT DISTINCT subscriber FROM gone ORDER BY 1 LOOP
    WITH torn AS (
      UPDATE dispatches d SET open = d.open || who, settled_at = NULL
      WHERE d.id IN (SELECT o.dispatch_id FROM gone g JOIN outbox o USING (event_id) WHERE g.subscriber = who)
        AND who = ANY (d.subscribers) AND who <> ALL (d.open)
      RETURNING d.size
    )
    SELECT sum(size) INTO reopened FROM torn;
    IF reopened IS NOT NULL THEN
      UPDATE settled_totals t SET events = t.events - reopened WHERE t.subscriber = who;
    END IF;
  END LOOP;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER "receipts_deleted" AFTER DELETE ON "receipts" REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION "reopen_dispatches"();--> statement-breakpoint
CREATE TRIGGER "dead_letters_deleted" AFTER DELETE ON "dead_letters" REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION "reopen_dispatches"();--> statement-breakpoint
-- Room in the page for the next version of rows that are updated.
ALTER TABLE "settled_totals" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "ledger_checks" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "attempts" SET (fillfactor = 70);--> statement-breakpoint
ALTER TABLE "deliveries" SET (fillfactor = 80);
