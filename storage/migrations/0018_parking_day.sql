-- Charging bays counted day by day, so that nobody counts a month of messages again to look at it.

-- One site on one local day: sums that can be added up. Only days of which hardly anything can come any more are here,
-- and only sites that stood there like this all day: `basis` is a digest of their bays, sensors and charge points, of
-- the time zone and of how long a message counts. Figures of another basis are those of another site.
CREATE TABLE parking_day (
    day              date NOT NULL,
    site             text NOT NULL,
    basis            text NOT NULL,
    bays             integer NOT NULL,
    watched          double precision[] NOT NULL CHECK (cardinality(watched) = 24),
    seen             boolean[] NOT NULL CHECK (cardinality(seen) = 24),
    occupied         double precision NOT NULL,
    judged           double precision NOT NULL,
    idle             double precision NOT NULL,
    unavailable      double precision NOT NULL,
    free_received    integer NOT NULL,
    free_missing     integer NOT NULL,
    covered_received integer NOT NULL,
    covered_missing  integer NOT NULL,
    counted_at       timestamptz NOT NULL,
    PRIMARY KEY (day, site)
);
COMMENT ON COLUMN parking_day.watched IS 'Bay hours in which it was known whether a bay was occupied, by local hour.';
COMMENT ON COLUMN parking_day.seen IS 'Whether that was known for at least half of the hour, by local hour.';

-- Times of which something came when they may have been counted already. A log without a key, as rollup_touched is:
-- who writes waits for nobody; maintenance deletes what it has counted again.
CREATE TABLE parking_touched (
    low  timestamptz NOT NULL,
    high timestamptz NOT NULL
);

CREATE FUNCTION note_late_bays() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = stadtfunk, pg_temp
AS $$
BEGIN
    INSERT INTO parking_touched (low, high)
    SELECT DISTINCT t.hour, t.hour + interval '1 hour' FROM touched AS t
    WHERE t.kind = 'parking_bay' AND t.hour < clock_timestamp() - interval '3 hours';
    RETURN NULL;
END
$$;
CREATE TRIGGER rollup_touched_bays AFTER INSERT ON rollup_touched
REFERENCING NEW TABLE AS touched
FOR EACH STATEMENT EXECUTE FUNCTION note_late_bays();

-- A status holds until the next one of its charge point. In whole days, so that many at once are few rows here.
CREATE FUNCTION note_late_statuses() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = stadtfunk, pg_temp
AS $$
BEGIN
    INSERT INTO parking_touched (low, high)
    SELECT DISTINCT date_trunc('day', t.at), date_trunc('day', t.until) + interval '1 day'
    FROM (
        SELECT l.at, coalesce(
            (SELECT min(n.at) FROM evse_status AS n WHERE n.evse_id = l.evse_id AND n.at > l.at), clock_timestamp()
        ) AS until
        FROM told AS l
        WHERE l.at < clock_timestamp() - interval '3 hours'
    ) AS t;
    RETURN NULL;
END
$$;
CREATE TRIGGER evse_status_late AFTER INSERT ON evse_status
REFERENCING NEW TABLE AS told
FOR EACH STATEMENT EXECUTE FUNCTION note_late_statuses();
