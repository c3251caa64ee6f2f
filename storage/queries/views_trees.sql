-- Views for the green-space office, made by storage/views.py. Only readings that are bound to a tree are in them.
-- {zone}, {day_end} are filled from storage/buckets.py.

-- name: tree_site
-- Which readings are of which tree, in which soil. No dashboard reads it: the views below do.
SELECT b.device_id, b.subject, b.channel, b.valid_from, b.valid_to, d.dev_eui, a.key AS tree,
    a.name AS tree_name, a.district, coalesce(c.title, a.attributes ->> 'soil', '') AS soil,
    a.attributes -> 'depths_cm' AS depths, c.residual, c.saturated, c.alpha, c.n, c.capacity, c.wilting
FROM stadtfunk.asset AS a
JOIN stadtfunk.asset_device AS b ON b.asset_id = a.id
JOIN stadtfunk.device AS d ON d.id = b.device_id
LEFT JOIN stadtfunk.soil_class AS c ON c.name = a.attributes ->> 'soil'
WHERE a.kind = 'tree'

-- name: tree_trigger
-- Which tension asks for water at each tree, and in which depth; also for the views below only.
SELECT a.key AS tree, a.latitude, a.longitude, coalesce(a.attributes ->> 'species', '') AS species, y.standing_year,
    t.depth_cm AS leading_depth_cm,
    least(90, greatest(15, t.tension * coalesce(c.trigger_factor, 1) * coalesce(f.trigger_factor, 1))) AS trigger_tension
FROM stadtfunk.asset AS a
CROSS JOIN LATERAL (
    SELECT CASE WHEN a.attributes ->> 'standing_year' ~ '^\d{{1,4}}$'
        THEN (a.attributes ->> 'standing_year')::integer END AS standing_year
) AS y
LEFT JOIN stadtfunk.soil_class AS c ON c.name = a.attributes ->> 'soil'
LEFT JOIN LATERAL (
    SELECT s.trigger_factor FROM stadtfunk.species_factor AS s
    WHERE starts_with(a.attributes ->> 'species', s.name)
    ORDER BY length(s.name) DESC LIMIT 1
) AS f ON true
LEFT JOIN LATERAL (
    SELECT w.tension, w.depth_cm FROM stadtfunk.watering_trigger AS w
    WHERE w.standing_year <= coalesce(y.standing_year, 9)
    ORDER BY w.standing_year DESC LIMIT 1
) AS t ON true
WHERE a.kind = 'tree'

-- name: v_tree_reading
-- Soil at trees: tension as measured, else computed from the water content and the tree's soil (at most 100 kPa then).
SELECT r.observed_at AS time, s.tree, s.tree_name, s.district, s.dev_eui, r.channel,
    stadtfunk.probe_depth(s.depths, s.dev_eui, r.channel) AS depth_cm, r.soil_moisture AS moisture,
    coalesce(r.soil_tension, stadtfunk.soil_tension(r.soil_moisture / 100, s.residual, s.saturated, s.alpha, s.n)) AS tension,
    r.soil_tension IS NOT NULL AS measured,
    100 * (r.soil_moisture / 100 - s.wilting) / (s.capacity - s.wilting) AS usable,
    r.soil_temperature AS temperature
FROM stadtfunk.tree_moisture AS r
JOIN stadtfunk.tree_site AS s
    ON s.device_id = r.device_id AND (s.subject IS NULL OR s.subject = r.subject)
    AND (s.channel IS NULL OR s.channel = r.channel) AND r.observed_at >= s.valid_from AND r.observed_at < s.valid_to

