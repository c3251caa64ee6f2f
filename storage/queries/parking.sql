-- Statements of alerts/parking/loading.py.

-- name: bays
SELECT a.key, a.district, a.attributes
FROM asset AS a
WHERE a.kind = 'bay'
ORDER BY a.key

-- name: bays_changed
SELECT count(*), max(a.updated_at) FROM asset AS a WHERE a.kind = 'bay'

-- name: windows
-- From where on a bay's history has to be read: its last message that said free, long enough ago that nothing late is
-- expected, and that was no bounce; before the begin of its open alert in any case. And whether a vehicle came since.
SELECT a.key, least(coalesce(f.at, %(oldest)s), o.since - interval '2 hours'), t.taken
FROM unnest(%(keys)s::text[], %(settled)s::timestamptz[]) AS w (key, settled)
JOIN asset AS a ON a.kind = 'bay' AND a.key = w.key
LEFT JOIN LATERAL (
    SELECT max(r.observed_at) AS at
    FROM asset_device AS d
    CROSS JOIN LATERAL (
        SELECT p.observed_at
        FROM parking_bay AS p
        WHERE p.device_id = d.device_id AND p.subject = '' AND p.channel = 0
            AND p.observed_at >= greatest(d.valid_from, %(oldest)s)
            AND p.observed_at < least(d.valid_to, w.settled)
            AND p.occupied = false AND p.event IN ('change', 'heartbeat') AND p.blocked IS NOT TRUE AND p.flags & 1 = 0
            AND NOT EXISTS (
                SELECT FROM parking_bay AS b
                WHERE b.device_id = p.device_id AND b.subject = '' AND b.channel = 0 AND b.occupied
                    AND b.observed_at > p.observed_at AND b.observed_at < p.observed_at + %(merge)s
            )
        ORDER BY p.observed_at DESC
        LIMIT 1
    ) AS r
    WHERE d.asset_id = a.id
) AS f ON true
LEFT JOIN LATERAL (
    SELECT min(l.since) AS since
    FROM alert AS l
    WHERE l.rule = %(rule)s AND l.closed_at IS NULL AND l.subject IN (a.key, a.attributes ->> 'station')
) AS o ON true
CROSS JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM asset_device AS d
        JOIN parking_bay AS p ON p.device_id = d.device_id
        WHERE d.asset_id = a.id AND p.subject = '' AND p.channel = 0 AND p.occupied
            AND p.observed_at >= greatest(d.valid_from, coalesce(f.at, %(oldest)s))
            AND p.observed_at < least(d.valid_to, w.settled)
    ) AS taken
) AS t

-- name: sightings
-- OFFSET 0 keeps the planner from joining first and filtering by time later: that reads a device's whole history.
SELECT w.key, p.observed_at, p.occupied AND p.event IS DISTINCT FROM 'startup', p.occupied IS NOT NULL
    AND p.event IN ('change', 'heartbeat') AND p.blocked IS NOT TRUE AND p.flags & 1 = 0,
    p.event, p.uplink_f_cnt, coalesce(u.dev_addr, ''), p.device_id, p.uplink_ns_time
FROM unnest(%(keys)s::text[], %(starts)s::timestamptz[]) AS w (key, start)
JOIN asset AS a ON a.kind = 'bay' AND a.key = w.key
JOIN asset_device AS d ON d.asset_id = a.id
CROSS JOIN LATERAL (
    SELECT r.*
    FROM parking_bay AS r
    WHERE r.device_id = d.device_id AND r.subject = '' AND r.channel = 0
        AND r.observed_at >= greatest(w.start, d.valid_from) AND r.observed_at < least(d.valid_to, %(now)s)
    OFFSET 0
) AS p
LEFT JOIN uplink AS u
    ON u.device_id = p.device_id AND u.ns_time = p.uplink_ns_time AND u.f_cnt = p.uplink_f_cnt

-- name: frames
SELECT w.key, u.ns_time, u.dev_addr, u.f_cnt
FROM unnest(%(keys)s::text[], %(starts)s::timestamptz[]) AS w (key, start)
JOIN asset AS a ON a.kind = 'bay' AND a.key = w.key
JOIN asset_device AS d ON d.asset_id = a.id
CROSS JOIN LATERAL (
    SELECT f.ns_time, f.dev_addr, f.f_cnt
    FROM uplink AS f
    WHERE f.device_id = d.device_id
        AND f.ns_time >= greatest(w.start, d.valid_from) AND f.ns_time < least(d.valid_to, %(now)s)
    OFFSET 0
) AS u

-- name: statuses
SELECT e.evse_key, e.source, s.at, s.status, s.raw_status, s.source, s.id
FROM unnest(%(keys)s::text[], %(starts)s::timestamptz[]) AS w (key, start)
JOIN evse AS e ON e.evse_key = w.key
CROSS JOIN LATERAL (
    (
        SELECT t.* FROM evse_status AS t
        WHERE t.evse_id = e.id AND t.at < w.start
        ORDER BY t.at DESC LIMIT 1
    )
    UNION ALL
    (SELECT t.* FROM evse_status AS t WHERE t.evse_id = e.id AND t.at >= w.start AND t.at < %(now)s)
) AS s

-- name: contacts
SELECT c.source, c.first_at, c.last_at
FROM evse_contact AS c
WHERE c.last_at >= %(oldest)s AND c.first_at < %(now)s
ORDER BY c.source, c.first_at

-- name: records
SELECT l.subject,
    count(*) FILTER (WHERE l.outcome = ANY (%(confirmed)s::text[])),
    count(*) FILTER (WHERE l.outcome = ANY (%(false_alarms)s::text[]))
FROM alert AS l
WHERE l.rule = %(rule)s AND l.outcome <> ''
GROUP BY l.subject

-- name: bay_uplinks
-- How many uplinks are stored of each bay's sensors: counts on with every new one, however late it is.
SELECT a.key, sum(s.uplinks)::bigint
FROM asset AS a
JOIN asset_device AS d ON d.asset_id = a.id
JOIN device_state AS s ON s.device_id = d.device_id
WHERE a.kind = 'bay'
GROUP BY a.key

-- name: recent_statuses
SELECT e.evse_key, max(s.id)
FROM evse_status AS s
JOIN evse AS e ON e.id = s.evse_id
WHERE s.received_at >= %(since)s
GROUP BY e.evse_key

-- name: open_subjects
SELECT l.subject FROM alert AS l
WHERE l.rule = %(rule)s AND l.closed_at IS NULL AND l.subject = ANY (%(subjects)s::text[])
