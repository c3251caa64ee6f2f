-- Views for the heating utility's overview, made by storage/views.py. Nothing in them is of a single customer: every
-- value is of a district, and of {least} meters or more that gave this very value; a smaller group has NULL or no row.
-- {day_end} is filled from storage/buckets.py.

-- name: heat_site
-- Which readings are of which meter in which district. No dashboard reads it: the views below do.
SELECT b.id AS binding, b.device_id, b.subject, b.channel, b.valid_from, b.valid_to, a.id AS asset_id, a.district
FROM stadtfunk.asset AS a
JOIN stadtfunk.asset_device AS b ON b.asset_id = a.id
WHERE a.kind = 'meter' AND a.district <> ''

-- name: v_heat_hour
-- Districts by hour. An hour in which a device changed its meter is left out.
SELECT m.bucket AS time, m.district, count(*) AS meters,
    CASE WHEN count(m.power) >= {least} THEN sum(m.power) END AS power,
    CASE WHEN count(m.flow) >= {least} THEN avg(m.flow) END AS flow_temperature,
    CASE WHEN count(m.back) >= {least} THEN avg(m.back) END AS return_temperature,
    CASE WHEN count(m.flow - m.back) >= {least} THEN avg(m.flow - m.back) END AS spread
FROM (
    SELECT p.bucket, s.district, s.asset_id, sum(p.power_avg) AS power, avg(p.flow_temperature_avg) AS flow,
        avg(p.return_temperature_avg) AS back
    FROM stadtfunk.heat_meter_hourly_parts AS p
    JOIN stadtfunk.heat_site AS s
        ON s.device_id = p.device_id AND (s.subject IS NULL OR s.subject = p.subject)
        AND (s.channel IS NULL OR s.channel = p.channel)
        AND p.bucket >= s.valid_from AND p.bucket + interval '1 hour' <= s.valid_to
    GROUP BY p.bucket, s.asset_id, s.district
) AS m
GROUP BY m.bucket, m.district
HAVING count(*) >= {least}

-- name: v_heat_day
-- Districts by day of the city: temperatures as means of meters, with their standard deviation; how many meters had a
-- return above 50 °C or a spread below 15 K; how many sent an error code last.
SELECT m.bucket AS time, m.district, count(*) AS meters,
    CASE WHEN count(m.flow) >= {least} THEN avg(m.flow) END AS flow_temperature,
    CASE WHEN count(m.flow) >= {least} THEN stddev_pop(m.flow) END AS flow_deviation,
    CASE WHEN count(m.back) >= {least} THEN avg(m.back) END AS return_temperature,
    CASE WHEN count(m.back) >= {least} THEN stddev_pop(m.back) END AS return_deviation,
    CASE WHEN count(m.flow - m.back) >= {least} THEN avg(m.flow - m.back) END AS spread,
    CASE WHEN count(m.back) >= {least} THEN count(*) FILTER (WHERE m.back > 50) END AS high_return,
    CASE WHEN count(m.flow - m.back) >= {least} THEN count(*) FILTER (WHERE m.flow - m.back < 15 AND m.power > 0) END
        AS low_spread,
    count(*) FILTER (WHERE m.with_error) AS with_error
FROM (
    SELECT p.bucket, s.district, s.asset_id, avg(p.flow_temperature_avg) AS flow, avg(p.return_temperature_avg) AS back,
        max(p.power_avg) AS power, bool_or(p.error_code_last <> 0) AS with_error
    FROM stadtfunk.heat_meter_daily_parts AS p
    JOIN stadtfunk.heat_site AS s
        ON s.device_id = p.device_id AND (s.subject IS NULL OR s.subject = p.subject)
        AND (s.channel IS NULL OR s.channel = p.channel)
        AND p.bucket >= s.valid_from AND (s.valid_to = 'infinity' OR s.valid_to >= {day_end})
    GROUP BY p.bucket, s.asset_id, s.district
) AS m
GROUP BY m.bucket, m.district
HAVING count(*) >= {least}

-- name: v_heat_energy
-- Heat taken in a district by day of the city, up to the last full hour; the volume with it, and the spread that both
-- say (kWh = 1.143 m³ K at 60 °C).
SELECT e.bucket AS time, e.district, count(*) AS meters, sum(e.energy) AS energy,
    CASE WHEN count(e.volume) >= {least} THEN sum(e.volume) END AS volume,
    CASE WHEN count(e.volume) >= {least} AND sum(e.volume) > 0
        THEN sum(e.energy) FILTER (WHERE e.volume IS NOT NULL) / (1.143 * sum(e.volume)) END AS spread
