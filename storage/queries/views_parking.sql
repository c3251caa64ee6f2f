-- Views for the traffic authority, made by storage/views.py: what bays did, and how cases went. No person's name, no
-- evidence, no note. {zone} is filled from storage/buckets.py; {occupancy_stale} and {evse_stale} are the alert
-- engine's defaults.

-- name: bay_pool
-- Bays with the charge points that serve them. Bays of a GROUP share those of their station. For the views below only.
SELECT a.id AS asset_id, a.key AS bay, a.name AS bay_name, coalesce(s.key, a.key) AS station,
    coalesce(nullif(s.name, ''), nullif(a.name, ''), a.key) AS station_name,
    coalesce(nullif(a.district, ''), s.district, '') AS district, a.latitude, a.longitude,
    CASE WHEN a.attributes ->> 'mapping' = 'GROUP' THEN coalesce(a.attributes ->> 'station', a.key) ELSE a.key END AS pool
FROM stadtfunk.asset AS a
LEFT JOIN stadtfunk.asset AS s ON s.kind = 'charging_station' AND s.key = a.attributes ->> 'station'
WHERE a.kind = 'bay'

-- name: v_bay_state
-- What each bay was, cut at midnight, for the last 400 days; ask for a span of `day`, then only that is computed.
-- free, charging, idle (occupied, nobody charges), occupied (whether somebody charges is not known, or which of a
-- group's cars does), down (nobody can charge), unknown (no message of the sensor for too long).
WITH bay AS MATERIALIZED (  -- else stations are looked up again for every row below
    SELECT p.asset_id, p.bay, p.bay_name, p.station, p.station_name, p.district, p.pool FROM stadtfunk.bay_pool AS p
), served AS MATERIALIZED (
    SELECT DISTINCT p.pool, l.evse_id, l.valid_from, l.valid_to
    FROM stadtfunk.bay_pool AS p
    JOIN stadtfunk.bay_evse AS l ON l.asset_id = p.asset_id
)
SELECT t.day, t.date, x.station, x.station_name, x.district, x.bay, x.bay_name, x.state, x.begins_at, x.ends_at,
    extract(epoch FROM x.ends_at - x.begins_at)::double precision AS seconds
FROM (
    SELECT g.local::date AS date, g.local AT TIME ZONE {zone} AS day,
        least(now(), (g.local + interval '1 day') AT TIME ZONE {zone}) AS next
    FROM generate_series(
        date_trunc('day', now() AT TIME ZONE {zone}) - interval '400 days', now() AT TIME ZONE {zone}, interval '1 day'
    ) AS g (local)
    OFFSET 0  -- else the bounds of a day are computed again for every row below
) AS t
CROSS JOIN LATERAL (
    WITH point AS (
        SELECT DISTINCT l.pool, l.evse_id, greatest(l.valid_from, t.day) AS low, least(l.valid_to, t.next) AS high
        FROM served AS l
        WHERE l.valid_from < t.next AND l.valid_to > t.day
    ), message AS (
        SELECT p.asset_id, p.pool, m.observed_at, m.occupied,
            least(lead(m.observed_at) OVER w, m.observed_at + {occupancy_stale}, t.next, b.valid_to) AS ends,
            m.occupied IS DISTINCT FROM lag(m.occupied) OVER w
                OR m.observed_at > lag(least(m.observed_at + {occupancy_stale}, b.valid_to)) OVER w AS begins
        FROM stadtfunk.bay_pool AS p
        JOIN stadtfunk.asset_device AS b
            ON b.asset_id = p.asset_id AND b.valid_from < t.next AND b.valid_to > t.day - {occupancy_stale}
        JOIN stadtfunk.parking_bay AS m
            ON m.device_id = b.device_id AND m.subject = coalesce(b.subject, '') AND m.channel = coalesce(b.channel, 0)
            AND m.observed_at >= greatest(t.day - {occupancy_stale}, b.valid_from)
            AND m.observed_at < least(t.next, b.valid_to)
        WHERE m.occupied IS NOT NULL AND m.event IN ('change', 'heartbeat') AND m.blocked IS NOT TRUE AND m.flags & 1 = 0
            AND NOT EXISTS (  -- of two sensors at a bay the first one counts
                SELECT FROM stadtfunk.asset_device AS o
                WHERE o.asset_id = b.asset_id AND (o.valid_from, o.id) < (b.valid_from, b.id)
                    AND m.observed_at >= o.valid_from AND m.observed_at < o.valid_to
            )
        WINDOW w AS (PARTITION BY p.asset_id ORDER BY m.observed_at)
    ), sighting AS (
        -- messages that say the same without a gap are one
        SELECT n.asset_id, n.pool, n.occupied, greatest(min(n.observed_at), t.day) AS begins, max(n.ends) AS ends
        FROM (
            SELECT m.*, count(*) FILTER (WHERE m.begins) OVER (PARTITION BY m.asset_id ORDER BY m.observed_at) AS span
            FROM message AS m
        ) AS n
        GROUP BY n.asset_id, n.pool, n.span, n.occupied
        HAVING max(n.ends) > t.day
    ), status AS (
        SELECT o.pool, e.source, s.status, greatest(s.at, o.low) AS begins,
            coalesce(lead(s.at) OVER (PARTITION BY o.pool, o.evse_id, o.low ORDER BY s.at, s.id), o.high) AS ends
        FROM point AS o
        JOIN stadtfunk.evse AS e ON e.id = o.evse_id
        CROSS JOIN LATERAL (
            (
                SELECT h.id, h.at, h.status FROM stadtfunk.evse_status AS h
                WHERE h.evse_id = o.evse_id AND h.at <= o.low
                ORDER BY h.at DESC, h.id DESC LIMIT 1
            )
            UNION ALL
            SELECT h.id, h.at, h.status FROM stadtfunk.evse_status AS h
            WHERE h.evse_id = o.evse_id AND h.at > o.low AND h.at < o.high
        ) AS s
    ), contact AS (
        -- spans of a source overlap, now that each is believed a little longer; united, a point is reported once
        SELECT c.source, min(c.begins) AS begins, max(c.ends) AS ends
        FROM (
            SELECT n.*, count(*) FILTER (WHERE n.begins > n.before) OVER (PARTITION BY n.source ORDER BY n.begins) AS part
            FROM (
                SELECT i.source, i.first_at AS begins, i.last_at + {evse_stale} AS ends,
                    max(i.last_at + {evse_stale}) OVER (
                        PARTITION BY i.source ORDER BY i.first_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                    ) AS before
                FROM stadtfunk.evse_contact AS i
                WHERE i.first_at < t.next AND i.last_at + {evse_stale} > t.day
            ) AS n
        ) AS c
        GROUP BY c.source, c.part
    ), piece AS (
        SELECT s.pool, s.status IN ('IN_USE', 'FULL') AS in_use, s.status = 'DOWN' AS down,
            greatest(s.begins, c.begins) AS begins, least(s.ends, c.ends) AS ends
        FROM status AS s
        JOIN contact AS c ON c.source = s.source AND c.begins < s.ends AND c.ends > s.begins
        WHERE s.status NOT IN ('UNKNOWN', 'OUT_OF_SERVICE')
    ), step AS (
        -- how each count changes, and when: of the bay itself (known, taken), of its pool (taken_all and so on)
        SELECT p.asset_id, v.at, v.n * (p.asset_id = n.asset_id)::integer AS known,
            v.n * (p.asset_id = n.asset_id AND n.occupied)::integer AS taken, v.n * n.occupied::integer AS taken_all,
            0 AS reported, 0 AS in_use, 0 AS down, 0 AS points
        FROM sighting AS n
        JOIN stadtfunk.bay_pool AS p ON p.pool = n.pool
        CROSS JOIN LATERAL (VALUES (n.begins, 1), (n.ends, -1)) AS v (at, n)
        WHERE n.begins < n.ends AND (n.occupied OR p.asset_id = n.asset_id)
        UNION ALL
        SELECT p.asset_id, v.at, 0, 0, 0, v.n, v.n * n.in_use::integer, v.n * n.down::integer, 0
        FROM piece AS n
        JOIN stadtfunk.bay_pool AS p ON p.pool = n.pool
        CROSS JOIN LATERAL (VALUES (n.begins, 1), (n.ends, -1)) AS v (at, n)
        WHERE n.begins < n.ends
        UNION ALL
        SELECT p.asset_id, v.at, 0, 0, 0, 0, 0, 0, v.n
        FROM point AS n
        JOIN stadtfunk.bay_pool AS p ON p.pool = n.pool
        CROSS JOIN LATERAL (VALUES (n.low, 1), (n.high, -1)) AS v (at, n)
        WHERE n.low < n.high
        UNION ALL
        SELECT p.asset_id, t.day, 0, 0, 0, 0, 0, 0, 0 FROM stadtfunk.bay_pool AS p
    ), counted AS (
        SELECT s.asset_id, s.at, sum(sum(s.known)::integer) OVER w AS known, sum(sum(s.taken)::integer) OVER w AS taken,
            sum(sum(s.taken_all)::integer) OVER w AS taken_all, sum(sum(s.reported)::integer) OVER w AS reported,
            sum(sum(s.in_use)::integer) OVER w AS in_use, sum(sum(s.down)::integer) OVER w AS down,
            sum(sum(s.points)::integer) OVER w AS points
        FROM step AS s
        WHERE s.at < t.next
        GROUP BY s.asset_id, s.at
        WINDOW w AS (PARTITION BY s.asset_id ORDER BY s.at ROWS UNBOUNDED PRECEDING)
    ), judged AS (
        SELECT c.asset_id, c.at,
            CASE
                WHEN c.points > 0 AND c.down >= c.points THEN 'down'
                WHEN c.known = 0 THEN 'unknown'
                WHEN c.taken = 0 THEN 'free'
                WHEN c.points = 0 OR c.reported < c.points THEN 'occupied'
                WHEN c.in_use >= c.taken_all THEN 'charging'
                WHEN c.in_use = 0 AND c.down = 0 THEN 'idle'
                ELSE 'occupied'
            END AS state
        FROM counted AS c
    ), changed AS (
        SELECT j.*, lag(j.state) OVER (PARTITION BY j.asset_id ORDER BY j.at) AS before FROM judged AS j
    )
    SELECT p.station, p.station_name, p.district, p.bay, p.bay_name, c.state, c.at AS begins_at,
        coalesce(lead(c.at) OVER (PARTITION BY c.asset_id ORDER BY c.at), t.next) AS ends_at
    FROM changed AS c
    JOIN bay AS p ON p.asset_id = c.asset_id
    WHERE c.state IS DISTINCT FROM c.before
) AS x

-- name: v_bay_now
-- What each bay is now, and since when (today).
SELECT DISTINCT ON (s.bay) s.bay, s.bay_name, s.station, s.station_name, s.district, p.latitude, p.longitude, s.state,
    s.begins_at AS since
FROM stadtfunk.v_bay_state AS s
JOIN stadtfunk.bay_pool AS p ON p.bay = s.bay
WHERE s.day = date_trunc('day', now(), {zone})
ORDER BY s.bay, s.begins_at DESC

-- name: v_parking_case
-- Cases of charging bays without anything about who worked on them. `ended`: how, in the word of the outcome or of the
-- reason, or open; `taken`, `arrived`: seconds from the alert until somebody took it on, and was on site; `blocked_from`
-- and `blocked_until`: when a charge point was lost to a vehicle without a session (as the monthly statistics count).
SELECT a.number, a.code, a.codes, a.severity, a.confidence, a.state, a.outcome, a.reason,
    CASE WHEN a.closed_at IS NULL THEN 'open' ELSE coalesce(nullif(a.outcome, ''), nullif(a.reason, ''), 'resolved') END
        AS ended,
    coalesce(b.attributes ->> 'station', a.facts ->> 'station', a.subject) AS station,
    coalesce(nullif(s.name, ''), nullif(b.name, ''), a.subject) AS station_name,
    coalesce(b.key, a.subject) AS bay, coalesce(nullif(b.name, ''), a.subject) AS bay_name, a.district,
    b.latitude, b.longitude, a.since, a.due_at, a.opened_at, a.closed_at, a.notifiable AND NOT a.backfilled AS told,
    extract(epoch FROM a.closed_at - a.opened_at)::double precision AS lasted,
    extract(epoch FROM e.taken - a.opened_at)::double precision AS taken,
    extract(epoch FROM e.arrived - a.opened_at)::double precision AS arrived,
    CASE WHEN a.state <> 'withdrawn' AND a.outcome <> ALL (ARRAY[{dismissed}]) THEN
        CASE
            WHEN 'V1_NO_CHARGE' = ANY (a.codes) THEN a.since
            WHEN 'V2_AFTER_CHARGE' = ANY (a.codes) THEN coalesce(r.due_at, a.due_at)
        END
    END AS blocked_from,
    coalesce(a.closed_at, greatest(now(), a.since)) AS blocked_until
FROM stadtfunk.alert AS a
LEFT JOIN stadtfunk.asset AS b ON b.id = a.asset_id AND b.kind = 'bay'
LEFT JOIN stadtfunk.asset AS s
    ON s.kind = 'charging_station' AND s.key = coalesce(b.attributes ->> 'station', a.facts ->> 'station')
LEFT JOIN LATERAL (
    SELECT min((o.one ->> 'due_at')::timestamptz) AS due_at
    FROM jsonb_array_elements(
        CASE jsonb_typeof(a.facts -> 'raised') WHEN 'array' THEN a.facts -> 'raised' ELSE '[]' END
    ) AS o (one)
    WHERE o.one ->> 'code' = 'V2_AFTER_CHARGE'
) AS r ON 'V2_AFTER_CHARGE' = ANY (a.codes)
LEFT JOIN LATERAL (
    SELECT min(v.at) FILTER (WHERE v.kind IN ('acknowledged', 'dispatched', 'on_site')) AS taken,
        min(v.at) FILTER (WHERE v.kind = 'on_site') AS arrived
    FROM stadtfunk.alert_event AS v
    WHERE v.alert_id = a.id
) AS e ON true
WHERE a.code = ANY (ARRAY[{codes}])

-- name: v_parking_blocked
-- How long vehicles without a session blocked charge points, by the hour in which they did. An open case counts so far.
SELECT h.time, extract(isodow FROM h.time AT TIME ZONE {zone})::integer AS weekday,
    extract(hour FROM h.time AT TIME ZONE {zone})::integer AS hour, c.number, c.station, c.station_name, c.district,
    extract(epoch FROM least(c.blocked_until, h.time + interval '1 hour') - greatest(c.blocked_from, h.time))
        ::double precision AS seconds
FROM stadtfunk.v_parking_case AS c
CROSS JOIN LATERAL generate_series(
    date_trunc('hour', c.blocked_from, 'UTC'), c.blocked_until - interval '1 microsecond', interval '1 hour'
) AS h (time)
WHERE c.blocked_from < c.blocked_until
