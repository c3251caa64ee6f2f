-- Statements of the batch writer. Parameters are binary arrays (%b), one array a column, one element a row.
-- The same text runs on PostgreSQL and TimescaleDB.

-- name: insert_uplinks
INSERT INTO uplink (
    device_id, ns_time, f_cnt, source_id, decoder_id, f_port, flags, payload_size, payload_crc, frequency,
    outcome, data_rate, dev_addr, event_time, received_at, deduplication_id
)
SELECT
    unnest(%b::int[]), unnest(%b::timestamptz[]), unnest(%b::bigint[]), unnest(%b::smallint[]),
    unnest(%b::smallint[]), unnest(%b::smallint[]), unnest(%b::smallint[]), unnest(%b::smallint[]),
    unnest(%b::bigint[]), unnest(%b::bigint[]), unnest(%b::text[]), unnest(%b::text[]), unnest(%b::text[]),
    unnest(%b::timestamptz[]), unnest(%b::timestamptz[]), unnest(%b::uuid[])
ON CONFLICT DO NOTHING
RETURNING device_id, ns_time, f_cnt

-- name: find_copies
-- The stored uplink of the same frame within the window, for frames that may be late gateway copies.
SELECT c.position, o.ns_time
FROM (
    SELECT
        unnest(%b::int[]) AS position, unnest(%b::int[]) AS device_id, unnest(%b::timestamptz[]) AS ns_time,
        unnest(%b::bigint[]) AS f_cnt, unnest(%b::smallint[]) AS source_id, unnest(%b::bigint[]) AS payload_crc,
        unnest(%b::bigint[]) AS frequency, unnest(%b::text[]) AS data_rate, unnest(%b::text[]) AS dev_addr
) AS c
JOIN uplink AS o
    ON o.device_id = c.device_id
    AND o.ns_time BETWEEN c.ns_time - interval '15 minutes' AND c.ns_time + interval '15 minutes'
    AND o.f_cnt = c.f_cnt
    AND o.source_id = c.source_id
    AND o.payload_crc = c.payload_crc
    AND o.frequency = c.frequency
    AND o.data_rate = c.data_rate
    AND o.dev_addr = c.dev_addr
WHERE o.ns_time BETWEEN %b::timestamptz AND %b::timestamptz  -- constants, so that other chunks are not opened

-- name: insert_public_payloads
INSERT INTO payload_public (device_id, ns_time, f_cnt, payload)
SELECT unnest(%b::int[]), unnest(%b::timestamptz[]), unnest(%b::bigint[]), unnest(%b::bytea[])

-- name: insert_household_payloads
INSERT INTO payload_household (device_id, ns_time, f_cnt, payload)
SELECT unnest(%b::int[]), unnest(%b::timestamptz[]), unnest(%b::bigint[]), unnest(%b::bytea[])

-- name: insert_receptions
INSERT INTO reception (ns_time, device_id, f_cnt, gateway_id, antenna, channel, rssi, snr)
SELECT
    unnest(%b::timestamptz[]), unnest(%b::int[]), unnest(%b::bigint[]), unnest(%b::int[]),
    unnest(%b::smallint[]), unnest(%b::smallint[]), unnest(%b::smallint[]), unnest(%b::real[])
ON CONFLICT DO NOTHING

-- name: upsert_device_states
INSERT INTO device_state AS s (
    device_id, source_id, dev_addr, session_started_at, first_f_cnt, last_f_cnt, session_uplinks, earlier_gaps,
    uplinks, duplicates, last_ns_time, last_received_at, outcome
)
SELECT
    unnest(%b::int[]), unnest(%b::smallint[]), unnest(%b::text[]), unnest(%b::timestamptz[]),
    unnest(%b::bigint[]), unnest(%b::bigint[]), unnest(%b::bigint[]), unnest(%b::bigint[]),
    unnest(%b::bigint[]), unnest(%b::bigint[]), unnest(%b::timestamptz[]), unnest(%b::timestamptz[]),
    unnest(%b::text[])
ON CONFLICT (device_id) DO UPDATE SET
    source_id = excluded.source_id, dev_addr = excluded.dev_addr, session_started_at = excluded.session_started_at,
    first_f_cnt = excluded.first_f_cnt, last_f_cnt = excluded.last_f_cnt,
    session_uplinks = excluded.session_uplinks, earlier_gaps = excluded.earlier_gaps, uplinks = excluded.uplinks,
    duplicates = excluded.duplicates, last_ns_time = excluded.last_ns_time,
    last_received_at = excluded.last_received_at, outcome = excluded.outcome

-- name: take_turn
SELECT writer FROM writer_turn FOR UPDATE

-- name: sign_turn
UPDATE writer_turn SET writer = %b

-- name: mark_rollups
INSERT INTO rollup_touched (kind, hour) SELECT unnest(%b::text[]), unnest(%b::timestamptz[])

-- name: notify
SELECT pg_notify('stadtfunk_readings', %b)

-- name: insert_events
INSERT INTO device_event (device_id, occurred_at, kind, code, source_id, received_at, deduplication_id, detail)
SELECT
    unnest(%b::int[]), unnest(%b::timestamptz[]), unnest(%b::text[]), unnest(%b::text[]), unnest(%b::smallint[]),
    unnest(%b::timestamptz[]), unnest(%b::text[]), unnest(%b::text[])::jsonb
