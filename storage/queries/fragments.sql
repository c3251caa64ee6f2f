-- Statements of storage/fragments.py: stored uplinks that may be made whole.

-- part: uplink
-- The columns of storage/uplink_rows.py.
    d.dev_eui, d.name, d.profile, d.application, d.tags, s.name, u.f_cnt, u.f_port, u.flags, u.dev_addr, u.data_rate,
    u.frequency, u.ns_time, u.event_time, u.received_at, p.payload

-- name: find
-- Uplinks of some devices, each in a span of its own; `first` and `last` bound all spans, so that other chunks stay shut.
SELECT
    -- include: uplink
FROM (
    SELECT
        unnest(%(devices)s::text[]) AS dev_eui, unnest(%(since)s::timestamptz[]) AS since,
        unnest(%(until)s::timestamptz[]) AS until
) AS w
JOIN device AS d ON d.dev_eui = w.dev_eui
JOIN uplink AS u
    ON u.device_id = d.id
    AND u.ns_time BETWEEN w.since AND w.until
    AND u.ns_time BETWEEN %(first)s::timestamptz AND %(last)s::timestamptz
    AND u.outcome = ANY (%(outcomes)s::text[])
JOIN source AS s ON s.id = u.source_id
JOIN LATERAL (
    SELECT payload FROM payload_household
    WHERE device_id = u.device_id AND ns_time = u.ns_time AND f_cnt = u.f_cnt
        AND ns_time BETWEEN %(first)s::timestamptz AND %(last)s::timestamptz
    UNION ALL
    SELECT payload FROM payload_public
    WHERE device_id = u.device_id AND ns_time = u.ns_time AND f_cnt = u.f_cnt
        AND ns_time BETWEEN %(first)s::timestamptz AND %(last)s::timestamptz
    LIMIT 1
) AS p ON true
ORDER BY d.dev_eui, u.ns_time, u.f_cnt

-- name: find_context
-- Of one device and port: the latest decoded uplink up to a time, and the first after it.
SELECT
    -- include: uplink
FROM device AS d
CROSS JOIN LATERAL (
    (
        SELECT * FROM uplink
        WHERE device_id = d.id AND f_port = %(port)s AND ns_time <= %(until)s::timestamptz
            AND ns_time >= %(until)s::timestamptz - %(reach)s::interval
        ORDER BY ns_time DESC LIMIT 1
    )
    UNION ALL
    (
        SELECT * FROM uplink
        WHERE device_id = d.id AND f_port = %(port)s AND ns_time > %(until)s::timestamptz
        ORDER BY ns_time LIMIT 1
    )
) AS u
JOIN source AS s ON s.id = u.source_id
JOIN LATERAL (
    SELECT payload FROM payload_household
    WHERE device_id = u.device_id AND ns_time = u.ns_time AND f_cnt = u.f_cnt
    UNION ALL
    SELECT payload FROM payload_public
    WHERE device_id = u.device_id AND ns_time = u.ns_time AND f_cnt = u.f_cnt
    LIMIT 1
) AS p ON true
WHERE d.dev_eui = %(device)s

-- name: waiting
-- Devices with fragments that nothing has made whole, and where these lie; an index of fragments alone finds them.
SELECT d.dev_eui, min(u.ns_time), max(u.ns_time)
FROM uplink AS u
JOIN device AS d ON d.id = u.device_id
WHERE u.outcome = 'fragment' AND u.ns_time >= %(since)s::timestamptz AND d.dev_eui > %(after)s
GROUP BY d.dev_eui
ORDER BY d.dev_eui
LIMIT %(limit)s
