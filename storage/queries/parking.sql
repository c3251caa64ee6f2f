-- Statements of alerts/parking/loading.py, sensors.py, doubts.py and disproof.py.

-- name: bays
SELECT a.key, a.district, a.attributes
FROM asset AS a
WHERE a.kind = 'bay'
ORDER BY a.key

-- name: links
-- Which charge points served which bay when; what has no end ends in the year 9999.
SELECT a.key, e.evse_key, b.mapping = 'GROUP', greatest(b.valid_from, '1970-01-01 00:00+00'),
    least(b.valid_to, '9999-01-01 00:00+00')
FROM bay_evse AS b
JOIN asset AS a ON a.id = b.asset_id
JOIN evse AS e ON e.id = b.evse_id
ORDER BY a.key, b.valid_from, e.evse_key

-- name: bays_changed
SELECT a.*, b.*
FROM (SELECT count(*), max(updated_at) FROM asset WHERE kind = 'bay') AS a
CROSS JOIN (
    SELECT count(*), max(valid_from)::text, count(*) FILTER (WHERE valid_to < 'infinity') FROM bay_evse
) AS b

-- name: sensors
-- Devices at bays in the order in which they were bound; what has no end ends in the year 9999.
SELECT a.key, d.id, greatest(d.valid_from, '1970-01-01 00:00+00'), least(d.valid_to, '9999-01-01 00:00+00')
FROM asset AS a
JOIN asset_device AS d ON d.asset_id = a.id
WHERE a.kind = 'bay' AND a.key = ANY (%(keys)s::text[])
ORDER BY a.key, d.valid_from, d.id

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
        WHERE p.device_id = d.device_id AND p.subject = coalesce(d.subject, '') AND p.channel = coalesce(d.channel, 0)
            AND p.observed_at >= greatest(d.valid_from, %(oldest)s)
            AND p.observed_at < least(d.valid_to, w.settled)
            AND p.occupied = false AND p.event IN ('change', 'heartbeat') AND p.blocked IS NOT TRUE AND p.flags & 1 = 0
            AND NOT EXISTS (
                SELECT FROM parking_bay AS b
                WHERE b.device_id = p.device_id AND b.subject = p.subject AND b.channel = p.channel AND b.occupied
                    AND b.observed_at > p.observed_at AND b.observed_at < p.observed_at + %(merge)s
            )
        ORDER BY p.observed_at DESC
        LIMIT 1
    ) AS r
    WHERE d.asset_id = a.id AND NOT EXISTS (
        -- only what the bay's own sensor says is its departure, not what a second one beside it does
        SELECT FROM asset_device AS o
        WHERE o.asset_id = d.asset_id AND (o.valid_from, o.id) < (d.valid_from, d.id)
            AND r.observed_at >= o.valid_from AND r.observed_at < o.valid_to
    )
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
        WHERE d.asset_id = a.id AND p.subject = coalesce(d.subject, '') AND p.channel = coalesce(d.channel, 0)
            AND p.occupied
            AND p.observed_at >= greatest(d.valid_from, coalesce(f.at, %(oldest)s))
            AND p.observed_at < least(d.valid_to, w.settled)
    ) AS taken
) AS t

-- name: sightings
-- OFFSET 0, here and below: else the planner joins first and filters by time later, and reads a device's whole history.
SELECT w.key, d.id, p.observed_at, p.occupied AND p.event IS DISTINCT FROM 'startup', p.occupied IS NOT NULL
    AND p.event IN ('change', 'heartbeat') AND p.blocked IS NOT TRUE AND p.flags & 1 = 0,
    p.event, p.uplink_f_cnt, coalesce(u.dev_addr, ''), p.device_id, p.uplink_ns_time, coalesce(v.name, '')
FROM unnest(%(keys)s::text[], %(starts)s::timestamptz[]) AS w (key, start)
JOIN asset AS a ON a.kind = 'bay' AND a.key = w.key
JOIN asset_device AS d ON d.asset_id = a.id
CROSS JOIN LATERAL (
    SELECT r.*
    FROM parking_bay AS r
    WHERE r.device_id = d.device_id AND r.subject = coalesce(d.subject, '') AND r.channel = coalesce(d.channel, 0)
        AND r.observed_at >= greatest(w.start, d.valid_from) AND r.observed_at < least(d.valid_to, %(now)s)
    OFFSET 0
) AS p
LEFT JOIN uplink AS u
    ON u.device_id = p.device_id AND u.ns_time = p.uplink_ns_time AND u.f_cnt = p.uplink_f_cnt
LEFT JOIN decoder_version AS v ON v.id = p.decoder_id
ORDER BY p.observed_at

-- name: frames
SELECT w.key, d.id, u.ns_time, u.dev_addr, u.f_cnt
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

-- name: before
-- What a sensor did in its bay before the window: how often it told a change, counted up to what it has to learn, and
-- when it was started last, if that is not long ago.
SELECT d.id, c.changes, s.started_at
FROM unnest(%(keys)s::text[], %(starts)s::timestamptz[]) AS w (key, start)
JOIN asset AS a ON a.kind = 'bay' AND a.key = w.key
JOIN asset_device AS d ON d.asset_id = a.id AND d.valid_from < %(now)s AND d.valid_to > w.start
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS changes
    FROM (
        SELECT FROM parking_bay AS p
        WHERE p.device_id = d.device_id
            AND p.subject = coalesce(d.subject, '') AND p.channel = coalesce(d.channel, 0)
            AND p.observed_at >= d.valid_from AND p.observed_at < w.start AND p.event = 'change'
        ORDER BY p.observed_at DESC
        LIMIT %(changes)s
    ) AS l
) AS c
CROSS JOIN LATERAL (
    SELECT max(p.observed_at) AS started_at
    FROM parking_bay AS p
    WHERE p.device_id = d.device_id AND p.subject = coalesce(d.subject, '') AND p.channel = coalesce(d.channel, 0)
        AND p.observed_at >= greatest(d.valid_from, w.start - %(restarted)s::interval) AND p.observed_at < w.start
        AND p.event = 'startup'
) AS s