-- name: v_tree_hour
-- The same by hour. An hour in which the device changed its tree is left out.
SELECT p.bucket AS time, s.tree, s.tree_name, s.district, s.dev_eui, p.channel,
    stadtfunk.probe_depth(s.depths, s.dev_eui, p.channel) AS depth_cm, p.soil_moisture_avg AS moisture,
    coalesce(
        p.soil_tension_avg,
        stadtfunk.soil_tension(p.soil_moisture_avg / 100, s.residual, s.saturated, s.alpha, s.n)
    ) AS tension,
    p.soil_tension_avg IS NOT NULL AS measured,
    100 * (p.soil_moisture_avg / 100 - s.wilting) / (s.capacity - s.wilting) AS usable,
    p.soil_temperature_avg AS temperature
FROM stadtfunk.tree_moisture_hourly_parts AS p
JOIN stadtfunk.tree_site AS s
    ON s.device_id = p.device_id AND (s.subject IS NULL OR s.subject = p.subject)
    AND (s.channel IS NULL OR s.channel = p.channel)
    AND p.bucket >= s.valid_from AND p.bucket + interval '1 hour' <= s.valid_to

-- name: v_tree_day
-- The same by day of the city. A day on which the device changed its tree is left out.
SELECT p.bucket AS time, s.tree, s.tree_name, s.district, s.dev_eui, p.channel,
    stadtfunk.probe_depth(s.depths, s.dev_eui, p.channel) AS depth_cm, p.soil_moisture_avg AS moisture,
    coalesce(
        p.soil_tension_avg,
        stadtfunk.soil_tension(p.soil_moisture_avg / 100, s.residual, s.saturated, s.alpha, s.n)
    ) AS tension,
    p.soil_tension_avg IS NOT NULL AS measured,
    100 * (p.soil_moisture_avg / 100 - s.wilting) / (s.capacity - s.wilting) AS usable,
    p.soil_temperature_avg AS temperature, p.readings, p.soil_moisture_min = p.soil_moisture_max AS still, s.soil
FROM stadtfunk.tree_moisture_daily_parts AS p
JOIN stadtfunk.tree_site AS s
    ON s.device_id = p.device_id AND (s.subject IS NULL OR s.subject = p.subject)
    AND (s.channel IS NULL OR s.channel = p.channel)
    AND p.bucket >= s.valid_from AND (s.valid_to = 'infinity' OR s.valid_to >= {day_end})

-- name: v_tree_probe
-- Every probe that spoke in the last 30 days, now: the median of its last three readings. `frozen`: soil of 1 °C or
-- less seems dry and is not. `silent`: nothing for three of the device's intervals, or a day where none is learned.
SELECT s.tree, s.tree_name, s.district, g.latitude, g.longitude, g.species, g.standing_year, s.soil, s.dev_eui,
    k.channel, stadtfunk.probe_depth(s.depths, s.dev_eui, k.channel) AS depth_cm, g.leading_depth_cm, g.trigger_tension,
    l.observed_at, l.moisture,
    coalesce(l.tension, stadtfunk.soil_tension(l.moisture / 100, s.residual, s.saturated, s.alpha, s.n)) AS tension,
    l.tension IS NOT NULL AS measured,
    100 * (l.moisture / 100 - s.wilting) / (s.capacity - s.wilting) AS usable,
    l.temperature, l.frozen, l.faulty,
    l.observed_at < now() - greatest(interval '3 hours', coalesce(3 * make_interval(secs => i.seconds), interval '1 day'))
        AS silent
FROM (
    SELECT DISTINCT p.device_id, p.subject, p.channel
    FROM stadtfunk.tree_moisture_daily_parts AS p
    WHERE p.bucket >= now() - interval '30 days'
) AS k
JOIN stadtfunk.tree_site AS s
    ON s.device_id = k.device_id AND (s.subject IS NULL OR s.subject = k.subject)
    AND (s.channel IS NULL OR s.channel = k.channel) AND s.valid_from <= now() AND s.valid_to > now()
