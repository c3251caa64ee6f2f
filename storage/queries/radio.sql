-- Statements of storage/radio.py: sums of the radio network per hour and local day, from uplinks and receptions.

-- name: find_watermark
SELECT stored_before FROM rollup_watermark WHERE kind = 'radio'

-- name: touch_history
-- The first run: everything that was stored before anybody marked it.
INSERT INTO rollup_touched (kind, hour)
SELECT 'radio', date_trunc('hour', ns_time, 'UTC') FROM uplink WHERE ns_time < %(until)s
UNION
SELECT 'radio', date_trunc('hour', occurred_at, 'UTC') FROM gateway_stats WHERE occurred_at < %(until)s

-- name: take_touched
-- The local days of touched hours that are over. Only what is committed is seen and deleted.
WITH taken AS (
    DELETE FROM rollup_touched WHERE kind = 'radio' AND hour < %(until)s RETURNING hour
)
SELECT DISTINCT date_trunc('day', hour, %(zone)s) FROM taken

-- name: next_days
-- The days of the frames that follow those of a day: what is missing before them may be another number now.
SELECT DISTINCT date_trunc('day', n.ns_time, %(zone)s)
FROM (SELECT DISTINCT device_id FROM uplink WHERE ns_time >= %(low)s AND ns_time < %(high)s) AS k
CROSS JOIN LATERAL (
    SELECT u.ns_time FROM uplink AS u
    WHERE u.device_id = k.device_id AND u.ns_time >= %(high)s AND u.ns_time < %(until)s
    ORDER BY u.ns_time
    LIMIT 1
) AS n

-- name: end_of_day
SELECT (%(low)s::timestamptz AT TIME ZONE %(zone)s + interval '1 day') AT TIME ZONE %(zone)s

-- name: forget
-- {table} is one of the tables of radio figures.
DELETE FROM {table} WHERE bucket >= %(low)s AND bucket < %(high)s