-- name: batteries
-- What sensors said of their batteries, from the last word before the window on.
SELECT d.id, h.observed_at, coalesce(h.battery_low, false) OR coalesce(h.battery_level < %(level)s, false)
FROM unnest(%(keys)s::text[], %(starts)s::timestamptz[]) AS w (key, start)
JOIN asset AS a ON a.kind = 'bay' AND a.key = w.key
JOIN asset_device AS d ON d.asset_id = a.id AND d.valid_from < %(now)s AND d.valid_to > w.start
CROSS JOIN LATERAL (
    (
        SELECT r.observed_at, r.battery_low, r.battery_level FROM device_health AS r
        WHERE r.device_id = d.device_id AND r.subject = '' AND r.channel = 0
            AND r.observed_at >= w.start - %(believed)s::interval AND r.observed_at < w.start
            AND (r.battery_low IS NOT NULL OR r.battery_level IS NOT NULL)
        ORDER BY r.observed_at DESC LIMIT 1
    )
    UNION ALL
    (
        SELECT r.observed_at, r.battery_low, r.battery_level FROM device_health AS r
        WHERE r.device_id = d.device_id AND r.subject = '' AND r.channel = 0
            AND r.observed_at >= w.start AND r.observed_at < %(now)s
            AND (r.battery_low IS NOT NULL OR r.battery_level IS NOT NULL)
    )
) AS h
ORDER BY h.observed_at

-- name: neighbour_changes
SELECT w.key, p.observed_at
FROM unnest(%(keys)s::text[], %(others)s::text[], %(starts)s::timestamptz[]) AS w (key, other, start)
JOIN asset AS a ON a.kind = 'bay' AND a.key = w.other
JOIN asset_device AS d ON d.asset_id = a.id
CROSS JOIN LATERAL (
    SELECT r.observed_at
    FROM parking_bay AS r
    WHERE r.device_id = d.device_id AND r.subject = coalesce(d.subject, '') AND r.channel = coalesce(d.channel, 0)
        AND r.observed_at >= greatest(w.start, d.valid_from) AND r.observed_at < least(d.valid_to, %(now)s)
        AND r.event = 'change'
    OFFSET 0
) AS p

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

-- name: lessons
-- What people found in cases, and when that was known: a phone without a connection tells it later.
SELECT l.subject, l.since, coalesce((e.detail ->> 'received_at')::timestamptz, e.at, l.closed_at),
    l.outcome = ANY (%(confirmed)s::text[])
FROM alert AS l
LEFT JOIN LATERAL (
    SELECT v.at, v.detail FROM alert_event AS v
    WHERE v.alert_id = l.id AND v.kind = 'closed'
    ORDER BY v.position DESC LIMIT 1
) AS e ON true
WHERE l.rule = %(rule)s AND l.subject = ANY (%(subjects)s::text[]) AND l.outcome = ANY (%(outcomes)s::text[])
    AND l.state <> 'withdrawn'

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

-- name: over_by_themselves
-- Cases from their begin to their end within the times, which nobody closed.
SELECT l.id, l.subject, l.occurrence, l.codes, l.since, l.due_at, l.closed_at, l.content_digest
FROM unnest(%(subjects)s::text[], %(starts)s::timestamptz[]) AS w (subject, start)
JOIN alert AS l ON l.rule = %(rule)s AND l.subject = w.subject
    AND l.closed_at >= w.start AND l.closed_at < %(until)s AND l.since >= w.start
WHERE l.state = 'resolved' AND l.outcome = '' AND l.rule_version = %(version)s

-- name: bases
-- What cases rest on; none of a bay that was edited since, of a month that was counted for good, or from before the first
-- contact with the source of a charge point that is still known.
SELECT l.id, l.subject, l.evidence, l.facts ->> 'bay', l.facts -> 'evses'
FROM alert AS l
CROSS JOIN LATERAL (
    SELECT max(v.recorded_at) AS at FROM alert_event AS v
    WHERE v.alert_id = l.id AND v.kind IN ('opened', 'updated', 'resolved')
) AS judged
WHERE l.id = ANY (%(ids)s::bigint[])
    AND NOT EXISTS (
        SELECT FROM asset AS b
        WHERE b.kind = 'bay' AND l.subject IN (b.key, b.attributes ->> 'station') AND b.updated_at > judged.at
    )
    AND NOT EXISTS (
        SELECT FROM parking_month AS m WHERE m.month = date_trunc('month', l.due_at AT TIME ZONE %(zone)s)::date
    )
    AND NOT EXISTS (
        SELECT FROM evse AS e
        WHERE l.facts -> 'evses' ? e.evse_key
            AND NOT EXISTS (SELECT FROM evse_contact AS c WHERE c.source = e.source AND c.first_at <= l.since)
    )
