-- As in 0010, by arrays: the planner knows nothing of `gone`, and read the outbox from end to end for a single receipt.
CREATE OR REPLACE FUNCTION "reopen_dispatches"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  who text;
  those uuid[];
  taken_by uuid[];
  reopened bigint;
BEGIN
  FOR who, those IN SELECT subscriber, array_agg(event_id) FROM gone GROUP BY subscriber ORDER BY subscriber LOOP
    taken_by := ARRAY(SELECT DISTINCT o.dispatch_id FROM unnest(those) AS e (id)
      CROSS JOIN LATERAL (SELECT dispatch_id FROM dispatched WHERE event_id = e.id OFFSET 0) o);
    WITH torn AS (
      UPDATE dispatches d SET open = d.open || who, settled_at = NULL
      WHERE d.id = ANY (taken_by) AND who = ANY (d.subscribers) AND who <> ALL (d.open)
      RETURNING d.size
    )
    SELECT sum(size) INTO reopened FROM torn;
    IF reopened IS NOT NULL THEN
      UPDATE settled_totals t SET events = t.events - reopened WHERE t.subscriber = who;
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
