-- Templates of the rollups. Words in braces are filled by storage/rollup_*.py with identifiers and types that follow
-- from the reading kinds; nothing else is ever put into them. All relations are named with their schema, because the
-- statements end up in views.

-- name: steps
-- The step columns of all buckets in [low, high): see rollup_steps.py for the rules.
WITH points AS ({points}), states AS ({states}),
steps AS (
    SELECT device_id, subject, channel, binding, observed_at, name, value, inside,
        lag(value) OVER before AS earlier, lag(binding) OVER before AS earlier_binding
    FROM points
    WINDOW before AS (PARTITION BY device_id, subject, channel, name ORDER BY observed_at)
), spans AS (
    SELECT device_id, subject, channel, binding, name, value,
        greatest(observed_at, {low}) AS begins,
        least(lead(observed_at) OVER after, observed_at + {hold}, bound_until, {high}, now()) AS ends
    FROM states
    WINDOW after AS (PARTITION BY device_id, subject, channel, name ORDER BY observed_at)
), amounts AS (
    SELECT device_id, subject, channel, binding, {bucket_of_step} AS bucket, name, NULL AS state,
        CASE WHEN value < earlier / 2 THEN value ELSE value - earlier END AS amount,
        (value < earlier / 2)::integer AS resets
    FROM steps
    WHERE inside AND earlier_binding = binding
    UNION ALL
    SELECT s.device_id, s.subject, s.channel, s.binding, p.bucket, s.name, s.value,
        extract(epoch FROM least(s.ends, {bucket_end}) - greatest(s.begins, p.bucket)), 0
    FROM spans AS s
    CROSS JOIN LATERAL (
        SELECT g.local_start AT TIME ZONE {zone} AS bucket
        FROM generate_series(
            date_trunc({unit}, s.begins AT TIME ZONE {zone}),
            date_trunc({unit}, (s.ends - interval '1 microsecond') AT TIME ZONE {zone}),
            {step}
        ) AS g (local_start)
    ) AS p
    WHERE s.begins < s.ends AND p.bucket < s.ends AND {bucket_end} > s.begins
), sums AS (
    SELECT device_id, subject, channel, binding, bucket, name, state,
        sum(amount) AS amount, sum(resets) AS resets
    FROM amounts
    GROUP BY device_id, subject, channel, binding, bucket, name, state
)
SELECT device_id, subject, channel, binding, bucket, {columns}
FROM sums
GROUP BY device_id, subject, channel, binding, bucket

-- name: counter_points
-- A counter's values in the range and, for each source that has one there, the value before.
SELECT r.device_id, r.subject, r.channel, coalesce(b.id, 0) AS binding, r.observed_at,
    {name} AS name, r.{column}::numeric AS value, true AS inside
FROM {table} AS r
{bound}
WHERE r.observed_at >= {low} AND r.observed_at < {high} AND r.{column} IS NOT NULL
UNION ALL
SELECT r.device_id, r.subject, r.channel, coalesce(b.id, 0), r.observed_at, {name}, r.value, false
FROM (
    SELECT k.device_id, k.subject, k.channel, p.observed_at, p.value
    FROM (
        SELECT DISTINCT device_id, subject, channel FROM {table}
        WHERE observed_at >= {low} AND observed_at < {high} AND {column} IS NOT NULL
    ) AS k
    CROSS JOIN LATERAL (
        SELECT e.observed_at, e.{column}::numeric AS value FROM {table} AS e
        WHERE e.device_id = k.device_id AND e.subject = k.subject AND e.channel = k.channel
            AND e.observed_at < {low} AND e.{column} IS NOT NULL
        ORDER BY e.observed_at DESC
        LIMIT 1
    ) AS p
) AS r
{bound}

-- name: state_points
-- The states, from so long before the range that every state that lasts into it is seen.
SELECT r.device_id, r.subject, r.channel, coalesce(b.id, 0) AS binding, r.observed_at, v.name, v.value,
    coalesce(b.valid_to, 'infinity') AS bound_until
FROM {table} AS r
{bound}
CROSS JOIN LATERAL (VALUES {values}) AS v (name, value)
WHERE r.observed_at >= {low} - {hold} AND r.observed_at < {high} AND v.value IS NOT NULL

-- name: no_points
SELECT NULL::integer AS device_id, NULL::text AS subject, NULL::smallint AS channel, NULL::integer AS binding,
    NULL::timestamptz AS observed_at, NULL::text AS name, NULL::numeric AS value, true AS inside
WHERE false

