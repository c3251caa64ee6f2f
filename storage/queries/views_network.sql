-- Views for whoever runs the radio network, made by storage/views.py. Devices that are known to be the city's own are
-- shown one by one; all others (meters of households, and devices of which nobody has said yet what they measure) only
-- count in sums, and never alone: {least} of them or more, or none. {public} is filled from the reading kinds.

-- name: network_device
-- Every device with its place, and whether it may be shown by itself. No dashboard reads it: the views below do.
SELECT d.id AS device_id, d.dev_eui, d.name AS device_name, d.profile, a.kind AS asset_kind, a.key AS asset_key,
    a.name AS asset_name, coalesce(a.district, '') AS district, a.latitude, a.longitude,
    h.device_id IS NULL AND (a.id IS NOT NULL OR {public}) AS shown
FROM stadtfunk.device AS d
LEFT JOIN stadtfunk.household_device AS h ON h.device_id = d.id
LEFT JOIN LATERAL (
    SELECT s.* FROM stadtfunk.asset_device AS b
    JOIN stadtfunk.asset AS s ON s.id = b.asset_id
    WHERE b.device_id = d.id AND b.valid_from <= now() AND b.valid_to > now()
    ORDER BY b.id
    LIMIT 1
) AS a ON true

-- name: v_network_device
-- Devices one by one, as they are now. `missing` and `uplinks` are counted since the first frame; `limit_seconds` is
-- what the rule `device_silent` allows by default.
SELECT d.dev_eui, d.device_name, d.profile, d.asset_kind, d.asset_key, d.asset_name, d.district, d.latitude,
    d.longitude, s.uplinks, s.duplicates, s.earlier_gaps + s.last_f_cnt - s.first_f_cnt + 1 - s.session_uplinks AS missing,
    s.last_received_at AS last_seen_at, i.seconds::double precision AS interval_seconds,
    extract(epoch FROM now() - s.last_received_at)::double precision AS silent_seconds,
    least(greatest(3 * coalesce(i.seconds, 31200), 3600), 259200)::double precision AS limit_seconds
FROM stadtfunk.network_device AS d
JOIN stadtfunk.device_state AS s USING (device_id)
LEFT JOIN stadtfunk.device_interval AS i USING (device_id)
WHERE d.shown

-- name: v_network_contact
-- All devices by what they are at: how many there are, and how many are silent for longer than they may be.
SELECT coalesce(d.asset_kind, '') AS asset_kind, count(*) AS devices,
    count(*) FILTER (WHERE s.last_received_at > now() - interval '1 day') AS heard_in_a_day,
    count(*) FILTER (
        WHERE s.last_received_at
            < now() - make_interval(secs => least(greatest(3 * coalesce(i.seconds, 31200), 3600), 259200))
    ) AS silent,
    count(*) FILTER (WHERE s.outcome = 'orphan') AS orphans
FROM stadtfunk.network_device AS d
JOIN stadtfunk.device_state AS s USING (device_id)
LEFT JOIN stadtfunk.device_interval AS i USING (device_id)
GROUP BY 1
HAVING count(*) FILTER (WHERE NOT d.shown) = 0 OR count(*) FILTER (WHERE NOT d.shown) >= {least}

-- name: v_network_gateway
-- Gateways as they are now: `offline` when the network server says so or nothing came for a quarter of an hour, as in
-- the rule `gateway_silent` by default.
SELECT g.id AS gateway, g.gateway_id, coalesce(nullif(g.name, ''), g.gateway_id) AS gateway_name, g.latitude, g.longitude,
    g.last_seen_at, g.stats_at,
    CASE
        WHEN g.last_seen_at IS NULL THEN 'never'
        WHEN g.online IS FALSE OR g.last_seen_at < now() - interval '15 minutes' THEN 'offline'
        ELSE 'online'
    END AS state
FROM stadtfunk.gateway AS g

-- name: v_network_gateway_stats
SELECT s.occurred_at AS time, g.gateway_id, coalesce(nullif(g.name, ''), g.gateway_id) AS gateway_name,
    s.rx_received, s.rx_received_ok, s.tx_received, s.tx_emitted