JOIN stadtfunk.tree_trigger AS g ON g.tree = s.tree
LEFT JOIN stadtfunk.device_interval AS i ON i.device_id = k.device_id
CROSS JOIN LATERAL (
    SELECT max(r.observed_at) AS observed_at,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY r.soil_moisture) AS moisture,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY r.soil_tension) AS tension,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY r.soil_temperature) AS temperature,
        coalesce(bool_or(r.flags & 4 > 0 OR r.soil_temperature <= 1), false) AS frozen,
        coalesce(bool_and(r.flags & 257 > 0), false) AS faulty
    FROM (
        SELECT t.observed_at, t.soil_moisture, t.soil_tension, t.soil_temperature, t.flags
        FROM stadtfunk.tree_moisture AS t
        WHERE t.device_id = k.device_id AND t.subject = k.subject AND t.channel = k.channel
            AND t.observed_at >= greatest(now() - interval '30 days', s.valid_from)
        ORDER BY t.observed_at DESC LIMIT 3
    ) AS r
) AS l
WHERE l.observed_at IS NOT NULL

-- name: v_tree_drought
-- One row for each tree with a probe: how dry it is where it counts, against what asks for water at its age, in its soil
-- and for its species. `days_above`: days without a break up to the last, of 30; `trend`: kPa in a day, over 14 days.
SELECT row_number() OVER (
        ORDER BY w.frozen OR w.silent OR w.tension IS NULL, w.tension / w.trigger_tension DESC, w.tension DESC, w.tree
    ) AS place,
    w.tree, w.tree_name, w.district, w.latitude, w.longitude, w.species, w.standing_year, w.soil, w.dev_eui, w.depth_cm,
    w.observed_at, w.moisture, w.usable, w.tension, w.measured, w.trigger_tension,
    100 * w.tension / w.trigger_tension AS percent_of_trigger, w.temperature, w.frozen, w.silent, w.probes,
    coalesce(
        NOT w.frozen AND NOT w.silent AND w.tension >= w.trigger_tension
            AND (w.standing_year < 9 OR w.probes = 1 OR w.probes_above >= 2),
        false
    ) AS thirsty,
    CASE
        WHEN w.silent THEN 'silent'
        WHEN w.frozen THEN 'frozen'
        WHEN w.tension <= 32 THEN 'good'
        WHEN w.tension <= 80 THEN 'moderate'
        WHEN w.tension > 80 THEN 'critical'
        ELSE 'unknown'
    END AS state,
    h.days_above, h.trend
FROM (
    SELECT DISTINCT ON (p.tree) p.*, count(*) OVER t AS probes,
        count(*) FILTER (WHERE p.tension >= p.trigger_tension AND NOT p.frozen AND NOT p.silent) OVER t AS probes_above
    FROM stadtfunk.v_tree_probe AS p
    WINDOW t AS (PARTITION BY p.tree)
    ORDER BY p.tree, p.tension IS NULL, p.silent,
        CASE WHEN p.leading_depth_cm IS NULL THEN coalesce(p.depth_cm, p.channel)
            ELSE abs(coalesce(p.depth_cm, p.channel) - p.leading_depth_cm) END, p.channel
) AS w
LEFT JOIN (
    SELECT y.dev_eui, y.channel, y.tree,
        count(*) FILTER (WHERE y.time > y.last_below) AS days_above,
        regr_slope(y.tension, extract(epoch FROM y.time) / 86400)
            FILTER (WHERE y.time >= now() - interval '14 days') AS trend
    FROM (
        SELECT v.dev_eui, v.channel, v.tree, v.time, v.tension,
            coalesce(
                max(v.time) FILTER (WHERE v.tension < g.trigger_tension)
                    OVER (PARTITION BY v.tree, v.dev_eui, v.channel),
                '-infinity'
            ) AS last_below
        FROM stadtfunk.v_tree_day AS v
        JOIN stadtfunk.tree_trigger AS g ON g.tree = v.tree
        WHERE v.time >= now() - interval '30 days' AND v.tension IS NOT NULL
    ) AS y
    GROUP BY y.dev_eui, y.channel, y.tree
) AS h ON h.tree = w.tree AND h.dev_eui = w.dev_eui AND h.channel = w.channel

