-- What late statuses of charge points change of the past is judged again, too: cases that were missed, and those that
-- ended by themselves and never were.

-- NULL: a message of a bay; else the charge point whose status came late.
ALTER TABLE late_reading ADD COLUMN evse_id integer;

-- A status holds until the next one of its charge point, or until what a live look reads anyway. What a charge point says
-- first of all says nothing of what was judged before; nor does it of times longer ago than a vehicle stays.
CREATE FUNCTION note_statuses_of_the_past() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = stadtfunk, pg_temp
AS $$
BEGIN
    INSERT INTO late_reading (kind, hour, evse_id)
    SELECT DISTINCT 'evse_status', h.hour, l.evse_id
    FROM told AS l
    CROSS JOIN LATERAL (
        SELECT least(min(n.at) - interval '1 microsecond', clock_timestamp() - interval '3 hours') AS until
        FROM evse_status AS n
        WHERE n.evse_id = l.evse_id AND n.at > l.at
    ) AS t
    CROSS JOIN LATERAL generate_series(
        date_trunc('hour', greatest(l.at, clock_timestamp() - interval '14 days'), 'UTC'), t.until, interval '1 hour'
    ) AS h (hour)
    WHERE l.at < clock_timestamp() - interval '3 hours' AND EXISTS (
        SELECT FROM evse_status AS e WHERE e.evse_id = l.evse_id AND e.id < (SELECT min(o.id) FROM told AS o)
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER evse_status_of_the_past AFTER INSERT ON evse_status
REFERENCING NEW TABLE AS told
FOR EACH STATEMENT EXECUTE FUNCTION note_statuses_of_the_past();

-- Which cases of a bay ended in a time.
CREATE INDEX alert_ended_idx ON alert (rule, subject, closed_at) WHERE closed_at IS NOT NULL;