FROM stadtfunk.gateway_stats AS s
JOIN stadtfunk.gateway AS g ON g.id = s.gateway_id

-- name: v_radio_report_hourly
-- The same by hour.
SELECT r.bucket AS time, g.gateway_id, coalesce(nullif(g.name, ''), g.gateway_id) AS gateway_name,
    r.reports, r.rx_received, r.rx_received_ok, r.tx_received, r.tx_emitted
FROM stadtfunk.radio_report_hourly AS r
JOIN stadtfunk.gateway AS g ON g.id = r.gateway_id

-- name: v_network_frame
-- Frames without their devices.
SELECT u.ns_time AS time, s.name AS source, u.outcome, u.data_rate,
    stadtfunk.spreading_factor(u.data_rate) AS spreading_factor,
    stadtfunk.airtime(u.data_rate, stadtfunk.spreading_factor(u.data_rate), u.payload_size) AS airtime
FROM stadtfunk.uplink AS u
JOIN stadtfunk.source AS s ON s.id = u.source_id
WHERE u.flags & 2 <> 2

-- name: v_network_reception
-- What gateways heard, without devices; `gateway` as in v_network_gateway, so that names are joined to sums.
SELECT r.ns_time AS time, r.gateway_id AS gateway, r.rssi, r.snr
FROM stadtfunk.reception AS r

-- name: v_device_reception
-- Who heard the frames of the city's own devices, how well, and how far above the floor of demodulation.
SELECT u.ns_time AS time, d.dev_eui, d.device_name, u.f_cnt, u.data_rate,
    stadtfunk.spreading_factor(u.data_rate) AS spreading_factor,
    g.gateway_id, coalesce(nullif(g.name, ''), g.gateway_id) AS gateway_name, r.rssi, r.snr,
    r.snr - stadtfunk.demodulation_floor(stadtfunk.spreading_factor(u.data_rate)) AS margin
FROM stadtfunk.network_device AS d
JOIN stadtfunk.uplink AS u USING (device_id)
JOIN stadtfunk.reception AS r ON r.ns_time = u.ns_time AND r.device_id = u.device_id AND r.f_cnt = u.f_cnt
JOIN stadtfunk.gateway AS g ON g.id = r.gateway_id
WHERE d.shown

-- name: v_radio_hourly
SELECT h.bucket AS time, s.name AS source, h.outcome, h.data_rate,
    stadtfunk.spreading_factor(h.data_rate) AS spreading_factor,
    h.frames, h.lost, h.single, h.receptions, h.airtime
FROM stadtfunk.radio_hourly AS h
JOIN stadtfunk.source AS s ON s.id = h.source_id

-- name: v_radio_margin_hourly
SELECT m.bucket AS time, m.margin, m.frames FROM stadtfunk.radio_margin_hourly AS m

-- name: v_radio_gateway_hourly
SELECT h.bucket AS time, g.gateway_id, coalesce(nullif(g.name, ''), g.gateway_id) AS gateway_name, h.data_rate,
    stadtfunk.spreading_factor(h.data_rate) AS spreading_factor, h.frames, h.alone, h.best, h.airtime, h.rssi, h.snr
FROM stadtfunk.radio_gateway_hourly AS h
JOIN stadtfunk.gateway AS g ON g.id = h.gateway_id

-- name: v_radio_gateway_daily
-- What each gateway heard of the devices that it heard at all on that day: `device_frames` is what anybody heard of
-- them. `only_here` are devices that no other gateway heard: lost if this one fails.
SELECT l.bucket AS time, g.gateway_id, coalesce(nullif(g.name, ''), g.gateway_id) AS gateway_name, l.devices, l.frames,
    l.alone, l.device_frames, l.only_here
FROM (
    SELECT bucket, gateway_id, count(*) AS devices, sum(frames) AS frames, sum(alone) AS alone,
        sum(device_frames) AS device_frames, count(*) FILTER (WHERE alone = device_frames) AS only_here
    FROM stadtfunk.radio_link_daily
    GROUP BY bucket, gateway_id
) AS l
JOIN stadtfunk.gateway AS g ON g.id = l.gateway_id

