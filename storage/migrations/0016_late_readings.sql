-- What the alert engine needs to judge history again when data come late, and to see contacts with charge points.

-- Hours of a bay's readings that arrived hours after they were made (a replay, a backlog, decoding anew). A log without
-- a key, as rollup_touched is: who writes never waits for the engine, which deletes what it has judged.
CREATE TABLE late_reading (
    id   bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    hour timestamptz NOT NULL
);

CREATE FUNCTION note_late_readings() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = stadtfunk, pg_temp
AS $$
BEGIN
    INSERT INTO late_reading (kind, hour)
    SELECT DISTINCT t.kind, t.hour FROM touched AS t
    WHERE t.kind = 'parking_bay' AND t.hour < clock_timestamp() - interval '3 hours';
    RETURN NULL;
END
$$;
CREATE TRIGGER rollup_touched_late AFTER INSERT ON rollup_touched
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_late_readings();

-- A status counts up to the last contact with its source, so that a contact alone can prove a case.
CREATE TRIGGER evse_contact_changed AFTER INSERT OR UPDATE ON evse_contact
FOR EACH STATEMENT EXECUTE FUNCTION notify_alerts();
