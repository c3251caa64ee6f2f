-- What dashboards show of assets and alerts: the city's own things, no person's name, no single customer.

-- Devices of households: whatever was ever bound to a meter. `migrate` adds those that ever sent a reading of a
-- household kind (storage/rollups.py); it replaces this view, so that what is built on it stays.
CREATE VIEW household_device AS
SELECT d.id AS device_id
FROM device AS d
WHERE EXISTS (
    SELECT FROM asset_device AS b JOIN asset AS a ON a.id = b.asset_id WHERE b.device_id = d.id AND a.kind = 'meter'
);

-- Alerts, open and past. Of those about a household's device or meter only the district is told.
CREATE VIEW v_alert AS
SELECT l.number, l.rule, l.code, l.severity, l.state, l.outcome, l.subject_kind,
    CASE WHEN h.hidden THEN '' ELSE l.subject END AS subject,
    CASE WHEN NOT h.hidden THEN a.kind END AS asset_kind,
    CASE WHEN NOT h.hidden THEN a.key END AS asset_key,
    CASE WHEN NOT h.hidden THEN a.name END AS asset_name,
    l.district,
    CASE WHEN NOT h.hidden THEN a.latitude END AS latitude,
    CASE WHEN NOT h.hidden THEN a.longitude END AS longitude,
    l.confidence, l.priority, l.backfilled, l.since, l.due_at, l.opened_at, l.updated_at, l.closed_at
FROM alert AS l
LEFT JOIN asset AS a ON a.id = l.asset_id
CROSS JOIN LATERAL (
    SELECT coalesce(a.kind = 'meter', false) OR l.subject_kind = 'device' AND EXISTS (
        SELECT FROM device AS d
        JOIN household_device AS o ON o.device_id = d.id
        WHERE d.dev_eui = split_part(l.subject, '/', 1)
    )
) AS h (hidden);

-- The same as spans of time: what Grafana draws into graphs. `place` is what people call it.
CREATE VIEW v_alert_annotation AS
SELECT l.opened_at AS time, coalesce(l.closed_at, now()) AS timeend, l.number, l.rule, l.code, l.severity,
    l.asset_kind, l.district, coalesce(nullif(l.asset_name, ''), l.asset_key, l.subject) AS place
FROM v_alert AS l;

-- The city's assets with what is the matter with each, the worst first: an open alert (`critical`, `warning`), nothing
-- measures it (`unbound`), it never spoke (`never`), it is silent for longer than the rule `device_silent` allows by
-- default (`silent`), `ok`. Meters are their customers', and not here.
CREATE VIEW v_asset_state AS
SELECT s.kind, s.key, s.name, s.district, s.latitude, s.longitude, s.last_reading_at, s.open_alerts,
    CASE
        WHEN s.worst = 2 THEN 'critical'
        WHEN s.worst = 1 THEN 'warning'
        WHEN NOT s.bound THEN 'unbound'
        WHEN s.last_reading_at IS NULL THEN 'never'
        WHEN s.last_reading_at < now() - s.patience THEN 'silent'
        ELSE 'ok'
    END AS state
FROM (
    SELECT a.kind, a.key, a.name, a.district, a.latitude, a.longitude,
        coalesce(l.alerts, 0) AS open_alerts, coalesce(l.worst, 0) AS worst,
        coalesce(m.devices, 0) > 0 OR g.id IS NOT NULL OR e.evses > 0 AS bound,
        greatest(m.last_at, g.last_seen_at, e.last_at) AS last_reading_at,
        coalesce(m.patience, interval '1 hour') AS patience
    FROM asset AS a
    LEFT JOIN (
        SELECT b.asset_id, count(*) AS devices, max(t.last_received_at) AS last_at,
            max(make_interval(secs => least(greatest(3 * coalesce(i.seconds, 31200), 3600), 259200))) AS patience
        FROM asset_device AS b
        LEFT JOIN device_state AS t ON t.device_id = b.device_id
        LEFT JOIN device_interval AS i ON i.device_id = b.device_id
        WHERE b.valid_from <= now() AND b.valid_to > now()
        GROUP BY b.asset_id
    ) AS m ON m.asset_id = a.id
    LEFT JOIN (
        SELECT o.asset_id, count(*) AS alerts,
            max(CASE o.severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END) AS worst
        FROM alert AS o
        WHERE o.closed_at IS NULL
        GROUP BY o.asset_id
    ) AS l ON l.asset_id = a.id
    LEFT JOIN gateway AS g ON a.kind = 'gateway' AND g.gateway_id = a.key
    LEFT JOIN LATERAL (
        SELECT count(*) AS evses, max(c.last_at) AS last_at
        FROM evse AS p
        LEFT JOIN (SELECT source, max(last_at) AS last_at FROM evse_contact GROUP BY source) AS c
            ON c.source = p.source
        WHERE a.kind = 'charging_station' AND p.station = a.key
    ) AS e ON true
    WHERE a.kind <> 'meter'
) AS s;
