-- Statements of storage/overview.py. Totals come from device_state, which has one row per device, however long the history.

-- name: devices
SELECT
    count(*),
    count(*) FILTER (WHERE outcome = 'orphan'),
    coalesce(sum(uplinks), 0)::bigint,
    coalesce(sum(duplicates), 0)::bigint,
    coalesce(sum(earlier_gaps + last_f_cnt - first_f_cnt + 1 - session_uplinks), 0)::bigint,
    max(last_received_at)
FROM device_state

-- name: sources
SELECT s.name, count(d.device_id), max(d.last_received_at)
FROM source AS s
LEFT JOIN device_state AS d ON d.source_id = s.id
GROUP BY s.name
ORDER BY s.name

-- name: kind_totals
-- The identifier is a checked name of a reading kind.
SELECT count(*), max(observed_at) FROM {kind}

-- name: latest
SELECT d.name, r.observed_at, to_jsonb(r)
FROM {kind} AS r
JOIN device AS d ON d.id = r.device_id
WHERE r.observed_at > %s
ORDER BY r.observed_at DESC
LIMIT %s

-- name: known_devices
SELECT
    d.dev_eui, d.name, d.profile, d.application, coalesce(o.name, ''), coalesce(s.outcome, ''), coalesce(s.uplinks, 0),
    coalesce(s.duplicates, 0), coalesce(s.earlier_gaps + s.last_f_cnt - s.first_f_cnt + 1 - s.session_uplinks, 0),
    s.last_received_at
FROM device AS d
LEFT JOIN device_state AS s ON s.device_id = d.id
LEFT JOIN source AS o ON o.id = s.source_id
WHERE (%(outcome)s::text IS NULL OR s.outcome = %(outcome)s)
    AND (%(search)s::text IS NULL OR position(lower(%(search)s) IN lower(concat_ws(' ', d.dev_eui, d.name, d.profile))) > 0)
    AND (%(silent_since)s::timestamptz IS NULL OR s.last_received_at IS NULL OR s.last_received_at < %(silent_since)s)
ORDER BY s.last_received_at DESC NULLS LAST, d.dev_eui
LIMIT %(limit)s