-- name: v_radio_device_daily
SELECT r.bucket AS time, d.dev_eui, d.device_name, d.profile, d.asset_kind, d.asset_key, d.asset_name, d.district,
    d.latitude, d.longitude, r.frames, r.lost, r.single, r.receptions, r.gateways, r.slow, r.airtime,
    r.margin_p10, r.margin_median, r.rssi_median
FROM stadtfunk.radio_device_daily AS r
JOIN stadtfunk.network_device AS d USING (device_id)
WHERE d.shown

-- name: v_radio_link_daily
SELECT r.bucket AS time, d.dev_eui, d.device_name, d.district, g.gateway_id,
    coalesce(nullif(g.name, ''), g.gateway_id) AS gateway_name, r.frames, r.alone, r.device_frames, r.rssi, r.snr, r.margin
FROM stadtfunk.radio_link_daily AS r
JOIN stadtfunk.network_device AS d USING (device_id)
JOIN stadtfunk.gateway AS g ON g.id = r.gateway_id
WHERE d.shown

-- name: v_radio_population_daily
-- All devices by what they are at and district. `red`: the margin's 10th percentile is below 3 dB, `single`: frames
-- that one gateway alone heard.
SELECT r.bucket AS time, coalesce(d.asset_kind, '') AS asset_kind, d.district, count(*) AS devices,
    sum(r.frames) AS frames, sum(r.lost) AS lost, sum(r.single) AS single, sum(r.slow) AS slow,
    count(*) FILTER (WHERE r.margin_p10 < 3) AS red
FROM stadtfunk.radio_device_daily AS r
JOIN stadtfunk.network_device AS d USING (device_id)
GROUP BY r.bucket, coalesce(d.asset_kind, ''), d.district
HAVING count(*) FILTER (WHERE NOT d.shown) = 0 OR count(*) FILTER (WHERE NOT d.shown) >= {least}

-- name: v_radio_cell
-- Coverage in the last 30 days: cells of about 250 m with the median over their devices of each one's best margin (the
-- mean of its daily medians), apart for outdoor places, bays and basements. `latitude` and `longitude` are those of a
-- cell's middle, never of a device.
SELECT c.asset_kind, (c.y + 0.5) * 0.00225 AS latitude, (c.x + 0.5) * 0.0035 AS longitude,
    count(*) AS devices, percentile_cont(0.5) WITHIN GROUP (ORDER BY r.margin) AS margin,
    sum(r.frames)::bigint AS frames, sum(r.lost)::bigint AS lost
FROM (
    SELECT device_id, asset_kind, shown, floor(latitude / 0.00225) AS y, floor(longitude / 0.0035) AS x
    FROM stadtfunk.network_device
    WHERE latitude IS NOT NULL AND longitude IS NOT NULL
) AS c
JOIN (
    SELECT device_id, avg(margin_median) AS margin, sum(frames) AS frames, sum(lost) AS lost
    FROM stadtfunk.radio_device_daily
    WHERE bucket > now() - interval '30 days'
    GROUP BY device_id
) AS r USING (device_id)
WHERE r.margin IS NOT NULL
GROUP BY c.asset_kind, c.y, c.x
HAVING count(*) FILTER (WHERE NOT c.shown) = 0 OR count(*) FILTER (WHERE NOT c.shown) >= {least}

-- name: v_upkeep
-- When maintenance last did what; rollups by kind.
SELECT 'rollup' AS task, w.kind AS name, w.refreshed_at AS at FROM stadtfunk.rollup_watermark AS w
UNION ALL
SELECT 'task', t.name, t.ran_at FROM stadtfunk.maintenance_task AS t

-- name: v_retention
SELECT r.ran_at AS time, r.table_name, r.deleted, r.cutoff FROM stadtfunk.retention_run AS r

-- name: v_database
-- The database as its server counts it since the last reset.
SELECT pg_database_size(s.datname)::double precision AS bytes, s.numbackends AS connections,
    s.xact_commit AS commits, s.xact_rollback AS rollbacks, s.deadlocks,
    s.blks_hit::double precision / nullif(s.blks_hit + s.blks_read, 0) AS cache_hits,
    current_setting('server_version') AS version
FROM pg_catalog.pg_stat_database AS s
WHERE s.datname = current_database()
