-- Statements of storage/refresh.py, storage/retention.py and storage/maintenance.py.

-- name: allow_long_statements
-- Maintenance blocks nobody, so its statements may take longer than those of the hot path, and sort in memory.
SELECT set_config('statement_timeout', '10min', false), set_config('work_mem', '64MB', false)

-- name: take_touched
-- Only what is committed is seen and deleted; a batch that is being written leaves its rows for the next run.
WITH taken AS (
    DELETE FROM rollup_touched WHERE kind = %(kind)s AND hour < %(until)s RETURNING hour
)
SELECT DISTINCT hour FROM taken ORDER BY hour

-- name: take_binding_changes
DELETE FROM binding_changed RETURNING device_id, low::text, high::text

-- name: touch_bound_hours
-- {kind} is a reading kind's table. The readings of these devices changed their asset, and with it their rollups.
INSERT INTO rollup_touched (kind, hour)
SELECT DISTINCT %(kind)s, date_trunc('hour', r.observed_at, 'UTC')
FROM unnest(%(devices)s::integer[], %(lows)s::text[]::timestamptz[], %(highs)s::text[]::timestamptz[])
    AS c (device_id, low, high)
JOIN {kind} AS r ON r.device_id = c.device_id AND r.observed_at >= c.low AND r.observed_at < c.high

-- name: find_watermark
SELECT stored_before FROM rollup_watermark WHERE kind = %(kind)s

-- name: set_watermark
INSERT INTO rollup_watermark (kind, stored_before, refreshed_at) VALUES (%(kind)s, %(until)s, %(now)s)
ON CONFLICT (kind) DO UPDATE SET
    stored_before = greatest(rollup_watermark.stored_before, excluded.stored_before),
    refreshed_at = excluded.refreshed_at

-- name: days
-- The local days of these hours, and all days since the last run, as far as they are over or, `with_open`, have begun.
SELECT DISTINCT d.start, (d.start AT TIME ZONE %(zone)s + interval '1 day') AT TIME ZONE %(zone)s AS next
FROM (
    SELECT date_trunc('day', h.hour, %(zone)s) AS start FROM unnest(%(hours)s::timestamptz[]) AS h (hour)
    UNION
    SELECT g.local_start AT TIME ZONE %(zone)s
    FROM generate_series(
        date_trunc('day', %(since)s::timestamptz AT TIME ZONE %(zone)s),
        date_trunc('day', %(until)s::timestamptz AT TIME ZONE %(zone)s),
        interval '1 day'
    ) AS g (local_start)
    WHERE %(since)s::timestamptz < %(until)s::timestamptz
) AS d
WHERE (%(with_open)s AND d.start < %(until)s
        OR (d.start AT TIME ZONE %(zone)s + interval '1 day') AT TIME ZONE %(zone)s <= %(until)s)
    AND d.start >= %(kept_since)s
ORDER BY d.start

-- name: last_run
SELECT ran_at FROM maintenance_task WHERE name = %s

-- name: record_task
INSERT INTO maintenance_task (name, ran_at) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET ran_at = excluded.ran_at

-- name: record_retention
INSERT INTO retention_run (table_name, cutoff, deleted, ran_at) VALUES (%s, %s, %s, %s)

-- name: rollups_fresh_at
SELECT min(refreshed_at) FROM rollup_watermark

-- name: aggregates_fresh_at
-- On TimescaleDB: the refresh that ended well longest ago. A job that never did counts from 1970; `-infinity` is no time.
SELECT min(greatest(s.last_successful_finish, 'epoch'))
FROM timescaledb_information.jobs AS j
JOIN timescaledb_information.job_stats AS s USING (job_id)
WHERE j.hypertable_schema = 'stadtfunk' AND j.proc_name = 'policy_refresh_continuous_aggregate'
