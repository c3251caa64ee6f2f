-- The network for people: no device, no payload, no customer.

CREATE VIEW v_gateway AS
SELECT g.gateway_id, g.name, g.latitude, g.longitude, g.altitude, g.online, g.online_changed_at, g.stats_at,
    g.last_seen_at
FROM gateway AS g;

CREATE VIEW v_gateway_stats AS
SELECT s.occurred_at, g.gateway_id, g.name AS gateway_name, s.rx_received, s.rx_received_ok, s.tx_received, s.tx_emitted
FROM gateway_stats AS s
JOIN gateway AS g ON g.id = s.gateway_id;

CREATE VIEW v_network_hourly AS
SELECT date_trunc('hour', u.ns_time, 'UTC') AS bucket, s.name AS source, u.outcome, u.data_rate,
    count(*) AS uplinks, count(DISTINCT u.device_id) AS devices
FROM uplink AS u
JOIN source AS s ON s.id = u.source_id
GROUP BY bucket, s.name, u.outcome, u.data_rate;

CREATE VIEW v_rejected AS
SELECT r.source, r.reason, count(*) AS messages, sum(r.times_seen) AS times_seen, max(r.last_seen_at) AS last_seen_at
FROM rejected AS r
WHERE r.resolved_at IS NULL
GROUP BY r.source, r.reason;