-- name: store
-- All figures of [low, high), which lies in one local day. A frame is missing when the counter of the session leaves it
-- out; a new address, a counter that falls and a leap over 16384 begin a session. Simulated frames (`<> 2` lets the
-- planner guess that they are few) had no radio.
WITH frame AS MATERIALIZED (
    SELECT w.device_id, w.ns_time, w.f_cnt, w.source_id, w.outcome, w.data_rate, w.spreading_factor,
        airtime(w.data_rate, w.spreading_factor, w.payload_size) AS airtime,
        CASE
            WHEN w.dev_addr = coalesce(w.earlier_addr, p.dev_addr)
                AND w.f_cnt - coalesce(w.earlier, p.f_cnt) - 1 BETWEEN 1 AND 16384
            THEN w.f_cnt - coalesce(w.earlier, p.f_cnt) - 1
            ELSE 0
        END AS lost
    FROM (
        SELECT u.*, spreading_factor(u.data_rate) AS spreading_factor,
            lag(u.f_cnt) OVER before AS earlier, lag(u.dev_addr) OVER before AS earlier_addr
        FROM uplink AS u
        WHERE u.ns_time >= %(low)s AND u.ns_time < %(high)s AND u.flags & 2 <> 2
        WINDOW before AS (PARTITION BY u.device_id ORDER BY u.ns_time, u.f_cnt)
    ) AS w
    LEFT JOIN LATERAL (
        SELECT e.f_cnt, e.dev_addr
        FROM uplink AS e
        WHERE w.earlier IS NULL AND e.device_id = w.device_id AND e.ns_time < w.ns_time AND e.flags & 2 <> 2
        ORDER BY e.ns_time DESC, e.f_cnt DESC
        LIMIT 1
    ) AS p ON true
),
heard AS MATERIALIZED (
    SELECT h.*, h.snr - demodulation_floor(h.spreading_factor) AS margin,
        count(*) OVER (PARTITION BY h.device_id, h.ns_time, h.f_cnt) AS gateways,
        row_number() OVER (
            PARTITION BY h.device_id, h.ns_time, h.f_cnt
            ORDER BY h.snr DESC NULLS LAST, h.rssi DESC NULLS LAST, h.gateway_id
        ) AS place
    FROM (
        SELECT f.device_id, f.ns_time, f.f_cnt, f.data_rate, f.spreading_factor, f.airtime, r.gateway_id,
            max(r.rssi) AS rssi, max(r.snr) AS snr
        FROM frame AS f
        JOIN reception AS r ON r.ns_time = f.ns_time AND r.device_id = f.device_id AND r.f_cnt = f.f_cnt
        WHERE r.ns_time >= %(low)s AND r.ns_time < %(high)s
        GROUP BY f.device_id, f.ns_time, f.f_cnt, f.data_rate, f.spreading_factor, f.airtime, r.gateway_id
    ) AS h
),
known AS MATERIALIZED (
    SELECT f.*, coalesce(b.gateways, 0) AS gateways, b.margin, b.rssi
    FROM frame AS f
    LEFT JOIN heard AS b ON b.place = 1 AND b.device_id = f.device_id AND b.ns_time = f.ns_time AND b.f_cnt = f.f_cnt
),
hours AS (
    INSERT INTO radio_hourly (bucket, source_id, outcome, data_rate, frames, lost, single, receptions, airtime)
    SELECT date_trunc('hour', ns_time, 'UTC'), source_id, outcome, data_rate,
        count(*), sum(lost), count(*) FILTER (WHERE gateways = 1), sum(gateways), coalesce(sum(airtime), 0)
    FROM known
    GROUP BY 1, 2, 3, 4
),
margins AS (
    INSERT INTO radio_margin_hourly (bucket, margin, frames)
    SELECT date_trunc('hour', ns_time, 'UTC'), floor(margin), count(*)
    FROM known
    WHERE margin IS NOT NULL
    GROUP BY 1, 2
),
gateways AS (
    INSERT INTO radio_gateway_hourly (bucket, gateway_id, data_rate, frames, alone, best, airtime, rssi, snr)
    SELECT date_trunc('hour', ns_time, 'UTC'), gateway_id, data_rate, count(*),
        count(*) FILTER (WHERE gateways = 1), count(*) FILTER (WHERE place = 1), coalesce(sum(airtime), 0),
        avg(rssi), avg(snr)
    FROM heard
    GROUP BY 1, 2, 3
),
reports AS (
    INSERT INTO radio_report_hourly (
        bucket, gateway_id, reports, rx_received, rx_received_ok, tx_received, tx_emitted
    )
    SELECT date_trunc('hour', occurred_at, 'UTC'), gateway_id, count(*), sum(rx_received), sum(rx_received_ok),
        sum(tx_received), sum(tx_emitted)
    FROM gateway_stats
    WHERE occurred_at >= %(low)s AND occurred_at < %(high)s
    GROUP BY 1, 2
),
links AS (
    INSERT INTO radio_link_daily (bucket, gateway_id, device_id, frames, alone, device_frames, rssi, snr, margin)
    SELECT %(day)s, h.gateway_id, h.device_id, h.frames, h.alone, d.frames, h.rssi, h.snr, h.margin
    FROM (
        SELECT gateway_id, device_id, count(*) AS frames, count(*) FILTER (WHERE gateways = 1) AS alone,
            avg(rssi) AS rssi, avg(snr) AS snr, avg(margin) AS margin
        FROM heard
        GROUP BY gateway_id, device_id
    ) AS h
    JOIN (SELECT device_id, count(*) AS frames FROM frame GROUP BY device_id) AS d USING (device_id)
)
INSERT INTO radio_device_daily (
    bucket, device_id, frames, lost, single, receptions, gateways, slow, airtime, margin_p10, margin_median, rssi_median
)
SELECT %(day)s, k.device_id, count(*), sum(k.lost), count(*) FILTER (WHERE k.gateways = 1), sum(k.gateways),
    coalesce(max(g.gateways), 0), count(*) FILTER (WHERE k.spreading_factor = 12), coalesce(sum(k.airtime), 0),
    percentile_cont(0.1) WITHIN GROUP (ORDER BY k.margin), percentile_cont(0.5) WITHIN GROUP (ORDER BY k.margin),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY k.rssi)
FROM known AS k
LEFT JOIN (SELECT device_id, count(DISTINCT gateway_id) AS gateways FROM heard GROUP BY device_id) AS g USING (device_id)
GROUP BY k.device_id

-- name: set_watermark
INSERT INTO rollup_watermark (kind, stored_before, refreshed_at) VALUES ('radio', %(until)s, %(now)s)
ON CONFLICT (kind) DO UPDATE SET
    stored_before = greatest(rollup_watermark.stored_before, excluded.stored_before),
    refreshed_at = excluded.refreshed_at