-- name: no_states
SELECT NULL::integer AS device_id, NULL::text AS subject, NULL::smallint AS channel, NULL::integer AS binding,
    NULL::timestamptz AS observed_at, NULL::text AS name, NULL::text AS value, NULL::timestamptz AS bound_until
WHERE false

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
SELECT r.device_id, r.subject, r.channel, coalesce(b.id, 0) AS binding, r.bucket, {columns}
FROM {parts} AS r
LEFT JOIN stadtfunk.asset_device AS b
    ON {same_source} AND b.valid_from <= r.bucket AND b.valid_to >= {bucket_end}
WHERE NOT EXISTS (
    SELECT FROM stadtfunk.asset_device AS b
    CROSS JOIN LATERAL (VALUES (b.valid_from), (b.valid_to)) AS t (changed_at)
    WHERE {same_source} AND t.changed_at > r.bucket AND t.changed_at < {bucket_end}
)

-- name: cut_parts
-- Parts of the few buckets in which a device changed its asset, from the readings, one row on each side of the change.
SELECT r.device_id, r.subject, r.channel, coalesce(b.id, 0) AS binding, c.bucket, {columns}
FROM (
    SELECT DISTINCT a.device_id, {bucket_of_change} AS bucket
    FROM stadtfunk.asset_device AS a
    CROSS JOIN LATERAL (VALUES (a.valid_from), (a.valid_to)) AS t (changed_at)
    WHERE isfinite(t.changed_at) AND t.changed_at <> {bucket_of_change}
) AS c
JOIN {table} AS r
    ON r.device_id = c.device_id AND r.observed_at >= c.bucket AND r.observed_at < {bucket_end}
{bound}
WHERE EXISTS (
    SELECT FROM stadtfunk.asset_device AS b
    CROSS JOIN LATERAL (VALUES (b.valid_from), (b.valid_to)) AS t (changed_at)
    WHERE {same_source} AND t.changed_at > c.bucket AND t.changed_at < {bucket_end}
)
GROUP BY r.device_id, r.subject, r.channel, coalesce(b.id, 0), c.bucket

-- name: rollup
-- Parts and steps of one bucket are rows of their own in the union; here they become one row.
SELECT u.device_id, u.subject, u.channel, u.bucket, coalesce(max(u.readings), 0) AS readings, {columns}
FROM ({union}) AS u
GROUP BY u.device_id, u.subject, u.channel, u.bucket

-- name: bound_rollup
-- The same by asset, for people: a change of the device's asset inside a bucket gives two rows.
SELECT u.bucket, d.dev_eui, d.name AS device_name, u.subject, u.channel,
    a.kind AS asset_kind, a.key AS asset_key, a.name AS asset_name, a.district, a.latitude, a.longitude,
    u.readings, {names}
FROM (
    SELECT u.device_id, u.subject, u.channel, u.binding, u.bucket, coalesce(max(u.readings), 0) AS readings, {columns}
    FROM ({union}) AS u
    GROUP BY u.device_id, u.subject, u.channel, u.binding, u.bucket
) AS u
JOIN stadtfunk.device AS d ON d.id = u.device_id
LEFT JOIN stadtfunk.asset_device AS b ON b.id = u.binding
LEFT JOIN stadtfunk.asset AS a ON a.id = b.asset_id

-- name: readings
-- Readings with the device's name and the asset that they are of.
SELECT r.observed_at, d.dev_eui, d.name AS device_name, r.subject, r.channel, r.flags,
    a.kind AS asset_kind, a.key AS asset_key, a.name AS asset_name, a.district, a.latitude, a.longitude,
    {names}
FROM {table} AS r
JOIN stadtfunk.device AS d ON d.id = r.device_id
{bound}
LEFT JOIN stadtfunk.asset AS a ON a.id = b.asset_id

-- name: public
SELECT v.* FROM {view} AS v
WHERE v.dev_eui IN (SELECT d.dev_eui FROM stadtfunk.device AS d WHERE NOT ({household}))
    AND v.asset_kind IS DISTINCT FROM 'meter'

-- name: district
-- Household kinds for people who may not see single customers: means and sums of a district, of five or more meters.
SELECT r.bucket, r.district, count(DISTINCT (r.dev_eui, r.subject)) AS meters, {columns}
FROM {daily} AS r
WHERE r.district <> ''
GROUP BY r.bucket, r.district
HAVING count(DISTINCT (r.dev_eui, r.subject)) >= 5

-- name: stored_before
coalesce((SELECT w.stored_before FROM stadtfunk.rollup_watermark AS w WHERE w.kind = {kind}), '-infinity')