FROM (
    SELECT p.bucket, s.district, s.asset_id, sum(p.energy_delta) AS energy, sum(p.volume_delta) AS volume
    FROM stadtfunk.heat_meter_daily_steps AS p
    JOIN stadtfunk.heat_site AS s ON s.binding = p.binding
    WHERE p.energy_delta IS NOT NULL
    GROUP BY p.bucket, s.asset_id, s.district
) AS e
GROUP BY e.bucket, e.district
HAVING count(*) >= {least}

-- name: v_heat_reading
-- Meters known in a district, and how many of them were read in the last day and in the last 31 days, which the monthly
-- information of customers needs (FFVAV section 4(4)).
SELECT k.district, count(*) AS meters, count(*) FILTER (WHERE k.read_day) AS read_day,
    count(*) FILTER (WHERE k.read_month) AS read_month,
    100.0 * count(*) FILTER (WHERE k.read_day) / count(*) AS day_rate,
    100.0 * count(*) FILTER (WHERE k.read_month) / count(*) AS month_rate
FROM (
    SELECT s.district, s.asset_id, bool_or(d.device_id IS NOT NULL) AS read_day,
        bool_or(d.device_id IS NOT NULL OR m.device_id IS NOT NULL) AS read_month
    FROM stadtfunk.heat_site AS s
    LEFT JOIN (
        SELECT DISTINCT r.device_id, r.subject, r.channel
        FROM stadtfunk.heat_meter AS r
        WHERE r.observed_at > now() - interval '1 day' AND r.observed_at <= now() AND r.energy IS NOT NULL
    ) AS d
        ON d.device_id = s.device_id AND (s.subject IS NULL OR s.subject = d.subject)
        AND (s.channel IS NULL OR s.channel = d.channel)
    LEFT JOIN (
        SELECT DISTINCT p.device_id, p.subject, p.channel
        FROM stadtfunk.heat_meter_daily_parts AS p
        WHERE p.bucket > now() - interval '31 days' AND p.energy_last IS NOT NULL
    ) AS m
        ON m.device_id = s.device_id AND (s.subject IS NULL OR s.subject = m.subject)
        AND (s.channel IS NULL OR s.channel = m.channel)
    WHERE s.valid_from <= now() AND s.valid_to > now()
    GROUP BY s.district, s.asset_id
) AS k
GROUP BY k.district
HAVING count(*) >= {least}

-- name: v_heat_read_day
-- Of how many meters a reading came on each day, of those that are known of the district today.
SELECT p.bucket AS time, s.district, count(DISTINCT s.asset_id) AS meters_read, k.meters,
    100.0 * count(DISTINCT s.asset_id) / k.meters AS rate
FROM stadtfunk.heat_meter_daily_parts AS p
JOIN stadtfunk.heat_site AS s
    ON s.device_id = p.device_id AND (s.subject IS NULL OR s.subject = p.subject)
    AND (s.channel IS NULL OR s.channel = p.channel)
    AND s.valid_from <= now() AND s.valid_to > now()
JOIN (
    SELECT o.district, count(DISTINCT o.asset_id) AS meters
    FROM stadtfunk.heat_site AS o
    WHERE o.valid_from <= now() AND o.valid_to > now()
    GROUP BY o.district
    HAVING count(DISTINCT o.asset_id) >= {least}
) AS k ON k.district = s.district
GROUP BY p.bucket, s.district, k.meters

-- name: v_heat_error
-- Error codes that meters sent last in the past two days, over all districts; which bit means what is the maker's.
SELECT e.code, count(*) AS meters
FROM (
    SELECT s.asset_id, (array_agg(p.error_code_last ORDER BY p.bucket DESC))[1] AS code, count(*) OVER () AS meters
    FROM stadtfunk.heat_meter_daily_parts AS p
    JOIN stadtfunk.heat_site AS s
        ON s.device_id = p.device_id AND (s.subject IS NULL OR s.subject = p.subject)
        AND (s.channel IS NULL OR s.channel = p.channel)
        AND s.valid_from <= now() AND s.valid_to > now()
    WHERE p.bucket > now() - interval '2 days' AND p.error_code_last IS NOT NULL
    GROUP BY s.asset_id
) AS e
WHERE e.code <> 0 AND e.meters >= {least}
GROUP BY e.code
