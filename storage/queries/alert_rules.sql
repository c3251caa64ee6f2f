-- Statements of the generic alert rules (alerts/rules/*.py). Each looks at all its subjects at once.

-- name: silent_devices
-- Devices that are silent now. A network server's clock that is far ahead of ours does not hide a silence.
-- One that was known for days and has no interval was hardly ever heard: it counts as silent at the latest time only.
SELECT d.dev_eui, d.name, h.at, h.within, NULL::timestamptz
FROM device_state AS s
JOIN device AS d ON d.id = s.device_id
LEFT JOIN device_interval AS i ON i.device_id = s.device_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN s.last_ns_time > s.last_received_at + interval '10 minutes' THEN s.last_received_at
            ELSE s.last_ns_time END AS at,
        least(greatest(coalesce(
            %(intervals)s * make_interval(secs => i.seconds),
            CASE WHEN s.session_started_at < least(s.last_ns_time, s.last_received_at) - %(new_for)s
                THEN %(at_most)s ELSE %(unlearned)s END
        ), %(at_least)s), %(at_most)s) AS within
) AS h
WHERE h.at + h.within <= %(now)s AND h.at > %(give_up_at)s
    AND (i.seconds IS NOT NULL OR %(unlearned)s::interval IS NOT NULL)
    AND (%(profiles)s::text[] IS NULL OR d.profile = ANY (%(profiles)s))
    AND (%(sources)s::text[] IS NULL OR s.source_id IN (SELECT o.id FROM source AS o WHERE o.name = ANY (%(sources)s)))

-- name: next_silent_device
SELECT min(h.due)
FROM device_state AS s
LEFT JOIN device_interval AS i ON i.device_id = s.device_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN s.last_ns_time > s.last_received_at + interval '10 minutes' THEN s.last_received_at
        ELSE s.last_ns_time END + least(greatest(coalesce(
            %(intervals)s * make_interval(secs => i.seconds),
            CASE WHEN s.session_started_at < least(s.last_ns_time, s.last_received_at) - %(new_for)s
                THEN %(at_most)s ELSE %(unlearned)s END
        ), %(at_least)s), %(at_most)s) AS due
) AS h
WHERE h.due > %(now)s AND (i.seconds IS NOT NULL OR %(unlearned)s::interval IS NOT NULL)

-- name: silent_devices_told
-- Devices with an open alert, and when they were heard again.
SELECT d.dev_eui, d.name, a.since,
    least(greatest(coalesce(
        %(intervals)s * make_interval(secs => i.seconds),
        CASE WHEN s.session_started_at < least(s.last_ns_time, s.last_received_at) - %(new_for)s
            THEN %(at_most)s ELSE %(unlearned)s END
    ), %(at_least)s), %(at_most)s),
    (SELECT min(u.ns_time) FROM uplink AS u WHERE u.device_id = d.id AND u.ns_time > a.since AND u.ns_time <= %(now)s + interval '10 minutes')
FROM alert AS a
JOIN device AS d ON d.dev_eui = a.subject
JOIN device_state AS s ON s.device_id = d.id
LEFT JOIN device_interval AS i ON i.device_id = d.id
WHERE a.rule = %(rule)s AND a.closed_at IS NULL

-- name: device_gaps
-- Silences in stored history, judged by today's intervals.
SELECT d.dev_eui, d.name, g.at, h.within, g.next_at
FROM (
    SELECT u.device_id, u.ns_time AS at, lead(u.ns_time) OVER (PARTITION BY u.device_id ORDER BY u.ns_time) AS next_at
    FROM uplink AS u
    WHERE u.ns_time > %(start)s AND u.ns_time <= %(now)s AND u.device_id >= %(first)s AND u.device_id < %(end)s
) AS g
JOIN device AS d ON d.id = g.device_id
JOIN device_state AS s ON s.device_id = g.device_id
LEFT JOIN device_interval AS i ON i.device_id = g.device_id
CROSS JOIN LATERAL (
    SELECT least(greatest(coalesce(
        %(intervals)s * make_interval(secs => i.seconds),
        CASE WHEN s.session_started_at < least(s.last_ns_time, s.last_received_at) - %(new_for)s
            THEN %(at_most)s ELSE %(unlearned)s END
    ), %(at_least)s), %(at_most)s) AS within
) AS h
WHERE coalesce(g.next_at, %(now)s) - g.at >= h.within
    AND (i.seconds IS NOT NULL OR %(unlearned)s::interval IS NOT NULL)
    AND (%(profiles)s::text[] IS NULL OR d.profile = ANY (%(profiles)s))
    AND (%(sources)s::text[] IS NULL OR s.source_id IN (SELECT o.id FROM source AS o WHERE o.name = ANY (%(sources)s)))

-- name: silent_gateways
SELECT DISTINCT subject FROM alert WHERE subject_kind = 'gateway' AND code = 'GATEWAY_SILENT' AND closed_at IS NULL

-- name: last_gateways
SELECT d.dev_eui, array_agg(DISTINCT g.gateway_id)
FROM device AS d
JOIN device_state AS s ON s.device_id = d.id
JOIN reception AS r ON r.ns_time = s.last_ns_time AND r.device_id = d.id
JOIN gateway AS g ON g.id = r.gateway_id
WHERE d.dev_eui = ANY (%s::text[])
GROUP BY d.dev_eui

-- name: silent_gateways_now
SELECT g.gateway_id, g.name, g.last_seen_at, NULL::timestamptz
FROM gateway AS g
WHERE g.last_seen_at + %(after)s <= %(now)s AND g.last_seen_at > %(give_up_at)s
    AND (%(gateways)s::text[] IS NULL OR g.gateway_id = ANY (%(gateways)s))

-- name: silent_gateways_told
SELECT g.gateway_id, g.name, a.since,
    coalesce(
        (SELECT min(s.occurred_at) FROM gateway_stats AS s WHERE s.gateway_id = g.id AND s.occurred_at > a.since),
        CASE WHEN g.last_seen_at > a.since THEN g.last_seen_at END
    )
FROM alert AS a
JOIN gateway AS g ON g.gateway_id = a.subject
WHERE a.rule = %(rule)s AND a.closed_at IS NULL

-- name: next_silent_gateway
SELECT min(g.last_seen_at + %(after)s)
FROM gateway AS g
WHERE g.last_seen_at + %(after)s > %(now)s
    AND (%(gateways)s::text[] IS NULL OR g.gateway_id = ANY (%(gateways)s))

-- name: gateway_gaps
SELECT g.gateway_id, g.name, q.at, q.next_at
FROM (
    SELECT s.gateway_id, s.occurred_at AS at,
        lead(s.occurred_at) OVER (PARTITION BY s.gateway_id ORDER BY s.occurred_at) AS next_at
    FROM gateway_stats AS s
    WHERE s.occurred_at > %(start)s AND s.occurred_at <= %(now)s
) AS q
JOIN gateway AS g ON g.id = q.gateway_id
WHERE coalesce(q.next_at, %(now)s) - q.at >= %(after)s
    AND (%(gateways)s::text[] IS NULL OR g.gateway_id = ANY (%(gateways)s))

-- name: marks
-- Readings of every subject that was bad in the window or has an open alert, whose window begins before its alert.
-- {{kind}}, {{value}}, {{bad}}, {{clear}}, {{some}} are composed of checked identifiers and literals.
WITH told AS (
    SELECT d.id AS device_id, coalesce(nullif(split_part(a.subject, '/', 2), ''), '0')::smallint AS channel,
        array_to_string((string_to_array(a.subject, '/'))[3:], '/') AS subject, a.since
    FROM alert AS a
    JOIN device AS d ON d.dev_eui = split_part(a.subject, '/', 1)
    WHERE a.rule = %(rule)s AND a.closed_at IS NULL AND %(live)s
),
candidate AS (
    SELECT r.device_id, r.channel, r.subject, NULL::timestamptz AS since
    FROM {kind} AS r
    WHERE r.observed_at > %(start)s AND r.observed_at <= %(now)s AND r.flags & %(distrusted)s = 0 AND {bad} AND {some}
    UNION ALL
    SELECT device_id, channel, subject, since FROM told
),
looked_at AS (
    SELECT device_id, channel, subject, min(since) AS since,
        greatest(least(%(start)s, min(since) - interval '1 microsecond'), %(earliest)s) AS start
    FROM candidate
    GROUP BY device_id, channel, subject
)
SELECT d.dev_eui, d.name, l.channel, l.subject, CASE WHEN l.since <= l.start THEN l.since END,
    r.observed_at, CASE WHEN {bad} THEN 1 WHEN {clear} THEN -1 ELSE 0 END, ({value})::double precision
FROM looked_at AS l
JOIN device AS d ON d.id = l.device_id
LEFT JOIN {kind} AS r ON r.device_id = l.device_id AND r.channel = l.channel AND r.subject = l.subject
    AND r.observed_at > l.start AND r.observed_at <= %(now)s AND r.flags & %(distrusted)s = 0
    AND ({value}) IS NOT NULL
ORDER BY l.device_id, l.channel, l.subject, r.observed_at

-- name: refusals_by_source
-- Per source and bucket: what was refused, by reason, and what was understood ('').
SELECT r.source, floor(extract(epoch FROM r.received_at) / %(width)s)::bigint, r.reason, count(*)
FROM rejected AS r
WHERE r.received_at >= %(start)s AND r.received_at < %(now)s
GROUP BY 1, 2, 3
UNION ALL
SELECT s.name, floor(extract(epoch FROM u.ns_time) / %(width)s)::bigint, '', count(*)
FROM uplink AS u
JOIN source AS s ON s.id = u.source_id
WHERE u.ns_time >= %(start)s AND u.ns_time < %(now)s AND u.outcome IN ('decoded', 'fragment', 'not_decodable')
GROUP BY 1, 2

-- name: refusals_by_decoder
SELECT r.decoder, floor(extract(epoch FROM r.received_at) / %(width)s)::bigint, r.reason, count(*)
FROM rejected AS r
WHERE r.received_at >= %(start)s AND r.received_at < %(now)s AND r.decoder <> ''
GROUP BY 1, 2, 3
UNION ALL
SELECT v.name, floor(extract(epoch FROM u.ns_time) / %(width)s)::bigint, '', count(*)
FROM uplink AS u
JOIN decoder_version AS v ON v.id = u.decoder_id
WHERE u.ns_time >= %(start)s AND u.ns_time < %(now)s AND u.outcome = 'decoded'
GROUP BY 1, 2

-- name: open_since
SELECT subject, since FROM alert WHERE rule = %s AND closed_at IS NULL

-- name: late_hours
-- Hours of which something came late, the earliest first: the entries of the log that say so, whether messages of bays
-- did, and the charge points whose statuses did.
SELECT l.hour, array_agg(l.id), bool_or(l.evse_id IS NULL), array_remove(array_agg(DISTINCT e.evse_key), NULL)
FROM late_reading AS l
LEFT JOIN evse AS e ON e.id = l.evse_id
WHERE l.kind IN ('parking_bay', 'evse_status')
GROUP BY l.hour
ORDER BY l.hour
LIMIT 24

-- name: bays_that_spoke
SELECT a.key
FROM asset AS a
WHERE a.kind = 'bay' AND EXISTS (
    SELECT FROM asset_device AS d
    JOIN parking_bay AS p ON p.device_id = d.device_id
    WHERE d.asset_id = a.id
        AND p.observed_at >= greatest(%(start)s, d.valid_from) AND p.observed_at < least(%(end)s, d.valid_to)
)

-- name: forget_late
DELETE FROM late_reading WHERE id = ANY (%(ids)s::bigint[])

-- name: alerts_between
SELECT subject, occurrence, since, closed_at, outcome
FROM alert
WHERE rule = %(rule)s AND subject = ANY (%(subjects)s::text[]) AND state <> 'withdrawn'
    AND since < %(end)s AND (closed_at IS NULL OR closed_at > %(start)s)

-- name: newest_contacts
SELECT e.evse_key, c.last_at
FROM evse AS e
CROSS JOIN LATERAL (
    SELECT l.last_at FROM evse_contact AS l WHERE l.source = e.source ORDER BY l.first_at DESC LIMIT 1
) AS c
WHERE e.evse_key = ANY (%s::text[])