ON CONFLICT DO NOTHING

-- name: insert_gateway_stats
INSERT INTO gateway_stats (
    gateway_id, occurred_at, received_at, rx_received, rx_received_ok, tx_received, tx_emitted, detail
)
SELECT
    unnest(%b::int[]), unnest(%b::timestamptz[]), unnest(%b::timestamptz[]), unnest(%b::int[]), unnest(%b::int[]),
    unnest(%b::int[]), unnest(%b::int[]), unnest(%b::text[])::jsonb
ON CONFLICT DO NOTHING

-- name: update_gateways_seen
UPDATE gateway AS g SET
    last_seen_at = greatest(g.last_seen_at, n.seen_at),
    stats_at = greatest(g.stats_at, n.stats_at),
    latitude = coalesce(n.latitude, g.latitude),
    longitude = coalesce(n.longitude, g.longitude),
    altitude = coalesce(n.altitude, g.altitude)
FROM (
    SELECT
        unnest(%b::int[]) AS id, unnest(%b::timestamptz[]) AS seen_at, unnest(%b::timestamptz[]) AS stats_at,
        unnest(%b::float8[]) AS latitude, unnest(%b::float8[]) AS longitude, unnest(%b::float8[]) AS altitude
) AS n
WHERE g.id = n.id

-- name: update_gateways_online
UPDATE gateway AS g SET online = n.online, online_changed_at = n.at
FROM (SELECT unnest(%b::int[]) AS id, unnest(%b::boolean[]) AS online, unnest(%b::timestamptz[]) AS at) AS n
WHERE g.id = n.id
    AND (g.online_changed_at IS NULL OR g.online_changed_at <= n.at)
    AND g.online IS DISTINCT FROM n.online

-- name: insert_rejected
-- The same message again is counted, not kept twice. `inserted` is true for a row that is new.
INSERT INTO rejected AS r (
    digest, received_at, source, topic, payload, reason, detail, dev_eui, decoder, last_seen_at
)
SELECT
    unnest(%b::bytea[]), unnest(%b::timestamptz[]), unnest(%b::text[]), unnest(%b::text[]), unnest(%b::bytea[]),
    unnest(%b::text[]), unnest(%b::text[]), unnest(%b::text[]), unnest(%b::text[]), unnest(%b::timestamptz[])
ON CONFLICT (digest) DO UPDATE SET times_seen = r.times_seen + 1, last_seen_at = excluded.last_seen_at
RETURNING reason, (xmax = 0) AS inserted

-- name: ensure_sources
INSERT INTO source (name) SELECT unnest(%b::text[]) ON CONFLICT DO NOTHING

-- name: find_sources
SELECT name, id FROM source WHERE name = ANY (%b::text[])

-- name: ensure_decoders
INSERT INTO decoder_version (name, version, file_hash)
SELECT unnest(%b::text[]), unnest(%b::int[]), unnest(%b::text[])
ON CONFLICT DO NOTHING

-- name: find_decoders
SELECT d.name, d.version, d.file_hash, d.id
FROM decoder_version AS d
WHERE d.name = ANY (%b::text[])

-- name: ensure_gateways
INSERT INTO gateway (gateway_id) SELECT unnest(%b::text[]) ON CONFLICT DO NOTHING

-- name: find_gateways
SELECT gateway_id, id, latitude, longitude, altitude FROM gateway WHERE gateway_id = ANY (%b::text[])

-- name: ensure_devices
INSERT INTO device (dev_eui, name, profile, application, tags)
SELECT unnest(%b::text[]), unnest(%b::text[]), unnest(%b::text[]), unnest(%b::text[]), unnest(%b::text[])::jsonb
ON CONFLICT DO NOTHING

-- name: find_devices
SELECT
    d.dev_eui, d.id, d.name, d.profile, d.application, d.tags,
    s.source_id, s.dev_addr, s.session_started_at, s.first_f_cnt, s.last_f_cnt, s.session_uplinks,
    s.earlier_gaps, s.uplinks, s.duplicates, s.last_ns_time, s.last_received_at, s.outcome
FROM device AS d
LEFT JOIN device_state AS s ON s.device_id = d.id
WHERE d.dev_eui = ANY (%b::text[])

-- name: update_devices
UPDATE device AS d SET name = n.name, profile = n.profile, application = n.application, tags = n.tags::jsonb
FROM (
    SELECT
        unnest(%b::int[]) AS id, unnest(%b::text[]) AS name, unnest(%b::text[]) AS profile,
        unnest(%b::text[]) AS application, unnest(%b::text[]) AS tags
) AS n
WHERE d.id = n.id

-- name: set_outcomes
-- Re-decoding: the uplink was stored before, its payload now gave something else.
UPDATE uplink AS u SET outcome = n.outcome, decoder_id = n.decoder_id
FROM (
    SELECT
        unnest(%b::int[]) AS device_id, unnest(%b::timestamptz[]) AS ns_time, unnest(%b::bigint[]) AS f_cnt,
        unnest(%b::text[]) AS outcome, unnest(%b::smallint[]) AS decoder_id
) AS n
WHERE u.device_id = n.device_id AND u.ns_time = n.ns_time AND u.f_cnt = n.f_cnt