-- name: v_tree_map
-- All trees. One without a probe of its own is as dry as the tree that stands for its group.
SELECT a.key AS tree, a.name AS tree_name, a.district, a.latitude, a.longitude,
    coalesce(a.attributes ->> 'species', '') AS species, coalesce(w.state, 'no_sensor') AS state, w.tension, w.usable,
    w.percent_of_trigger, w.thirsty, w.depth_cm, w.observed_at,
    CASE WHEN w.tree IS NOT NULL AND w.tree <> a.key THEN w.tree ELSE '' END AS stands_for
FROM stadtfunk.asset AS a
LEFT JOIN stadtfunk.v_tree_drought AS o ON o.tree = a.key
LEFT JOIN stadtfunk.v_tree_drought AS w
    ON w.tree = CASE WHEN o.tree IS NULL THEN a.attributes ->> 'group' ELSE a.key END
WHERE a.kind = 'tree'

-- name: v_tree_doubt
-- Probes whose readings should not be trusted, or that say nothing, with one line for each reason. `drifts`: on 14 of
-- 21 days more than 30 % (and 4 % of volume, or 10 kPa where measured) off the median of the probes in the same soil and depth.
WITH day AS (
    SELECT v.dev_eui, v.channel, v.time, v.still, v.readings, v.soil, v.depth_cm, v.measured,
        CASE WHEN v.measured THEN v.tension ELSE v.moisture END AS value
    FROM stadtfunk.v_tree_day AS v
    WHERE v.time >= now() - interval '22 days'
), normal AS (
    SELECT y.time, y.soil, y.depth_cm, y.measured,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY y.value) AS value
    FROM day AS y
    WHERE y.value IS NOT NULL
    GROUP BY y.time, y.soil, y.depth_cm, y.measured
    HAVING count(*) >= 5
), judged AS (
    SELECT y.dev_eui, y.channel,
        count(*) FILTER (
            WHERE abs(y.value - n.value) > greatest(0.3 * n.value, CASE WHEN y.measured THEN 10 ELSE 4 END)
        ) AS off_days,
        count(*) FILTER (WHERE y.still AND y.readings >= 3 AND y.time >= now() - interval '4 days') AS still_days
    FROM day AS y
    LEFT JOIN normal AS n
        ON n.time = y.time AND n.soil = y.soil AND n.depth_cm IS NOT DISTINCT FROM y.depth_cm AND n.measured = y.measured
    GROUP BY y.dev_eui, y.channel
)
SELECT p.tree, p.tree_name, p.district, p.dev_eui, p.depth_cm, p.observed_at, q.reason, q.amount
FROM stadtfunk.v_tree_probe AS p
LEFT JOIN judged AS j ON j.dev_eui = p.dev_eui AND j.channel = p.channel
CROSS JOIN LATERAL (
    VALUES
        ('silent', p.silent, extract(epoch FROM now() - p.observed_at) / 3600),
        ('fault', p.faulty, NULL),
        ('frozen', p.frozen, p.temperature),
        ('air_gap', p.moisture < 2 AND NOT p.frozen, p.moisture),
        ('stuck', j.still_days >= 3 AND NOT p.frozen, j.still_days),
        ('drifts', j.off_days >= 14, j.off_days)
) AS q (reason, holds, amount)
WHERE q.holds
UNION ALL
SELECT DISTINCT s.tree, s.tree_name, s.district, s.dev_eui, NULL::integer, NULL::timestamptz, 'never_heard', NULL::numeric
FROM stadtfunk.tree_site AS s
WHERE s.valid_from <= now() AND s.valid_to > now()
    AND NOT EXISTS (SELECT FROM stadtfunk.v_tree_probe AS p WHERE p.dev_eui = s.dev_eui)
