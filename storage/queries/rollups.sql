-- Templates of the rollups. Words in braces are filled by storage/rollup_*.py with identifiers and types that follow
-- from the reading kinds; nothing else is ever put into them. All relations are named with their schema, because the
-- statements end up in views.

-- name: steps
-- Step columns from amounts in long form: one row for each source, binding, bucket, quantity and, of states, value.
WITH amounts AS ({amounts}), sums AS (
    SELECT device_id, subject, channel, binding, bucket, name, state,
        sum(amount) AS amount, sum(resets) AS resets
    FROM amounts
    GROUP BY device_id, subject, channel, binding, bucket, name, state
)
SELECT device_id, subject, channel, binding, bucket, {columns}
FROM sums
GROUP BY device_id, subject, channel, binding, bucket

-- name: counter_amounts
-- How far counters went in the hours of [low, high). Only the first reading of a source in there has to look for the
-- one before. Steps across a change of binding are left out.
SELECT s.device_id, s.subject, s.channel, s.binding, date_trunc('hour', s.observed_at, 'UTC') AS bucket,
    s.name, NULL::text AS state,
    CASE WHEN s.value < s.earlier / 2 THEN s.value ELSE s.value - s.earlier END AS amount,
    (s.value < s.earlier / 2)::integer AS resets
FROM (
    SELECT w.device_id, w.subject, w.channel, w.binding, w.observed_at, w.name, w.value,
        coalesce(w.earlier, p.value) AS earlier, coalesce(w.earlier_binding, p.binding) AS earlier_binding
    FROM (
        SELECT r.device_id, r.subject, r.channel, coalesce(b.id, 0) AS binding, r.observed_at, v.name, v.value,
            lag(v.value) OVER before AS earlier, lag(coalesce(b.id, 0)) OVER before AS earlier_binding
        FROM {table} AS r
        {bound}
        CROSS JOIN LATERAL (VALUES {values}) AS v (name, value)
        WHERE r.observed_at >= {low} AND r.observed_at < {high} AND v.value IS NOT NULL
        WINDOW before AS (PARTITION BY r.device_id, r.subject, r.channel, v.name ORDER BY r.observed_at)
    ) AS w
    LEFT JOIN LATERAL (
        SELECT v.value, coalesce(b.id, 0) AS binding
        FROM {table} AS r
        {bound}
        CROSS JOIN LATERAL (VALUES {values}) AS v (name, value)
        WHERE w.earlier IS NULL
            AND r.device_id = w.device_id AND r.subject = w.subject AND r.channel = w.channel
            AND r.observed_at < w.observed_at AND v.name = w.name AND v.value IS NOT NULL
        ORDER BY r.observed_at DESC
        LIMIT 1
    ) AS p ON true
) AS s
WHERE s.earlier_binding = s.binding

-- name: state_amounts
-- How long states lasted in the hours of [low, high). The readings begin so long before that every state that lasts
-- into the range is seen.
SELECT s.device_id, s.subject, s.channel, s.binding, p.bucket, s.name, s.value AS state,
    extract(epoch FROM least(s.ends, p.bucket + interval '1 hour') - greatest(s.begins, p.bucket)) AS amount,
    0 AS resets
FROM (
    SELECT r.device_id, r.subject, r.channel, coalesce(b.id, 0) AS binding, v.name, v.value,
        greatest(r.observed_at, {low}) AS begins,
        least(lead(r.observed_at) OVER after, r.observed_at + {hold}, b.valid_to, {high}, now()) AS ends
    FROM {table} AS r
    {bound}
    CROSS JOIN LATERAL (VALUES {values}) AS v (name, value)
    WHERE r.observed_at >= {low} - {hold} AND r.observed_at < {high} AND v.value IS NOT NULL
    WINDOW after AS (PARTITION BY r.device_id, r.subject, r.channel, v.name ORDER BY r.observed_at)
) AS s
CROSS JOIN LATERAL generate_series(
    date_trunc('hour', s.begins, 'UTC'), s.ends - interval '1 microsecond', interval '1 hour'
) AS p (bucket)
WHERE s.begins < s.ends

-- name: daily_amounts
-- The same in days, from the steps of hours. Hours are whole in every day of a zone whose offset is in hours.
SELECT h.device_id, h.subject, h.channel, h.binding, {bucket} AS bucket, v.name, e.key AS state,
    coalesce(v.delta::numeric, e.value::numeric) AS amount, coalesce(v.resets, 0) AS resets
FROM ({hourly}) AS h
CROSS JOIN LATERAL (VALUES {values}) AS v (name, delta, resets, seconds)
LEFT JOIN LATERAL jsonb_each_text(v.seconds) AS e ON true
WHERE h.bucket >= {low} AND h.bucket < {high} AND (v.delta IS NOT NULL OR e.key IS NOT NULL)

-- name: next_hours
-- The hours in which the readings lie that follow those of [low, high): their steps begin inside.
SELECT date_trunc('hour', n.observed_at, 'UTC')
FROM (
    SELECT DISTINCT device_id, subject, channel FROM {table}
    WHERE observed_at >= {low} AND observed_at < {high} AND {column} IS NOT NULL
) AS k
CROSS JOIN LATERAL (
    SELECT e.observed_at FROM {table} AS e
    WHERE e.device_id = k.device_id AND e.subject = k.subject AND e.channel = k.channel
        AND e.observed_at >= {high} AND e.observed_at < {until} AND e.{column} IS NOT NULL
    ORDER BY e.observed_at
    LIMIT 1
) AS n

-- name: parts
-- What the readings of a bucket say by themselves.
SELECT r.device_id, r.subject, r.channel, {bucket} AS bucket, count(*) AS readings, {columns}
FROM {table} AS r
WHERE {condition}
GROUP BY r.device_id, r.subject, r.channel, {bucket}

-- name: bound_parts
-- Parts of buckets that lie in one binding or in none.
SELECT {names}, r.bucket, {columns}
FROM {parts} AS r
LEFT JOIN stadtfunk.asset_device AS b
    ON {same_source} AND b.valid_from <= r.bucket AND (b.valid_to = 'infinity' OR b.valid_to >= {bucket_end})
{named}
WHERE NOT EXISTS (
    SELECT FROM stadtfunk.asset_device AS b
    CROSS JOIN LATERAL (VALUES (b.valid_from), (b.valid_to)) AS t (changed_at)
    WHERE {same_source} AND t.changed_at > r.bucket AND t.changed_at < {bucket_end}
)

-- name: cut_parts
-- Parts of the few buckets in which a device changed its asset, from the readings, one row on each side of the change.
SELECT {names}, r.bucket, {columns}
FROM (
    SELECT r.device_id, r.subject, r.channel, coalesce(b.id, 0) AS binding, c.bucket, {aggregates}
    FROM (
        SELECT DISTINCT a.device_id, {bucket_of_change} AS bucket
        FROM stadtfunk.asset_device AS a
        CROSS JOIN LATERAL (VALUES (a.valid_from), (a.valid_to)) AS t (changed_at)
        WHERE isfinite(t.changed_at) AND t.changed_at <> {bucket_of_change}
    ) AS c
    JOIN {table} AS r
        ON r.device_id = c.device_id AND r.observed_at >= c.bucket AND r.observed_at < {bucket_end_of_change}
    {bound}
    WHERE EXISTS (
        SELECT FROM stadtfunk.asset_device AS b
        CROSS JOIN LATERAL (VALUES (b.valid_from), (b.valid_to)) AS t (changed_at)
        WHERE {same_source} AND t.changed_at > c.bucket AND t.changed_at < {bucket_end_of_change}
    )
    GROUP BY r.device_id, r.subject, r.channel, coalesce(b.id, 0), c.bucket
) AS r
{bound_by_id}
{named}

-- name: bound_steps
SELECT {names}, r.bucket, {columns}
FROM ({steps}) AS r
{bound_by_id}
{named}

-- name: bound_by_id
-- The device is said again, so that a search for an asset finds its rows through their index.
LEFT JOIN stadtfunk.asset_device AS b ON b.id = r.binding AND b.device_id = r.device_id

-- name: named
JOIN stadtfunk.device AS d ON d.id = r.device_id
LEFT JOIN stadtfunk.asset AS a ON a.id = b.asset_id

-- name: named_public
-- Devices of households are left out before anything is grouped.
JOIN stadtfunk.device AS d ON d.id = r.device_id AND r.device_id = ANY ({public_devices})
LEFT JOIN stadtfunk.asset AS a ON a.id = b.asset_id

-- name: public_devices
-- An array, which goes down into every part of a query; without its type it would be a list of rows.
(SELECT p.devices FROM public_device AS p)::integer[]

-- name: bound_to_district
JOIN stadtfunk.asset AS a ON a.id = b.asset_id AND a.district <> ''

-- name: district_arm
-- Parts of buckets that lie in one binding. Bindings of a source exclude each other, so nothing changes in such a bucket.
SELECT b.district, r.device_id, r.subject, r.bucket, {columns}
FROM {parts} AS r
JOIN (
    SELECT b.device_id, b.subject, b.channel, b.valid_from, b.valid_to, a.district
    FROM stadtfunk.asset_device AS b
    JOIN stadtfunk.asset AS a ON a.id = b.asset_id AND a.district <> ''
    OFFSET 0  -- else every part is joined twice: to its binding, then to the asset
) AS b ON {same_source} AND b.valid_from <= r.bucket AND (b.valid_to = 'infinity' OR b.valid_to >= {bucket_end})

-- name: names
d.dev_eui, d.name AS device_name, r.subject, r.channel,
    a.kind AS asset_kind, a.key AS asset_key, a.name AS asset_name, a.district, a.latitude, a.longitude

-- name: rollup
-- Parts and steps of one bucket are rows of their own in the union; here they become one row.
SELECT u.device_id, u.subject, u.channel, u.bucket, coalesce(max(u.readings), 0) AS readings, {columns}
FROM ({union}) AS u
GROUP BY u.device_id, u.subject, u.channel, u.bucket

-- name: bound_rollup
-- The same by asset, for people: a change of the device's asset inside a bucket gives two rows. Names are joined below
-- the grouping, so that a search for one of them does not compute the whole city first.
SELECT u.bucket, u.dev_eui, u.device_name, u.subject, u.channel,
    u.asset_kind, u.asset_key, u.asset_name, u.district, u.latitude, u.longitude,
    coalesce(max(u.readings), 0) AS readings, {columns}
FROM ({union}) AS u
GROUP BY u.bucket, u.dev_eui, u.device_name, u.subject, u.channel,
    u.asset_kind, u.asset_key, u.asset_name, u.district, u.latitude, u.longitude

-- name: readings
-- Readings with the device's name and the asset that they are of.
SELECT r.observed_at, {names}, r.flags, {columns}
FROM {table} AS r
{bound}
{named}

-- name: public
SELECT v.* FROM {view} AS v
WHERE v.dev_eui IN (SELECT d.dev_eui FROM stadtfunk.device AS d WHERE NOT ({household}))
    AND v.asset_kind IS DISTINCT FROM 'meter'

-- name: public_rollup
WITH public_device AS MATERIALIZED (
    SELECT ARRAY(SELECT d.id FROM stadtfunk.device AS d WHERE NOT ({household})) AS devices
)
SELECT v.* FROM ({rollup}) AS v WHERE v.asset_kind IS DISTINCT FROM 'meter'

-- name: household_devices
SELECT d.id AS device_id FROM stadtfunk.device AS d WHERE {condition}

-- name: bound_to_meter
EXISTS (
    SELECT FROM stadtfunk.asset_device AS b
    JOIN stadtfunk.asset AS a ON a.id = b.asset_id
    WHERE b.device_id = d.id AND a.kind = 'meter'
)

-- name: district
-- Household kinds for people who may not see single customers: means and sums of a district, each value of five meters
-- or more that gave it. Who asks for no counter pays for none: then the planner leaves out the join.
SELECT g.bucket, g.district, g.meters{gauges}{counters}
FROM ({parts}) AS g
{growth}

-- name: district_parts
SELECT m.bucket, m.district, count(*) AS meters{columns}
FROM (
    SELECT u.bucket, u.district, u.device_id, u.subject{of_meter}
    FROM ({union}) AS u
    GROUP BY u.bucket, u.district, u.device_id, u.subject
) AS m
GROUP BY m.bucket, m.district
HAVING count(*) >= 5

-- name: district_growth
-- The sums of counters alone, which need no look at the other values.
SELECT m.bucket, m.district{columns}
FROM (
    SELECT u.bucket, b.district, u.device_id, u.subject{of_meter}
    FROM (
        SELECT h.bucket, h.device_id, h.subject, h.binding{deltas}
        FROM ({daily}) AS h
        UNION ALL
        SELECT {day}, h.device_id, h.subject, h.binding{deltas}
        FROM ({live}) AS h
    ) AS u
    JOIN (
        SELECT b.id, a.district
        FROM stadtfunk.asset_device AS b
        JOIN stadtfunk.asset AS a ON a.id = b.asset_id AND a.district <> ''
    ) AS b ON b.id = u.binding
    GROUP BY u.bucket, b.district, u.device_id, u.subject
) AS m
GROUP BY m.bucket, m.district
HAVING count(*) >= 5

-- name: district_names
a.district, r.device_id, r.subject

-- name: stored_before
coalesce((SELECT w.stored_before FROM stadtfunk.rollup_watermark AS w WHERE w.kind = {kind}), '-infinity')
